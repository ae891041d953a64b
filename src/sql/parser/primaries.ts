/**
 * The operands of expressions: constants, parameters, column references, parenthesised things, rows, CASE, CAST, ARRAY and
 * the indirection (`[i]`, `.field`) that may follow some of them. Calls are in `calls.ts`.
 */

import { unsupported } from '../../base/errors.ts';
import type {
  CaseBranch,
  Expression,
  LiteralClass,
  LiteralExpression,
  SqlValueName,
  Subscript,
} from '../ast/expressions.ts';
import type { Name, TypeName } from '../ast/names.ts';
import { BITS, INTEGER, NUMBER, PARAMETER, PUNCTUATION, STRING } from '../lexer/lexer.ts';
import { parseNamedCall, parseSyntaxCall } from './calls.ts';
import { CLOSE, CLOSE_BRACKET, COLON, type Cursor, DOT, OPEN, OPEN_BRACKET } from './cursor.ts';
import { isDotStar, parseExpression } from './expressions.ts';
import { parseSubquery, startsQuery } from './queries.ts';
import { parseConstantType, parseIntervalFields, parseTypeName, startsTypeKeyword } from './type-names.ts';

/** PostgreSQL's c_expr. */
export function parsePrimary(c: Cursor): Expression {
  switch (c.kind()) {
    case INTEGER:
      return literal(c, 'integer');
    case NUMBER:
      return literal(c, 'numeric');
    case STRING:
      return literal(c, 'string');
    case BITS:
      return literal(c, 'bit');
    case PARAMETER: {
      const at = c.offset;
      return parseIndirection(c, { kind: 'parameter', at, number: c.parameter() });
    }
    case PUNCTUATION:
      if (c.isPunctuation(OPEN)) return parseParenthesis(c);
      throw c.syntaxError();
    default:
      return parseWord(c);
  }
}

function literal(c: Cursor, kind: LiteralClass): LiteralExpression {
  const token = c.at++;
  const slot = c.takeSlot(token);
  return { kind: 'literal', at: c.lexer.start(token), literal: kind, text: c.lexer.value(token), slot };
}

function wordLiteral(c: Cursor, kind: LiteralClass, text: string): LiteralExpression {
  const at = c.offset;
  c.at++;
  return { kind: 'literal', at, literal: kind, text, slot: -1 };
}

const SQL_VALUES: readonly SqlValueName[] = [
  'current_date',
  'current_time',
  'current_timestamp',
  'localtime',
  'localtimestamp',
  'current_role',
  'current_user',
  'session_user',
  'user',
  'current_catalog',
  'current_schema',
];

/** The ones that take a precision. */
const PRECISE = new Set<string>(['current_time', 'current_timestamp', 'localtime', 'localtimestamp']);

function parseWord(c: Cursor): Expression {
  const word = c.word();
  switch (word) {
    case 'true':
      return wordLiteral(c, 'boolean', 't');
    case 'false':
      return wordLiteral(c, 'boolean', 'f');
    case 'null':
      return wordLiteral(c, 'null', '');
    case 'case':
      return c.nested(() => parseCase(c));
    case 'cast':
      return parseCast(c);
    case 'array':
      return parseArray(c);
    case 'row':
      if (c.isPunctuation(OPEN, 1)) return parseRow(c);
      break;
    case 'exists': {
      if (!c.isPunctuation(OPEN, 1)) break;
      const at = c.offset;
      c.at++;
      return { kind: 'exists', at, query: parseSubquery(c) };
    }
    case 'default': {
      const at = c.offset;
      c.at++;
      return { kind: 'default', at };
    }
    case 'interval':
      if (c.kind(1) === STRING || c.isPunctuation(OPEN, 1)) return parseInterval(c);
      break;
  }
  const value = SQL_VALUES.find((name) => name === word);
  if (value !== undefined && !(value === 'current_schema' && c.isPunctuation(OPEN, 1))) return parseSqlValue(c, value);
  return parseSyntaxCall(c) ?? parseTypedLiteral(c) ?? parseReference(c);
}

function parseSqlValue(c: Cursor, name: SqlValueName): Expression {
  const at = c.offset;
  c.at++;
  let precision: number | null = null;
  if (PRECISE.has(name) && c.acceptPunctuation(OPEN)) {
    precision = c.integer();
    c.expectPunctuation(CLOSE);
  }
  return { kind: 'sqlValue', at, name, precision };
}

function parseInterval(c: Cursor): Expression {
  const start = c.at;
  const type = parseConstantType(c);
  if (c.kind() !== STRING) throw c.syntaxError(start);
  const operand = literal(c, 'string');
  if (type.modifiers.length > 0 || type.intervalFields !== null) return prefixed(type, operand);
  const { fields, modifiers } = parseIntervalFields(c);
  return prefixed({ ...type, intervalFields: fields, modifiers }, operand);
}

function prefixed(type: TypeName, operand: Expression): Expression {
  return { kind: 'cast', at: type.at, operand, type, written: 'prefix' };
}

/** `integer '5'`, `timestamp with time zone '…'`, `mytype '…'`, `numeric(10, 2) '…'`; null when it is something else. */
function parseTypedLiteral(c: Cursor): Expression | null {
  if (startsTypeKeyword(c) && c.word() !== 'setof') {
    const start = c.at;
    const type = parseConstantType(c);
    if (c.kind() !== STRING) throw c.syntaxError(c.isPunctuation(OPEN) && c.at === start + 1 ? start : c.at);
    return prefixed(type, literal(c, 'string'));
  }
  if (!c.isFunctionName()) return null;
  let ahead = 1;
  while (c.isPunctuation(DOT, ahead) && c.isLabel(ahead + 1)) ahead += 2;
  if (c.kind(ahead) === STRING) return prefixed(parseConstantType(c), literal(c, 'string'));
  if (!c.isPunctuation(OPEN, ahead)) return null;
  const behind = c.behindParenthesis(c.at + ahead);
  if (c.kind(behind - c.at) !== STRING) return null;
  return prefixed(parseConstantType(c), literal(c, 'string'));
}

/** A column reference or a call. */
function parseReference(c: Cursor): Expression {
  let ahead = 1;
  while (c.isPunctuation(DOT, ahead) && c.isLabel(ahead + 1)) ahead += 2;
  if (c.isPunctuation(OPEN, ahead) && (c.isFunctionName() || (ahead > 1 && c.isColumnName()))) return parseNamedCall(c);
  const at = c.offset;
  const parts = [c.name()];
  while (c.isPunctuation(DOT)) {
    if (isDotStar(c)) {
      c.at += 2;
      return { kind: 'star', at, qualifier: parts, of: null };
    }
    c.at++;
    parts.push(c.label());
  }
  return parseIndirection(c, { kind: 'column', at, parts });
}

/** Subscripts and fields after an operand; consecutive subscripts are one node. */
export function parseIndirection(c: Cursor, operand: Expression): Expression {
  let result = operand;
  for (;;) {
    const at = c.offset;
    if (c.isPunctuation(OPEN_BRACKET)) {
      const subscripts: Subscript[] = [];
      while (c.isPunctuation(OPEN_BRACKET)) subscripts.push(parseSubscript(c));
      result = { kind: 'subscript', at, operand: result, subscripts };
    } else if (isDotStar(c)) {
      c.at += 2;
      return { kind: 'star', at, qualifier: [], of: result };
    } else if (c.acceptPunctuation(DOT)) result = { kind: 'field', at, operand: result, field: c.label() };
    else return result;
  }
}

/** `[i]`, `[l:u]`, `[l:]`, `[:u]`, `[:]`. */
export function parseSubscript(c: Cursor): Subscript {
  c.expectPunctuation(OPEN_BRACKET);
  const lower = c.isPunctuation(COLON) ? null : parseExpression(c);
  const slice = c.acceptPunctuation(COLON);
  const upper = slice && !c.isPunctuation(CLOSE_BRACKET) ? parseExpression(c) : null;
  c.expectPunctuation(CLOSE_BRACKET);
  return { slice, lower, upper };
}

function parseParenthesis(c: Cursor): Expression {
  const at = c.offset;
  if (startsQuery(c, c.at)) return parseIndirection(c, { kind: 'scalarQuery', at, query: parseSubquery(c) });
  const items = c.parenthesized(() => parseExpression(c));
  if (items.length > 1) return { kind: 'row', at, items, explicit: false };
  return parseIndirection(c, items[0]!);
}

function parseRow(c: Cursor): Expression {
  const at = c.offset;
  c.at++;
  if (c.isPunctuation(CLOSE, 1)) {
    c.at += 2;
    return { kind: 'row', at, items: [], explicit: true };
  }
  return { kind: 'row', at, items: c.parenthesized(() => parseExpression(c)), explicit: true };
}

function parseCase(c: Cursor): Expression {
  const at = c.offset;
  c.expect('case');
  const operand = c.is('when') ? null : parseExpression(c);
  const branches: CaseBranch[] = [];
  do {
    c.expect('when');
    const when = parseExpression(c);
    c.expect('then');
    branches.push({ when, result: parseExpression(c) });
  } while (c.is('when'));
  const otherwise = c.accept('else') ? parseExpression(c) : null;
  c.expect('end');
  return { kind: 'case', at, operand, branches, otherwise };
}

function parseCast(c: Cursor): Expression {
  const at = c.offset;
  c.at++;
  c.expectPunctuation(OPEN);
  const operand = parseExpression(c);
  c.expect('as');
  const type = parseTypeName(c);
  c.expectPunctuation(CLOSE);
  return { kind: 'cast', at, operand, type, written: 'cast' };
}

function parseArray(c: Cursor): Expression {
  const at = c.offset;
  c.at++;
  if (c.isPunctuation(OPEN_BRACKET)) return parseArrayItems(c, at);
  if (!startsQuery(c, c.at)) throw c.syntaxError();
  return { kind: 'arrayQuery', at, query: parseSubquery(c) };
}

function parseArrayItems(c: Cursor, at: number): Expression {
  c.expectPunctuation(OPEN_BRACKET);
  if (c.acceptPunctuation(CLOSE_BRACKET)) return { kind: 'array', at, items: [] };
  const items = c.list(() =>
    c.isPunctuation(OPEN_BRACKET) ? c.nested(() => parseArrayItems(c, c.offset)) : parseExpression(c),
  );
  c.expectPunctuation(CLOSE_BRACKET);
  return { kind: 'array', at, items };
}

/** A condition of UPDATE or DELETE: an expression, or CURRENT OF. */
export function parseCondition(c: Cursor): Expression {
  if (!c.are('current', 'of')) return parseExpression(c);
  const at = c.offset;
  c.at += 2;
  if (c.isParameter) throw unsupported('WHERE CURRENT OF with a parameter', c.position(c.at));
  const cursor: Name = c.name();
  return { kind: 'currentOf', at, cursor: cursor.text };
}
