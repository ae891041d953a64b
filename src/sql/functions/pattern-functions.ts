/** LIKE, regular expressions and SIMILAR TO: operators and functions. */

import { fail } from '../../base/errors.ts';
import { PgArray } from '../types/array.ts';
import type { SqlValue } from '../types/contracts.ts';
import { codePointLength, compareText, sliceCodePoints } from '../types/text-order.ts';
import { TEXT_OID } from '../types/type-oids.ts';
import { type Definition, pure, pureEach, pureSet } from './definition.ts';
import { likePattern, rewriteEscape } from './regex/like.ts';
import type { RegexMatch } from './regex/matcher.ts';
import { compiledPattern, type Pattern } from './regex/pattern.ts';

function like(text: string, pattern: string): boolean {
  return likePattern(pattern, false).matches(text);
}

function likeIgnoringCase(text: string, pattern: string): boolean {
  return likePattern(pattern, true).matches(text);
}

/** Bytes as Latin-1 text, on which LIKE works byte by byte. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

const not =
  (f: (text: string, pattern: string) => boolean): ((text: string, pattern: string) => boolean) =>
  (text, pattern) =>
    !f(text, pattern);

function regex(text: string, pattern: string): boolean {
  return compiledPattern(pattern).test(text);
}

function regexIgnoringCase(text: string, pattern: string): boolean {
  return compiledPattern(pattern, 'i').test(text);
}

function operators(): Definition[] {
  const definitions: Definition[] = [];
  for (const [prefix, type] of [
    ['text', 'text'],
    ['name', 'name'],
    ['bpchar', 'bpchar'],
  ] as const) {
    const args = `(${type},text)`;
    definitions.push(
      pure(`${prefix}like${args}`, like, ([a, b], use) => `${use(like)}(${a}, ${b})`),
      pure(`${prefix}nlike${args}`, not(like)),
      pure(`${prefix}iclike${args}`, likeIgnoringCase),
      pure(`${prefix}icnlike${args}`, not(likeIgnoringCase)),
      pure(`${prefix}regexeq${args}`, regex),
      pure(`${prefix}regexne${args}`, not(regex)),
      pure(`${prefix}icregexeq${args}`, regexIgnoringCase),
      pure(`${prefix}icregexne${args}`, not(regexIgnoringCase)),
    );
  }
  return definitions;
}

/** ~<~ and its kin order text by bytes, which is the order of the only collation that indexes have. */
function byteOrder(): Definition[] {
  return ['text', 'bpchar'].flatMap((type) => [
    pure(`${type}_pattern_lt(${type},${type})`, (a: string, b: string) => compareText(a, b) < 0),
    pure(`${type}_pattern_le(${type},${type})`, (a: string, b: string) => compareText(a, b) <= 0),
    pure(`${type}_pattern_gt(${type},${type})`, (a: string, b: string) => compareText(a, b) > 0),
    pure(`${type}_pattern_ge(${type},${type})`, (a: string, b: string) => compareText(a, b) >= 0),
  ]);
}

interface Flags {
  readonly global: boolean;
  readonly letters: string;
}

function readFlags(flags: string): Flags {
  return { global: flags.includes('g'), letters: flags.replaceAll('g', '') };
}

/** Flags of functions that take all matches anyway, and so refuse `g`. */
function flagsWithoutGlobal(flags: string, name: string, hint?: string): string {
  if (!flags.includes('g')) return flags;
  throw fail('invalid_parameter_value', `${name}() does not support the "global" option`, { hint });
}

/** All matches from `from` on; behind an empty match the search goes on one character later. */
function* matches(pattern: Pattern, text: string, from = 0): Generator<RegexMatch> {
  let at = from;
  while (at <= text.length) {
    const match = pattern.find(text, at);
    if (match === undefined) return;
    yield match;
    at = match.end > match.start ? match.end : match.end + ((text.codePointAt(match.end) ?? 0) > 0xffff ? 2 : 1);
  }
}

function groupText(text: string, match: RegexMatch, group: number): string | null {
  const start = match.groups[(group - 1) * 2] ?? -1;
  const end = match.groups[(group - 1) * 2 + 1] ?? -1;
  return start < 0 || end < 0 ? null : text.slice(start, end);
}

/** The groups of a match, or the whole match when the pattern has none. */
function captures(text: string, pattern: Pattern, match: RegexMatch): PgArray {
  if (pattern.groups === 0) return new PgArray(TEXT_OID, [text.slice(match.start, match.end)]);
  const values: SqlValue[] = [];
  for (let group = 1; group <= pattern.groups; group++) values.push(groupText(text, match, group));
  return new PgArray(TEXT_OID, values);
}

function regexpMatch(text: string, source: string, flags = ''): PgArray | null {
  const letters = flagsWithoutGlobal(flags, 'regexp_match', 'Use the regexp_matches function instead.');
  const pattern = compiledPattern(source, letters);
  const match = pattern.find(text, 0);
  return match === undefined ? null : captures(text, pattern, match);
}

function* regexpMatches(text: string, source: string, flags = ''): Generator<SqlValue> {
  const { global, letters } = readFlags(flags);
  const pattern = compiledPattern(source, letters);
  for (const match of matches(pattern, text)) {
    yield captures(text, pattern, match);
    if (!global) return;
  }
}

/** UTF-16 index of a code point position from 1. */
function unitIndex(text: string, start: number, what = 'start'): number {
  if (start <= 0) throw fail('invalid_parameter_value', `invalid value for parameter "${what}": ${start}`);
  return start - 1 >= codePointLength(text)
    ? text.length + (start - 1 > codePointLength(text) ? 1 : 0)
    : sliceCodePoints(text, 0, start - 1).length;
}

/** A replacement with `\1` … `\9`, `\&` and `\\` filled in. */
function replacement(template: string, text: string, match: RegexMatch): string {
  if (!template.includes('\\')) return template;
  return template.replace(/\\([1-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\';
    return mark === '&' ? text.slice(match.start, match.end) : (groupText(text, match, Number(mark)) ?? '');
  });
}

/** Replaces the nth match from a position, or all from there with n = 0. */
function replaceMatches(text: string, pattern: Pattern, template: string, from: number, n: number): string {
  let result = '';
  let done = 0;
  let count = 0;
  for (const match of matches(pattern, text, from)) {
    count++;
    if (n > 0 && count < n) continue;
    result += text.slice(done, match.start) + replacement(template, text, match);
    done = match.end;
    if (n > 0) break;
  }
  return result + text.slice(done);
}

function regexpReplace(text: string, source: string, template: string, flags = ''): string {
  if (/^\d/.test(flags)) {
    throw fail('invalid_parameter_value', `invalid regular expression option: "${flags.charAt(0)}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    });
  }
  const { global, letters } = readFlags(flags);
  return replaceMatches(text, compiledPattern(source, letters), template, 0, global ? 0 : 1);
}

function regexpReplaceFrom(
  text: string,
  source: string,
  template: string,
  start: number,
  n?: number,
  flags = '',
): string {
  const { letters } = readFlags(flags);
  if (n !== undefined && n < 0) throw fail('invalid_parameter_value', `invalid value for parameter "n": ${n}`);
  return replaceMatches(text, compiledPattern(source, letters), template, unitIndex(text, start), n ?? 1);
}

/** Texts between matches. Empty matches at the ends, or right behind the last match, cut nothing. */
function* splitText(text: string, source: string, name: string, flags = ''): Generator<string> {
  const pattern = compiledPattern(source, flagsWithoutGlobal(flags, name));
  let done = 0;
  for (const match of matches(pattern, text)) {
    if (match.start >= text.length || match.end <= done) continue;
    yield text.slice(done, match.start);
    done = match.end;
  }
  yield text.slice(done);
}

function regexpCount(text: string, source: string, start = 1, flags = ''): number {
  const letters = flagsWithoutGlobal(flags, 'regexp_count');
  let count = 0;
  for (const _ of matches(compiledPattern(source, letters), text, unitIndex(text, start))) count++;
  return count;
}

function nthMatch(pattern: Pattern, text: string, from: number, n: number): RegexMatch | undefined {
  let count = 0;
  for (const match of matches(pattern, text, from)) if (++count === n) return match;
  return undefined;
}

function positive(value: number, name: string): number {
  if (value <= 0) throw fail('invalid_parameter_value', `invalid value for parameter "${name}": ${value}`);
  return value;
}

/** Group 0 is the whole match, and so is group 1 of a pattern without groups. */
function wholeMatch(pattern: Pattern, group: number): boolean {
  if (group < 0) throw fail('invalid_parameter_value', `invalid value for parameter "subexpr": ${group}`);
  return group === 0 || (group === 1 && pattern.groups === 0);
}

function regexpInstr(text: string, source: string, start = 1, n = 1, endOption = 0, flags = '', group = 0): number {
  const from = unitIndex(text, start);
  if (endOption !== 0 && endOption !== 1) {
    throw fail('invalid_parameter_value', `invalid value for parameter "endoption": ${endOption}`);
  }
  const letters = flagsWithoutGlobal(flags, 'regexp_instr');
  const pattern = compiledPattern(source, letters);
  const match = nthMatch(pattern, text, from, positive(n, 'n'));
  if (match === undefined) return 0;
  const index = wholeMatch(pattern, group) ? -1 : (group - 1) * 2 + endOption;
  const whole = endOption === 0 ? match.start : match.end;
  const at = index < 0 ? whole : (match.groups[index] ?? -1);
  return at < 0 ? 0 : codePointLength(text.slice(0, at)) + 1;
}

function regexpSubstr(text: string, source: string, start = 1, n = 1, flags = '', group = 0): string | null {
  const letters = flagsWithoutGlobal(flags, 'regexp_substr');
  const pattern = compiledPattern(source, letters);
  const match = nthMatch(pattern, text, unitIndex(text, start), positive(n, 'n'));
  if (match === undefined) return null;
  return wholeMatch(pattern, group) ? text.slice(match.start, match.end) : groupText(text, match, group);
}

function regexpLike(text: string, source: string, flags = ''): boolean {
  return compiledPattern(source, flagsWithoutGlobal(flags, 'regexp_like')).test(text);
}

/** `substring(text from pattern)`: the first group, or the whole match. */
function substringByPattern(text: string, source: string): string | null {
  const pattern = compiledPattern(source);
  const match = pattern.find(text, 0);
  if (match === undefined) return null;
  return pattern.groups > 0 ? groupText(text, match, 1) : text.slice(match.start, match.end);
}

/** SIMILAR TO's pattern as a regular expression, anchored at both ends. */
function similarToRegex(pattern: string, escapeText: string | null): string {
  const chars = Array.from(escapeText ?? '\\');
  if (chars.length > 1) {
    throw fail('invalid_escape_sequence', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  const mark = chars[0];
  let result = '';
  let separators = 0;
  let bracket = false;
  let escaped = false;
  for (const char of pattern) {
    if (escaped) {
      if (char === '"' && !bracket) {
        // Two of these cut the pattern in three; SUBSTRING returns what matches the middle.
        if (++separators > 2) {
          throw fail(
            'nonstandard_use_of_escape_character',
            'SQL regular expression may not contain more than two escape-double-quote separators',
          );
        }
        result += separators === 1 ? '){1,1}?(' : '){1,1}(?:';
      } else result += `\\${char}`;
      escaped = false;
    } else if (char === mark) escaped = true;
    else if (bracket) {
      if (char === '\\') result += '\\';
      result += char;
      if (char === ']') bracket = false;
    } else result += similarChar(char, (open) => (bracket = open));
  }
  return `^(?:${result})$`;
}

function similarChar(char: string, openBracket: (open: boolean) => void): string {
  if (char === '[') openBracket(true);
  if (char === '%') return '.*';
  if (char === '_') return '.';
  if (char === '(') return '(?:';
  return char === '\\' || char === '.' || char === '^' || char === '$' ? `\\${char}` : char;
}

export const PATTERN_FUNCTIONS: readonly Definition[] = [
  ...operators(),
  ...byteOrder(),
  pure('like(text,text)', like),
  pure('notlike(text,text)', not(like)),
  pure('like_escape(text,text)', rewriteEscape),
  pure('bytealike(bytea,bytea)', (a: Uint8Array, b: Uint8Array) => like(latin1(a), latin1(b))),
  pure('byteanlike(bytea,bytea)', (a: Uint8Array, b: Uint8Array) => !like(latin1(a), latin1(b))),
  ...pureEach(['regexp_match(text,text)', 'regexp_match(text,text,text)'], regexpMatch),
  pureSet('regexp_matches(text,text)', regexpMatches),
  pureSet('regexp_matches(text,text,text)', regexpMatches),
  ...pureEach(['regexp_replace(text,text,text)', 'regexp_replace(text,text,text,text)'], regexpReplace),
  ...pureEach(
    [
      'regexp_replace(text,text,text,int4)',
      'regexp_replace(text,text,text,int4,int4)',
      'regexp_replace(text,text,text,int4,int4,text)',
    ],
    regexpReplaceFrom,
  ),
  ...pureEach(
    ['regexp_split_to_array(text,text)', 'regexp_split_to_array(text,text,text)'],
    (text: string, source: string, flags?: string) =>
      new PgArray(TEXT_OID, [...splitText(text, source, 'regexp_split_to_array', flags)]),
  ),
  ...['regexp_split_to_table(text,text)', 'regexp_split_to_table(text,text,text)'].map((signature) =>
    pureSet(signature, (text: string, source: string, flags?: string) =>
      splitText(text, source, 'regexp_split_to_table', flags),
    ),
  ),
  ...pureEach(
    ['regexp_count(text,text)', 'regexp_count(text,text,int4)', 'regexp_count(text,text,int4,text)'],
    regexpCount,
  ),
  ...pureEach(['regexp_like(text,text)', 'regexp_like(text,text,text)'], regexpLike),
  ...pureEach(trailing('regexp_instr', ['int4', 'int4', 'int4', 'text', 'int4']), regexpInstr),
  ...pureEach(trailing('regexp_substr', ['int4', 'int4', 'text', 'int4']), regexpSubstr),
  pure('substring(text,text)', substringByPattern),
  pure('substring(text,text,text)', (text: string, pattern: string, mark: string) =>
    substringByPattern(text, similarToRegex(pattern, mark)),
  ),
  pure('similar_escape(text,text)', (pattern: string | null, mark: string | null) =>
    pattern === null ? null : similarToRegex(pattern, mark),
  ),
  pure('similar_to_escape(text)', (pattern: string) => similarToRegex(pattern, null)),
  pure('similar_to_escape(text,text)', similarToRegex),
];

/** A function of two texts and any number of the further arguments. */
function trailing(name: string, further: readonly string[]): readonly string[] {
  return Array.from(
    { length: further.length + 1 },
    (_, n) => `${name}(${['text', 'text', ...further.slice(0, n)].join()})`,
  );
}
