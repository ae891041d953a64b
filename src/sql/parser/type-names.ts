/**
 * Type names: the grammar's own spellings of built-in types, and generic names with modifiers, array bounds and SETOF.
 */

import { unsupported } from '../../base/errors.ts';
import type { Expression } from '../ast/expressions.ts';
import type { TypeName } from '../ast/names.ts';
import { CLOSE, CLOSE_BRACKET, type Cursor, DOT, OPEN, OPEN_BRACKET } from './cursor.ts';
import { parseExpression } from './expressions.ts';

/** Keywords that are types by themselves → pg_type.typname. */
const SIMPLE: Record<string, string> = {
  bigint: 'int8',
  boolean: 'bool',
  int: 'int4',
  integer: 'int4',
  real: 'float4',
  smallint: 'int2',
};

const TYPE_KEYWORDS = new Set([
  ...Object.keys(SIMPLE),
  ...'bit char character dec decimal double float interval national nchar numeric time timestamp varchar setof'.split(
    ' ',
  ),
]);

/** Does a type that only the grammar knows start here? */
export function startsTypeKeyword(c: Cursor): boolean {
  const word = c.word();
  return word === 'double' ? c.word(1) === 'precision' : TYPE_KEYWORDS.has(word);
}

/** A type with array bounds. */
export function parseTypeName(c: Cursor): TypeName {
  const setOf = c.accept('setof');
  const base = parseSimpleType(c);
  return { ...base, dimensions: parseDimensions(c), setOf };
}

/** The type of a typed constant: `char '…'` and `bit '…'` have no implied length there. */
export function parseConstantType(c: Cursor): TypeName {
  const start = c.at;
  const type = parseSimpleType(c);
  const hasLength = c.lexer.code(c.at - 1) === CLOSE && c.at > start + 1;
  return hasLength || (type.name !== 'bpchar' && type.name !== 'bit') ? type : { ...type, modifiers: [] };
}

/** A type without array bounds and SETOF. */
function parseSimpleType(c: Cursor): TypeName {
  const at = c.offset;
  const word = c.word();
  if (!startsTypeKeyword(c) || word === 'setof') return parseGenericType(c);
  c.at++;
  const simple = SIMPLE[word];
  if (simple !== undefined) return builtIn(simple, at, []);
  switch (word) {
    case 'dec':
    case 'decimal':
    case 'numeric':
      return builtIn('numeric', at, parseModifiers(c));
    case 'double':
      c.expect('precision');
      return builtIn('float8', at, []);
    case 'float':
      return builtIn(parseFloatWidth(c), at, []);
    case 'bit':
      return parseBit(c, at);
    case 'time':
    case 'timestamp':
      return parseTime(c, word, at);
    case 'interval':
      return parseInterval(c, at);
    default:
      return parseCharacter(c, word, at);
  }
}

function builtIn(
  name: string,
  at: number,
  modifiers: readonly Expression[],
  intervalFields: string | null = null,
): TypeName {
  return { at, schema: 'pg_catalog', name, modifiers, dimensions: 0, intervalFields, setOf: false };
}

function parseGenericType(c: Cursor): TypeName {
  const at = c.offset;
  const name = c.functionName();
  if (c.isOperator(37)) throw unsupported('%TYPE', c.position(c.at));
  const modifiers = parseModifiers(c);
  return { at, schema: name.schema, name: name.name, modifiers, dimensions: 0, intervalFields: null, setOf: false };
}

function parseModifiers(c: Cursor): Expression[] {
  return c.isPunctuation(OPEN) ? c.parenthesized(() => parseExpression(c)) : [];
}

function constant(value: number, at: number): Expression {
  return { kind: 'literal', at, literal: 'integer', text: String(value), slot: -1 };
}

function parseFloatWidth(c: Cursor): string {
  if (!c.acceptPunctuation(OPEN)) return 'float8';
  const token = c.at;
  const bits = c.integer();
  if (bits < 1) throw c.errorAt('precision for type float must be at least 1 bit', token);
  if (bits > 53) throw c.errorAt('precision for type float must be less than 54 bits', token);
  c.expectPunctuation(CLOSE);
  return bits < 25 ? 'float4' : 'float8';
}

function parseBit(c: Cursor, at: number): TypeName {
  const varying = c.accept('varying');
  const modifiers = parseModifiers(c);
  if (varying) return builtIn('varbit', at, modifiers);
  return builtIn('bit', at, modifiers.length > 0 ? modifiers : [constant(1, at)]);
}

function parseTime(c: Cursor, word: 'time' | 'timestamp', at: number): TypeName {
  const modifiers = parseModifiers(c);
  let zone = false;
  if (c.are('with', 'time') || c.are('without', 'time')) {
    zone = c.is('with');
    c.at += 2;
    c.expect('zone');
  }
  return builtIn(zone ? `${word}tz` : word, at, modifiers);
}

const FIELDS = ['year', 'month', 'day', 'hour', 'minute', 'second'];
/** What may follow TO after the first field. */
const FIELD_ENDS: Record<string, readonly string[]> = {
  year: ['month'],
  month: [],
  day: ['hour', 'minute', 'second'],
  hour: ['minute', 'second'],
  minute: ['second'],
  second: [],
};

function parseInterval(c: Cursor, at: number): TypeName {
  if (c.isPunctuation(OPEN)) return builtIn('interval', at, parseModifiers(c));
  const { fields, modifiers } = parseIntervalFields(c);
  return builtIn('interval', at, modifiers, fields);
}

/** `YEAR TO MONTH`, `SECOND(3)` …; also used behind the string of an interval constant. */
export function parseIntervalFields(c: Cursor): { fields: string | null; modifiers: Expression[] } {
  const first = c.word();
  if (!FIELDS.includes(first)) return { fields: null, modifiers: [] };
  c.at++;
  let last = first;
  if (c.is('to') && FIELD_ENDS[first]!.includes(c.word(1))) {
    last = c.word(1);
    c.at += 2;
  }
  const modifiers = last === 'second' ? parseModifiers(c) : [];
  return { fields: last === first ? first : `${first} to ${last}`, modifiers };
}

function parseCharacter(c: Cursor, word: string, at: number): TypeName {
  if (word === 'national') c.oneOf('char', 'character');
  const varying = word === 'varchar' || c.accept('varying');
  const modifiers = parseModifiers(c);
  if (varying) return builtIn('varchar', at, modifiers);
  return builtIn('bpchar', at, modifiers.length > 0 ? modifiers : [constant(1, at)]);
}

function parseDimensions(c: Cursor): number {
  let dimensions = 0;
  if (c.is('array')) {
    c.at++;
    if (c.isPunctuation(OPEN_BRACKET)) parseBound(c);
    return 1;
  }
  while (c.isPunctuation(OPEN_BRACKET)) {
    parseBound(c);
    dimensions++;
  }
  return dimensions;
}

/** PostgreSQL accepts a declared array size and ignores it; so do we. */
function parseBound(c: Cursor): void {
  c.at++;
  if (!c.isPunctuation(CLOSE_BRACKET)) c.integer();
  c.expectPunctuation(CLOSE_BRACKET);
}

/** True when a dot follows, so that the word at the cursor is a qualifier. */
export function isQualified(c: Cursor): boolean {
  return c.isPunctuation(DOT, 1);
}
