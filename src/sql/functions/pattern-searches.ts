/**
 * Functions that go through the matches of a regular expression in a text.
 *
 * Each is a {@link Search}: which pattern, from where, what to do with a match, and what comes of it. {@link searchNow} runs it in
 * one go, with the pattern that all share; {@link searchInSlices} runs it over a long text, giving way, with one of its own.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { PgArray } from '../types/array.ts';
import type { Pace, SqlValue } from '../types/contracts.ts';
import { codePointLength, indexOfCodePoint } from '../types/text-order.ts';
import { TEXT_OID } from '../types/type-oids.ts';
import type { RegexMatch } from './regex/matcher.ts';
import { compiledPattern, ownPattern, type Pattern } from './regex/pattern.ts';
import { codePointsInSlices, indexInSlices } from './text-in-slices.ts';

interface Search {
  readonly text: string;
  readonly source: string;
  /** Option letters of the pattern. */
  readonly letters: string;
  /** Code point where it begins, from 1. */
  readonly start: number;
  /** Takes a match; true = enough. */
  take(match: RegexMatch, pattern: Pattern): boolean;
  result(pattern: Pattern): SqlValue;
}

export type SearchFunction = { call(...args: (SqlValue | undefined)[]): Search }['call'];

/** Where the search for the next match begins: behind an empty match one character later. */
function behind(text: string, { start, end }: RegexMatch): number {
  if (end > start) return end;
  return end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
}

/** All matches from `from` on. */
export function* matches(pattern: Pattern, text: string, from = 0): Generator<RegexMatch> {
  for (let at = from; at <= text.length; ) {
    const match = pattern.find(text, at);
    if (match === undefined) return;
    yield match;
    at = behind(text, match);
  }
}

/** UTF-16 index of the code point where a search begins; beyond the text when there is no such place in it. */
function startIndex({ text, start }: Search): number {
  if (start === 1) return 0;
  const length = codePointLength(text);
  return start - 1 > length ? text.length + 1 : indexOfCodePoint(text, 0, start - 1);
}

export function searchNow(search: Search): SqlValue {
  const { text } = search;
  const from = startIndex(search);
  const pattern = compiledPattern(search.source, search.letters);
  for (const match of matches(pattern, text, from)) if (search.take(match, pattern)) break;
  return search.result(pattern);
}

export function* searchInSlices(pace: Pace, search: Search): Task<SqlValue> {
  const { text, start } = search;
  const pattern = ownPattern(search.source, search.letters);
  let at = 0;
  if (start > 1) {
    const length = yield* codePointsInSlices(pace, text);
    at = start - 1 > length ? text.length + 1 : yield* indexInSlices(pace, text, start - 1);
  }
  while (at <= text.length) {
    const match = yield* pattern.findInSlices(pace, text, at);
    if (match === undefined || search.take(match, pattern)) break;
    at = behind(text, match);
    if (pace.isOver()) yield pace.slice();
  }
  return search.result(pattern);
}

interface Flags {
  readonly global: boolean;
  readonly letters: string;
}

export function readFlags(flags: string): Flags {
  return { global: flags.includes('g'), letters: flags.replaceAll('g', '') };
}

/** Flags of functions that take all matches anyway, and so refuse `g`. */
export function flagsWithoutGlobal(flags: string, name: string, hint?: string): string {
  if (!flags.includes('g')) return flags;
  throw fail('invalid_parameter_value', `${name}() does not support the "global" option`, { hint });
}

function groupText(text: string, match: RegexMatch, group: number): string | null {
  const start = match.groups[(group - 1) * 2] ?? -1;
  const end = match.groups[(group - 1) * 2 + 1] ?? -1;
  return start < 0 || end < 0 ? null : text.slice(start, end);
}

/** The groups of a match, or the whole match when the pattern has none. */
export function captures(text: string, pattern: Pattern, match: RegexMatch): PgArray {
  if (pattern.groups === 0) return new PgArray(TEXT_OID, [text.slice(match.start, match.end)]);
  const values: SqlValue[] = [];
  for (let group = 1; group <= pattern.groups; group++) values.push(groupText(text, match, group));
  return new PgArray(TEXT_OID, values);
}

/** Texts between matches. Empty matches at the ends, or right behind the last match, cut nothing. */
export class PartsBetween {
  readonly #text: string;
  #done = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text that ends where this match begins; undefined when it cuts nothing. */
  before(match: RegexMatch): string | undefined {
    if (match.start >= this.#text.length || match.end <= this.#done) return undefined;
    const part = this.#text.slice(this.#done, match.start);
    this.#done = match.end;
    return part;
  }

  /** The text behind the last match. */
  get last(): string {
    return this.#text.slice(this.#done);
  }
}

function checkedStart(start: number): number {
  if (start <= 0) throw fail('invalid_parameter_value', `invalid value for parameter "start": ${start}`);
  return start;
}

function positive(value: number, name: string): number {
  if (value <= 0) throw fail('invalid_parameter_value', `invalid value for parameter "${name}": ${value}`);
  return value;
}

/** A search for one match, the nth, and what is made of it; null when there is none, or `none`. */
function nthMatch(
  search: Pick<Search, 'text' | 'source' | 'letters' | 'start'>,
  n: number,
  make: (match: RegexMatch, pattern: Pattern) => SqlValue,
  none: SqlValue = null,
): Search {
  const { text, source, letters, start } = search;
  let count = 0;
  let found: RegexMatch | undefined;
  return {
    text,
    source,
    letters,
    start,
    take(match) {
      if (++count < n) return false;
      found = match;
      return true;
    },
    result: (pattern) => (found === undefined ? none : make(found, pattern)),
  };
}

export function regexpMatch(text: string, source: string, flags = ''): Search {
  const letters = flagsWithoutGlobal(flags, 'regexp_match', 'Use the regexp_matches function instead.');
  return nthMatch({ text, source, letters, start: 1 }, 1, (match, pattern) => captures(text, pattern, match));
}

/** `substring(text from pattern)`: the first group, or the whole match. */
export function substringByPattern(text: string, source: string): Search {
  return nthMatch({ text, source, letters: '', start: 1 }, 1, (match, pattern) =>
    pattern.groups > 0 ? groupText(text, match, 1) : text.slice(match.start, match.end),
  );
}

/** A replacement with `\1` … `\9`, `\&` and `\\` filled in. */
function replacement(template: string, text: string, match: RegexMatch): string {
  if (!template.includes('\\')) return template;
  return template.replace(/\\([1-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\';
    return mark === '&' ? text.slice(match.start, match.end) : (groupText(text, match, Number(mark)) ?? '');
  });
}

/** Parts of a result that are joined at a time: a rope of single matches would be dear to read. */
const PARTS_JOINED = 1024;

/** Replaces the nth match from the start, or all with n = 0. */
function replaceMatches(
  search: Pick<Search, 'text' | 'source' | 'letters' | 'start'>,
  template: string,
  n: number,
): Search {
  const { text, source, letters, start } = search;
  let result = '';
  let parts: string[] = [];
  let done = 0;
  let count = 0;
  return {
    text,
    source,
    letters,
    start,
    take(match) {
      count++;
      if (n > 0 && count < n) return false;
      parts.push(text.slice(done, match.start), replacement(template, text, match));
      done = match.end;
      if (parts.length >= PARTS_JOINED) {
        result += parts.join('');
        parts = [];
      }
      return n > 0;
    },
    result: () => result + parts.join('') + text.slice(done),
  };
}

export function regexpReplace(text: string, source: string, template: string, flags = ''): Search {
  if (/^\d/.test(flags)) {
    throw fail('invalid_parameter_value', `invalid regular expression option: "${flags.charAt(0)}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    });
  }
  const { global, letters } = readFlags(flags);
  return replaceMatches({ text, source, letters, start: 1 }, template, global ? 0 : 1);
}

export function regexpReplaceFrom(
  text: string,
  source: string,
  template: string,
  start: number,
  n?: number,
  flags = '',
): Search {
  const { letters } = readFlags(flags);
  if (n !== undefined && n < 0) throw fail('invalid_parameter_value', `invalid value for parameter "n": ${n}`);
  return replaceMatches({ text, source, letters, start: checkedStart(start) }, template, n ?? 1);
}

export function regexpSplitToArray(text: string, source: string, flags = ''): Search {
  const letters = flagsWithoutGlobal(flags, 'regexp_split_to_array');
  const between = new PartsBetween(text);
  const parts: string[] = [];
  return {
    text,
    source,
    letters,
    start: 1,
    take(match) {
      const part = between.before(match);
      if (part !== undefined) parts.push(part);
      return false;
    },
    result() {
      parts.push(between.last);
      return new PgArray(TEXT_OID, parts);
    },
  };
}

export function regexpCount(text: string, source: string, start = 1, flags = ''): Search {
  const letters = flagsWithoutGlobal(flags, 'regexp_count');
  let count = 0;
  return {
    text,
    source,
    letters,
    start: checkedStart(start),
    take() {
      count++;
      return false;
    },
    result: () => count,
  };
}

/** Group 0 is the whole match, and so is group 1 of a pattern without groups. */
function wholeMatch(pattern: Pattern, group: number): boolean {
  return group === 0 || (group === 1 && pattern.groups === 0);
}

function checkedGroup(group: number): number {
  if (group < 0) throw fail('invalid_parameter_value', `invalid value for parameter "subexpr": ${group}`);
  return group;
}

export function regexpInstr(
  text: string,
  source: string,
  start = 1,
  n = 1,
  endOption = 0,
  flags = '',
  group = 0,
): Search {
  checkedStart(start);
  if (endOption !== 0 && endOption !== 1) {
    throw fail('invalid_parameter_value', `invalid value for parameter "endoption": ${endOption}`);
  }
  const letters = flagsWithoutGlobal(flags, 'regexp_instr');
  const search = { text, source, letters, start };
  return nthMatch(
    search,
    positive(n, 'n'),
    (match, pattern) => {
      const index = wholeMatch(pattern, checkedGroup(group)) ? -1 : (group - 1) * 2 + endOption;
      const whole = endOption === 0 ? match.start : match.end;
      const at = index < 0 ? whole : (match.groups[index] ?? -1);
      return at < 0 ? 0 : codePointLength(text.slice(0, at)) + 1;
    },
    0,
  );
}

export function regexpSubstr(text: string, source: string, start = 1, n = 1, flags = '', group = 0): Search {
  const letters = flagsWithoutGlobal(flags, 'regexp_substr');
  checkedStart(start);
  return nthMatch({ text, source, letters, start }, positive(n, 'n'), (match, pattern) =>
    wholeMatch(pattern, checkedGroup(group)) ? text.slice(match.start, match.end) : groupText(text, match, group),
  );
}
