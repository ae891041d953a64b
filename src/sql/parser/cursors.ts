/** Prepared statements, cursors, EXPLAIN and COPY: the statements that carry another one. */

import type { Option } from '../ast/definitions.ts';
import type { PlannableStatement } from '../ast/queries.ts';
import type { CopyStatement, FetchStatement, Statement } from '../ast/statements.ts';
import { INTEGER, STRING } from '../lexer/lexer.ts';
import { parseDelete, parseInsert, parseUpdate } from './changes.ts';
import { parseWith } from './common-tables.ts';
import { CLOSE, type Cursor, OPEN } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { flag, parseUtilityOptions, stringOption } from './options.ts';
import { parseQuery } from './queries.ts';
import { parseTypeName } from './type-names.ts';

/** A query or DML statement, with WITH or without. */
export function parsePlannable(c: Cursor): PlannableStatement {
  switch (c.word()) {
    case 'with':
      return parseWith(c);
    case 'insert':
      return parseInsert(c);
    case 'update':
      return parseUpdate(c);
    case 'delete':
      return parseDelete(c);
    default:
      return parseQuery(c);
  }
}

export function parsePrepare(c: Cursor): Statement {
  const at = c.offset;
  c.expect('prepare');
  if (c.is('transaction') && c.kind(1) === STRING) {
    c.at++;
    return { kind: 'twoPhase', at, action: 'prepare', id: c.string() };
  }
  const name = c.name();
  const types = c.isPunctuation(OPEN) ? c.parenthesized(() => parseTypeName(c)) : [];
  c.expect('as');
  const start = c.offset;
  const statement = parsePlannable(c);
  return { kind: 'prepare', at, name, types, statement, parameters: c.parameters, start, end: c.previousEnd };
}

export function parseExecute(c: Cursor): Statement {
  const at = c.offset;
  c.expect('execute');
  return {
    kind: 'execute',
    at,
    name: c.name(),
    args: c.isPunctuation(OPEN) ? c.parenthesized(() => parseExpression(c)) : [],
  };
}

export function parseDeallocate(c: Cursor): Statement {
  const at = c.offset;
  c.expect('deallocate');
  if (c.is('prepare') && c.kind(1) !== 0) c.at++;
  return { kind: 'deallocate', at, name: c.accept('all') ? null : c.name() };
}

export function parseDeclare(c: Cursor): Statement {
  const at = c.offset;
  c.expect('declare');
  const name = c.name();
  let binary = false;
  let scroll: boolean | null = null;
  let insensitive: boolean | null = null;
  while (!c.is('cursor')) {
    if (c.acceptAll('no', 'scroll')) scroll = false;
    else {
      const word = c.oneOf('binary', 'scroll', 'insensitive', 'asensitive');
      if (word === 'binary') binary = true;
      else if (word === 'scroll') scroll = true;
      else insensitive = word === 'insensitive';
    }
  }
  c.expect('cursor');
  const hold = c.acceptAll('with', 'hold');
  if (!hold) c.acceptAll('without', 'hold');
  c.expect('for');
  const start = c.offset;
  const query = parseQuery(c);
  return { kind: 'declare', at, name, binary, scroll, hold, insensitive, query, start, end: c.previousEnd };
}

export function parseFetchStatement(c: Cursor): Statement {
  const at = c.offset;
  const kind = c.oneOf('fetch', 'move');
  const { direction, count } = parseDirection(c);
  if (c.is('from') || c.is('in')) c.at++;
  return { kind, at, direction, count, cursor: c.name() };
}

type Direction = Pick<FetchStatement, 'direction' | 'count'>;

function parseDirection(c: Cursor): Direction {
  const isNumber = c.kind() === INTEGER || c.isOperator(45) || c.isOperator(43);
  if (isNumber) return { direction: 'forward', count: c.signedInteger() };
  // These words are also names of cursors: `FETCH next` fetches from a cursor of that name.
  if (c.kind(1) === 0) return { direction: 'forward', count: 1 };
  switch (c.word()) {
    case 'next':
      c.at++;
      return { direction: 'forward', count: 1 };
    case 'prior':
      c.at++;
      return { direction: 'backward', count: 1 };
    case 'first':
      c.at++;
      return { direction: 'absolute', count: 1 };
    case 'last':
      c.at++;
      return { direction: 'absolute', count: -1 };
    case 'all':
      c.at++;
      return { direction: 'forward', count: 'all' };
    case 'absolute':
    case 'relative':
      return { direction: c.oneOf('absolute', 'relative'), count: c.signedInteger() };
    case 'forward':
    case 'backward': {
      const direction = c.oneOf('forward', 'backward');
      if (c.accept('all')) return { direction, count: 'all' };
      const counted = c.kind() === INTEGER || c.isOperator(45) || c.isOperator(43);
      return { direction, count: counted ? c.signedInteger() : 1 };
    }
    default:
      return { direction: 'forward', count: 1 };
  }
}

export function parseClose(c: Cursor): Statement {
  const at = c.offset;
  c.expect('close');
  return { kind: 'close', at, cursor: c.accept('all') ? null : c.name() };
}

/** `parse` reads any statement: EXPLAIN may also hold CREATE TABLE AS, EXECUTE and DECLARE. */
export function parseExplain(c: Cursor, parse: (c: Cursor) => Statement): Statement {
  const at = c.offset;
  c.expect('explain');
  const options: Option[] = [];
  if (c.isPunctuation(OPEN) && c.isLabel(1) && !['select', 'values', 'with', 'table'].includes(c.word(1))) {
    options.push(...parseUtilityOptions(c));
  } else {
    if (c.is('analyze') || c.is('analyse')) {
      options.push(flag('analyze', c.offset));
      c.at++;
    }
    if (c.is('verbose')) {
      options.push(flag('verbose', c.offset));
      c.at++;
    }
  }
  const start = c.offset;
  const token = c.at;
  const statement = c.nested(() => parse(c));
  const explainable = ['query', 'insert', 'update', 'delete', 'createTableAs', 'execute', 'declare'];
  if (!explainable.includes(statement.kind)) throw c.syntaxError(token);
  return { kind: 'explain', at, options, statement, start, end: c.previousEnd };
}

// ── COPY ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function parseCopy(c: Cursor): CopyStatement {
  const at = c.offset;
  c.expect('copy');
  const legacyBinary = c.is('binary') && c.isLabel(1) ? [stringOption('format', 'binary', c.offset)] : [];
  if (legacyBinary.length > 0) c.at++;
  const isQuery = c.isPunctuation(OPEN);
  const query = isQuery ? parseCopyQuery(c) : null;
  const table = isQuery ? null : c.qualifiedName();
  const columns = !isQuery && c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [];
  const direction = isQuery ? 'to' : c.oneOf('from', 'to');
  if (isQuery) c.expect('to');
  const program = c.accept('program');
  const file = parseCopyFile(c, program);
  const options = [...legacyBinary, ...parseCopyOptions(c)];
  const where = c.is('where') && direction === 'from' ? parseCopyWhere(c) : null;
  return { kind: 'copy', at, direction, table, columns, query, file, program, options, where };
}

function parseCopyQuery(c: Cursor): PlannableStatement {
  c.expectPunctuation(OPEN);
  const query = parsePlannable(c);
  c.expectPunctuation(CLOSE);
  return query;
}

function parseCopyFile(c: Cursor, program: boolean): string | null {
  if (c.kind() === STRING) return c.string();
  if (program) throw c.errorAt('STDIN/STDOUT not allowed with PROGRAM', c.at);
  c.oneOf('stdin', 'stdout');
  return null;
}

function parseCopyWhere(c: Cursor) {
  c.at++;
  return parseExpression(c);
}

/** Both syntaxes: `WITH (FORMAT csv, …)` and `WITH CSV HEADER DELIMITER ',' …`. */
function parseCopyOptions(c: Cursor): Option[] {
  const options: Option[] = [];
  if ((c.is('using') || c.is('delimiters')) && (c.is('delimiters') || c.word(1) === 'delimiters')) {
    if (c.is('using')) c.at++;
    c.at++;
    options.push(stringOption('delimiter', c.string(), c.offset));
  }
  c.accept('with');
  if (c.isPunctuation(OPEN)) return [...options, ...parseUtilityOptions(c)];
  while (!c.atEnd && !c.is('where')) options.push(parseLegacyOption(c));
  return options;
}

function parseLegacyOption(c: Cursor): Option {
  const at = c.offset;
  const word = c.oneOf(
    'binary',
    'freeze',
    'csv',
    'header',
    'delimiter',
    'null',
    'quote',
    'escape',
    'force',
    'encoding',
  );
  switch (word) {
    case 'binary':
    case 'csv':
      return stringOption('format', word, at);
    case 'freeze':
    case 'header':
      return flag(word, at);
    case 'force':
      return parseForce(c, at);
    default:
      if (word !== 'encoding') c.accept('as');
      return stringOption(word, c.string(), at);
  }
}

function parseForce(c: Cursor, at: number): Option {
  const name = c.accept('quote') ? 'force_quote' : c.acceptAll('not', 'null') ? 'force_not_null' : 'force_null';
  if (name === 'force_null') c.expect('null');
  if (c.isStar) {
    c.at++;
    return { at, namespace: null, name, value: { kind: 'star', text: '*', at, items: [] } };
  }
  const items = c.list(() => {
    const column = c.name();
    return { kind: 'word' as const, text: column.text, at: column.at, items: [] };
  });
  return { at, namespace: null, name, value: { kind: 'list', text: '', at, items } };
}
