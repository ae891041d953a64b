/**
 * From SQL text to statements: the front end's entry points.
 *
 * {@link parseStatement} reads one statement out of a lexer's tokens, {@link parseScript} all statements of a text,
 * {@link parseExpressionText} an expression as the catalog stores it (defaults, checks, index predicates).
 */

import { type ExtentError, fail } from '../../base/errors.ts';
import type { Expression } from '../ast/expressions.ts';
import type { TypeName } from '../ast/names.ts';
import type { Query } from '../ast/queries.ts';
import type { ParsedStatement, Statement } from '../ast/statements.ts';
import { Lexer } from '../lexer/lexer.ts';
import type { NormalizedStatement } from '../lexer/normalize.ts';
import { type StatementRange, splitStatements } from '../lexer/split.ts';
import { parseAlter } from './alter.ts';
import { parseBackup } from './backup.ts';
import { parseCreate } from './create.ts';
import { Cursor, OPEN } from './cursor.ts';
import {
  parseClose,
  parseCopy,
  parseDeallocate,
  parseDeclare,
  parseExecute,
  parseExplain,
  parseFetchStatement,
  parsePlannable,
  parsePrepare,
} from './cursors.ts';
import { parseDbcc } from './dbcc.ts';
import { parseComment, parseDrop, parseGrant } from './drop.ts';
import { parseExpression } from './expressions.ts';
import { parseCluster, parseReindex } from './indexes.ts';
import {
  parseCallStatement,
  parseDiscard,
  parseDo,
  parseLock,
  parseNotification,
  parseTruncate,
  parseVacuum,
} from './maintenance.ts';
import { parseQuery } from './queries.ts';
import { parseSet, parseShow } from './settings.ts';
import { parseBegin, parseSavepoint, parseTransactionEnd } from './transactions.ts';
import { parseTypeName } from './type-names.ts';

const PARSERS: Readonly<Record<string, (c: Cursor) => Statement>> = {
  select: parsePlannable,
  values: parsePlannable,
  table: parsePlannable,
  with: parsePlannable,
  insert: parsePlannable,
  update: parsePlannable,
  delete: parsePlannable,
  begin: parseBegin,
  start: parseBegin,
  commit: parseTransactionEnd,
  end: parseTransactionEnd,
  abort: parseTransactionEnd,
  rollback: parseTransactionEnd,
  savepoint: parseSavepoint,
  release: parseSavepoint,
  set: parseSet,
  show: parseShow,
  reset: parseShow,
  prepare: parsePrepare,
  execute: parseExecute,
  deallocate: parseDeallocate,
  declare: parseDeclare,
  fetch: parseFetchStatement,
  move: parseFetchStatement,
  close: parseClose,
  copy: parseCopy,
  explain: (c) => parseExplain(c, parseAny),
  create: parseCreate,
  alter: parseAlter,
  drop: parseDrop,
  comment: parseComment,
  grant: parseGrant,
  revoke: parseGrant,
  truncate: parseTruncate,
  lock: parseLock,
  vacuum: parseVacuum,
  analyze: parseVacuum,
  analyse: parseVacuum,
  reindex: parseReindex,
  cluster: parseCluster,
  discard: parseDiscard,
  listen: parseNotification,
  notify: parseNotification,
  unlisten: parseNotification,
  do: parseDo,
  call: parseCallStatement,
};

/** Statements of PostgreSQL's that begin with these words exist but are refused whole. */
const UNSUPPORTED = new Set(['import', 'load', 'merge', 'reassign', 'refresh', 'security']);

function parseAny(c: Cursor): Statement {
  if (c.isPunctuation(OPEN)) return parseQuery(c);
  const word = c.word();
  if (word === 'checkpoint') {
    const at = c.offset;
    c.at++;
    return { kind: 'checkpoint', at };
  }
  const parse = Object.hasOwn(PARSERS, word) ? PARSERS[word] : undefined;
  if (parse !== undefined) return parse(c);
  if (c.isBareWord('dbcc')) return parseDbcc(c);
  if (c.isBareWord('backup')) return parseBackup(c);
  if (!UNSUPPORTED.has(word)) throw c.syntaxError();
  const at = c.offset;
  c.at = c.to;
  return { kind: 'unsupported', at, what: word.toUpperCase() };
}

/** A parsed statement, and whether a cached plan may serve other literals. */
export interface ParseResult extends ParsedStatement {
  /**
   * True when every literal that the normaliser took out is a literal node with its slot. False when a rule of the grammar
   * read one as text: the plan then holds for this statement's text alone.
   */
  readonly sharable: boolean;
}

/**
 * Parses one statement.
 *
 * @param normalized gives the literals their slots; without it all literals are constants.
 * @throws syntax_error, feature_not_supported, statement_too_complex, with positions in the whole text
 */
export function parseStatement(
  lexer: Lexer,
  range: StatementRange,
  normalized?: NormalizedStatement | null,
): ParseResult {
  const c = new Cursor(lexer, range.from, range.to, normalized?.slots ?? []);
  const statement = guarded(() => {
    const result = parseAny(c);
    c.expectEnd();
    return result;
  });
  return {
    statement,
    start: lexer.start(range.from),
    end: lexer.end(range.to - 1),
    parameterCount: c.parameters,
    sharable: c.slotsHonoured,
  };
}

/** Parses all statements of a text. @throws as {@link parseStatement} */
export function parseScript(text: string): ParseResult[] {
  const lexer = new Lexer();
  lexer.scan(text);
  return splitStatements(lexer).map((range) => parseStatement(lexer, range));
}

/** Parses an expression that stands alone. @throws as {@link parseStatement} */
export function parseExpressionText(text: string): Expression {
  return parseWhole(text, parseExpression);
}

/** Parses a type's name that stands alone, as `regtype` reads it. @throws as {@link parseStatement} */
export function parseTypeText(text: string): TypeName {
  return parseWhole(text, parseTypeName);
}

/** Parses a query that stands alone, such as a view's body. @throws as {@link parseStatement} */
export function parseQueryText(text: string): Query {
  return parseWhole(text, parseQuery);
}

function parseWhole<T>(text: string, parse: (c: Cursor) => T): T {
  const lexer = new Lexer();
  lexer.scan(text);
  const c = new Cursor(lexer, 0, lexer.count, []);
  return guarded(() => {
    const result = parse(c);
    c.expectEnd();
    return result;
  });
}

/** A JavaScript stack overflow is the statement's fault, whatever the depth limit let through. */
function guarded<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(error) : error;
  }
}

function tooDeep(cause: RangeError): ExtentError {
  return fail('statement_too_complex', 'stack depth limit exceeded', { cause });
}
