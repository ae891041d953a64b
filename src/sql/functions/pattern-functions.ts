/** LIKE, regular expressions and SIMILAR TO: operators and functions. */

import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Pace, SqlValue } from '../types/contracts.ts';
import { compareText } from '../types/text-order.ts';
import { type Definition, pure, pureLong, pureLongEach, pureSet } from './definition.ts';
import {
  captures,
  flagsWithoutGlobal,
  matches,
  PartsBetween,
  readFlags,
  regexpCount,
  regexpInstr,
  regexpMatch,
  regexpReplace,
  regexpReplaceFrom,
  regexpSplitToArray,
  regexpSubstr,
  type SearchFunction,
  searchInSlices,
  searchNow,
  substringByPattern,
} from './pattern-searches.ts';
import { likePattern, rewriteEscape } from './regex/like.ts';
import { compiledPattern, ownPattern } from './regex/pattern.ts';

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

/** An operator of a regular expression: with flags, and perhaps the other way round. */
function regexOperator(signature: string, flags: string, wanted: boolean): Definition {
  return testing(
    signature,
    (text, pattern) => compiledPattern(pattern, flags).test(text) === wanted,
    function* (pace, text, pattern): Task<boolean> {
      return (yield* ownPattern(pattern, flags).testInSlices(pace, text)) === wanted;
    },
  );
}

function regexpLike(text: string, source: string, flags = ''): boolean {
  return compiledPattern(source, flagsWithoutGlobal(flags, 'regexp_like')).test(text);
}

function regexpLikeInSlices(pace: Pace, text: string, source: string, flags = ''): Task<boolean> {
  return ownPattern(source, flagsWithoutGlobal(flags, 'regexp_like')).testInSlices(pace, text);
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
      regexOperator(`${prefix}regexeq${args}`, '', true),
      regexOperator(`${prefix}regexne${args}`, '', false),
      regexOperator(`${prefix}icregexeq${args}`, 'i', true),
      regexOperator(`${prefix}icregexne${args}`, 'i', false),
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

function* regexpMatches(text: string, source: string, flags = ''): Generator<SqlValue> {
  const { global, letters } = readFlags(flags);
  const pattern = compiledPattern(source, letters);
  for (const match of matches(pattern, text)) {
    yield captures(text, pattern, match);
    if (!global) return;
  }
}

/** Texts between matches, as rows. */
function* splitToTable(text: string, source: string, flags = ''): Generator<string> {
  const pattern = compiledPattern(source, flagsWithoutGlobal(flags, 'regexp_split_to_table'));
  const parts = new PartsBetween(text);
  for (const match of matches(pattern, text)) {
    const part = parts.before(match);
    if (part !== undefined) yield part;
  }
  yield parts.last;
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

const textUnits = (text: string): number => text.length;

/** A function that searches a text, under several signatures. */
function searching(signatures: readonly string[], begin: SearchFunction): Definition[] {
  return pureLongEach(
    signatures,
    (...args) => searchNow(begin(...args)),
    textUnits,
    (pace: Pace, ...args) => searchInSlices(pace, begin(...args)),
  );
}

/** A test of a text. */
function testing(
  signature: string,
  test: (text: string, source: string, flags?: string) => boolean,
  inSlices: (pace: Pace, text: string, source: string, flags?: string) => Task<boolean>,
): Definition {
  return pureLong(signature, test, textUnits, inSlices);
}

export const PATTERN_FUNCTIONS: readonly Definition[] = [
  ...operators(),
  ...byteOrder(),
  pure('like(text,text)', like),
  pure('notlike(text,text)', not(like)),
  pure('like_escape(text,text)', rewriteEscape),
  pure('bytealike(bytea,bytea)', (a: Uint8Array, b: Uint8Array) => like(latin1(a), latin1(b))),
  pure('byteanlike(bytea,bytea)', (a: Uint8Array, b: Uint8Array) => !like(latin1(a), latin1(b))),
  ...searching(['regexp_match(text,text)', 'regexp_match(text,text,text)'], regexpMatch),
  pureSet('regexp_matches(text,text)', regexpMatches),
  pureSet('regexp_matches(text,text,text)', regexpMatches),
  ...searching(['regexp_replace(text,text,text)', 'regexp_replace(text,text,text,text)'], regexpReplace),
  ...searching(
    [
      'regexp_replace(text,text,text,int4)',
      'regexp_replace(text,text,text,int4,int4)',
      'regexp_replace(text,text,text,int4,int4,text)',
    ],
    regexpReplaceFrom,
  ),
  ...searching(['regexp_split_to_array(text,text)', 'regexp_split_to_array(text,text,text)'], regexpSplitToArray),
  ...['regexp_split_to_table(text,text)', 'regexp_split_to_table(text,text,text)'].map((signature) =>
    pureSet(signature, splitToTable),
  ),
  ...searching(
    ['regexp_count(text,text)', 'regexp_count(text,text,int4)', 'regexp_count(text,text,int4,text)'],
    regexpCount,
  ),
  ...['regexp_like(text,text)', 'regexp_like(text,text,text)'].map((signature) =>
    testing(signature, regexpLike, regexpLikeInSlices),
  ),
  ...searching(trailing('regexp_instr', ['int4', 'int4', 'int4', 'text', 'int4']), regexpInstr),
  ...searching(trailing('regexp_substr', ['int4', 'int4', 'text', 'int4']), regexpSubstr),
  ...searching(['substring(text,text)'], substringByPattern),
  ...searching(['substring(text,text,text)'], (text: string, pattern: string, mark: string) =>
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
