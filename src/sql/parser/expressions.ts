/**
 * Scalar expressions by operator precedence.
 *
 * PostgreSQL's levels, loosest first; all binary ones group to the left, 5 and 6 do not chain:
 *
 *   1 OR   2 AND   3 NOT   4 IS ISNULL NOTNULL   5 < > = <= >= <>   6 BETWEEN IN LIKE ILIKE SIMILAR
 *   7 any other operator   8 + -   9 * / %   10 ^   11 AT TIME ZONE   12 COLLATE   13 unary + -   14 :: [ ] .
 *
 * {@link parseLevel} reads an operand and then every operator at or above a level. "Restricted" expressions (PostgreSQL's
 * b_expr) leave out AND, OR, NOT, IS NULL, IN, LIKE and BETWEEN, where these words would end the expression.
 */

import { unsupported } from '../../base/errors.ts';
import type { CallArgument, CallExpression, Expression, IsExpression, LikeExpression } from '../ast/expressions.ts';
import { COLON_COLON, OPERATOR, PUNCTUATION } from '../lexer/lexer.ts';
import { CLOSE, type Cursor, DOT, OPEN, operatorText } from './cursor.ts';
import { parsePrimary } from './primaries.ts';
import { parseSubquery, startsQuery } from './queries.ts';
import { parseTypeName } from './type-names.ts';

const OR = 1;
const AND = 2;
const NOT = 3;
const IS = 4;
const COMPARISON = 5;
const RANGE = 6;
const OTHER = 7;
const ADD = 8;
const MULTIPLY = 9;
const POWER = 10;
const AT = 11;
const COLLATE = 12;
const UNARY = 13;
const POSTFIX = 14;

/** PostgreSQL's a_expr. */
export function parseExpression(c: Cursor): Expression {
  return c.nested(() => parseLevel(c, OR, false));
}

/** PostgreSQL's b_expr. */
export function parseRestricted(c: Cursor): Expression {
  return c.nested(() => parseLevel(c, OR, true));
}

function parseLevel(c: Cursor, lowest: number, restricted: boolean): Expression {
  let left = parsePrefix(c, restricted);
  for (;;) {
    const level = levelAt(c, restricted);
    if (level < lowest) return left;
    left = parseTail(c, left, level, restricted);
  }
}

/** A prefix operator with its operand, or a primary. */
function parsePrefix(c: Cursor, restricted: boolean): Expression {
  const at = c.offset;
  if (c.kind() === OPERATOR || (c.is('operator') && c.isPunctuation(OPEN, 1))) {
    const level = levelAt(c, true);
    if (level !== OTHER && level !== ADD) throw c.syntaxError();
    const isSign = c.isOperator(43) || c.isOperator(45);
    const { schema, name } = c.operatorName();
    const right = c.nested(() => parseLevel(c, isSign ? UNARY : OTHER + 1, restricted));
    return { kind: 'operator', at, schema, operator: name, left: null, right };
  }
  if (!restricted && c.accept('not')) return { kind: 'not', at, operand: c.nested(() => parseLevel(c, NOT, false)) };
  return parsePrimary(c);
}

/** The level of the operator at the cursor, 0 when none stands there. */
function levelAt(c: Cursor, restricted: boolean): number {
  const kind = c.kind();
  if (kind === OPERATOR) return operatorLevel(c.lexer.source(c.at));
  if (kind === PUNCTUATION) return c.isPunctuation(COLON_COLON) ? POSTFIX : 0;
  const word = c.word();
  switch (word) {
    case '':
      return 0;
    case 'operator':
      return c.isPunctuation(OPEN, 1) ? OTHER : 0;
    case 'is':
      return !restricted || c.word(1) === 'distinct' || (c.word(1) === 'not' && c.word(2) === 'distinct') ? IS : 0;
  }
  return restricted ? 0 : wordLevel(c, word);
}

function wordLevel(c: Cursor, word: string): number {
  switch (word) {
    case 'or':
      return OR;
    case 'and':
      return AND;
    case 'isnull':
    case 'notnull':
      return IS;
    case 'between':
    case 'in':
    case 'like':
    case 'ilike':
    case 'overlaps':
      return RANGE;
    case 'similar':
      return c.word(1) === 'to' ? RANGE : 0;
    case 'not':
      return ['between', 'in', 'like', 'ilike', 'similar'].includes(c.word(1)) ? RANGE : 0;
    case 'at':
      return c.word(1) === 'time' && c.word(2) === 'zone' ? AT : 0;
    case 'collate':
      return COLLATE;
    default:
      return 0;
  }
}

function operatorLevel(source: string): number {
  switch (source) {
    case '<':
    case '>':
    case '=':
    case '<=':
    case '>=':
    case '<>':
    case '!=':
      return COMPARISON;
    case '+':
    case '-':
      return ADD;
    case '*':
    case '/':
    case '%':
      return MULTIPLY;
    case '^':
      return POWER;
    default:
      return OTHER;
  }
}

/** Reads the operator at the cursor and what belongs to its right. */
function parseTail(c: Cursor, left: Expression, level: number, restricted: boolean): Expression {
  switch (level) {
    case OR:
    case AND:
      return parseLogical(c, left, level);
    case IS:
      return parseIs(c, left, restricted);
    case RANGE:
      return parseRange(c, left);
    case AT:
      return parseAtTimeZone(c, left, restricted);
    case COLLATE: {
      const at = c.offset;
      c.at++;
      return { kind: 'collate', at, operand: left, collation: c.functionName() };
    }
    case POSTFIX: {
      const at = c.offset;
      c.at++;
      return { kind: 'cast', at, operand: left, type: parseTypeName(c), written: 'colons' };
    }
    default:
      return parseBinary(c, left, level, restricted);
  }
}

/** Chains of one connective become one node; a parenthesised chain on the left stays what it is, for it means the same. */
function parseLogical(c: Cursor, first: Expression, level: number): Expression {
  const connective = level === OR ? 'or' : 'and';
  const at = c.offset;
  const operands = [first];
  while (c.accept(connective)) operands.push(c.nested(() => parseLevel(c, level + 1, false)));
  return { kind: 'logical', at, connective, operands };
}

function parseIs(c: Cursor, operand: Expression, restricted: boolean): Expression {
  const at = c.offset;
  if (c.accept('isnull')) return { kind: 'is', at, operand, test: 'null', negated: false };
  if (c.accept('notnull')) return { kind: 'is', at, operand, test: 'null', negated: true };
  c.expect('is');
  const negated = c.accept('not');
  if (c.acceptAll('distinct', 'from')) {
    const right = c.nested(() => parseLevel(c, IS + 1, restricted));
    return { kind: 'distinctFrom', at, left: operand, right, negated };
  }
  const form = ['nfc', 'nfd', 'nfkc', 'nfkd'].includes(c.word()) ? c.oneOf('nfc', 'nfd', 'nfkc', 'nfkd') : null;
  if (c.accept('normalized')) return isNormalized(operand, form, negated, at);
  if (form !== null || c.is('document'))
    throw form !== null ? c.syntaxError() : unsupported('IS DOCUMENT', c.position(c.at));
  const test: IsExpression['test'] = c.oneOf('null', 'true', 'false', 'unknown');
  return { kind: 'is', at, operand, test, negated };
}

function isNormalized(operand: Expression, form: string | null, negated: boolean, at: number): Expression {
  const args = [operand];
  if (form !== null) args.push({ kind: 'literal', at, literal: 'string', text: form.toUpperCase(), slot: -1 });
  const call = systemCall('is_normalized', args, 'is normalized', at);
  return negated ? { kind: 'not', at, operand: call } : call;
}

function parseRange(c: Cursor, operand: Expression): Expression {
  const start = c.at;
  const at = c.offset;
  const negated = c.accept('not');
  const word = c.oneOf('between', 'in', 'like', 'ilike', 'similar', 'overlaps');
  if (word === 'in') return parseIn(c, operand, negated, at);
  if (word === 'overlaps') return parseOverlaps(c, operand, start, at);
  let result: Expression;
  if (word === 'between') {
    const symmetric = c.accept('symmetric');
    if (!symmetric) c.accept('asymmetric');
    const low = parseRestricted(c);
    c.expect('and');
    const high = c.nested(() => parseLevel(c, RANGE + 1, false));
    result = { kind: 'between', at, operand, low, high, symmetric, negated };
  } else result = parseLike(c, operand, word, negated, at);
  if (result.kind !== 'quantified' && levelAt(c, false) === RANGE) throw c.syntaxError();
  return result;
}

function parseLike(
  c: Cursor,
  operand: Expression,
  word: LikeExpression['match'],
  negated: boolean,
  at: number,
): Expression {
  if (word === 'similar') c.expect('to');
  else if (isQuantifier(c)) {
    const operator = (negated ? '!' : '') + (word === 'like' ? '~~' : '~~*');
    return parseQuantified(c, operand, null, operator, at);
  }
  const pattern = c.nested(() => parseLevel(c, RANGE + 1, false));
  const marker = c.accept('escape') ? c.nested(() => parseLevel(c, RANGE + 1, false)) : null;
  return { kind: 'like', at, match: word, operand, pattern, escape: marker, negated };
}

function parseIn(c: Cursor, operand: Expression, negated: boolean, at: number): Expression {
  if (!c.isPunctuation(OPEN)) throw c.syntaxError();
  if (startsQuery(c, c.at)) return { kind: 'in', at, operand, items: null, query: parseSubquery(c), negated, slot: -1 };
  const slot = c.takeSlot(c.at);
  return { kind: 'in', at, operand, items: c.parenthesized(() => parseExpression(c)), query: null, negated, slot };
}

function parseOverlaps(c: Cursor, left: Expression, start: number, at: number): Expression {
  const right = c.nested(() => parseLevel(c, RANGE + 1, false));
  if (left.kind !== 'row' || right.kind !== 'row') throw c.syntaxError(start);
  if (left.items.length !== 2) throw c.errorAt('wrong number of parameters on left side of OVERLAPS expression', start);
  if (right.items.length !== 2)
    throw c.errorAt('wrong number of parameters on right side of OVERLAPS expression', start + 1);
  return systemCall('overlaps', [...left.items, ...right.items], 'overlaps', at);
}

function parseAtTimeZone(c: Cursor, left: Expression, restricted: boolean): Expression {
  const at = c.offset;
  c.at += 3;
  const zone = c.nested(() => parseLevel(c, AT + 1, restricted));
  return systemCall('timezone', [zone, left], 'at time zone', at);
}

function parseBinary(c: Cursor, left: Expression, level: number, restricted: boolean): Expression {
  const at = c.offset;
  const { schema, name } = c.operatorName();
  if (isQuantifier(c)) return parseQuantified(c, left, schema, name, at);
  const right = c.nested(() => parseLevel(c, level + 1, restricted));
  if (level === COMPARISON && levelAt(c, restricted) === COMPARISON) throw c.syntaxError();
  return { kind: 'operator', at, schema, operator: operatorText(name), left, right };
}

function isQuantifier(c: Cursor): boolean {
  return ['any', 'some', 'all'].includes(c.word()) && c.isPunctuation(OPEN, 1);
}

function parseQuantified(
  c: Cursor,
  operand: Expression,
  schema: string | null,
  operator: string,
  at: number,
): Expression {
  const quantifier = c.oneOf('any', 'some', 'all') === 'all' ? 'all' : 'any';
  if (startsQuery(c, c.at)) {
    return { kind: 'quantified', at, operand, schema, operator, quantifier, array: null, query: parseSubquery(c) };
  }
  c.expectPunctuation(OPEN);
  const array = parseExpression(c);
  c.expectPunctuation(CLOSE);
  return { kind: 'quantified', at, operand, schema, operator, quantifier, array, query: null };
}

/** The call of a built-in function that a piece of SQL syntax stands for. */
export function systemCall(name: string, args: readonly Expression[], written: string, at: number): CallExpression {
  return {
    kind: 'call',
    at,
    name: { catalog: null, schema: 'pg_catalog', name, at },
    args: args.map((value): CallArgument => ({ name: null, value })),
    star: false,
    distinct: false,
    variadic: false,
    orderBy: [],
    withinGroup: false,
    filter: null,
    over: null,
    written,
  };
}

/** True when a dot and an asterisk stand at the cursor: `t.*`. */
export function isDotStar(c: Cursor): boolean {
  return c.isPunctuation(DOT) && c.isOperator(42, 1);
}
