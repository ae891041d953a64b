/**
 * What may stand in FROM: tables, functions, sub-queries with their aliases, and joins.
 *
 * A single item is read here from the tokens and becomes one placeholder. How items are joined is the skeleton's business:
 * {@link writeFrom} writes `t0 AS a0 LEFT JOIN t1 AS a1 ON e2` and {@link liftFrom} builds the join tree from the answer.
 * Parenthesised joins, and joins nested on the right (`a JOIN b JOIN c ON … ON …`), are skeletons of their own.
 */

import type { Alias, FromItem, FunctionColumn, FunctionItem, JoinItem, TableItem } from '../ast/queries.ts';
import { PUNCTUATION } from '../lexer/lexer.ts';
import { parseNamedCall, parseSyntaxCall } from './calls.ts';
import { CLOSE, CLOSE_BRACKET, COMMA, type Cursor, DOT, OPEN, OPEN_BRACKET } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { parsePrimary } from './primaries.ts';
import { parseSubquery, startsQuery } from './queries.ts';
import type { SkeletonFrom } from './skeleton.ts';
import { SkeletonWriter } from './skeleton-writer.ts';
import { parseTypeName } from './type-names.ts';

const JOIN_WORDS: Readonly<Record<string, string>> = {
  join: 'INNER JOIN',
  inner: 'INNER JOIN',
  left: 'LEFT JOIN',
  right: 'RIGHT JOIN',
  full: 'FULL JOIN',
};

/** Writes the items behind FROM or USING. */
export function writeFrom(c: Cursor, w: SkeletonWriter): void {
  const apart = mixesCommasAndJoins(c);
  for (;;) {
    const token = c.at;
    if (apart) writeOperand(w, parseJoinTree(c), token);
    else {
      writeOperand(w, parseFromItem(c), token);
      writeJoins(c, w);
    }
    if (!c.isPunctuation(COMMA)) return;
    w.emit(', ');
    c.at++;
  }
}

/**
 * node-sql-parser takes no comma behind `JOIN … ON …`: when a list has both, each join tree is a skeleton of its own. The
 * list is scanned ahead up to the end of the clause.
 */
function mixesCommasAndJoins(c: Cursor): boolean {
  let depth = 0;
  let commas = false;
  let joins = false;
  for (let token = c.at; token < c.to && depth >= 0 && !(commas && joins); token++) {
    if (c.lexer.kind(token) === PUNCTUATION) {
      const code = c.lexer.code(token);
      if (code === OPEN || code === OPEN_BRACKET) depth++;
      else if (code === CLOSE || code === CLOSE_BRACKET) depth--;
      else if (code === COMMA && depth === 0) commas = true;
    } else if (depth === 0) {
      const word = c.lexer.keyword(token);
      if (word === 'join') joins = true;
      else if (AFTER_FROM.has(word)) break;
    }
  }
  return commas && joins;
}

const AFTER_FROM = new Set(
  'where group having window union intersect except order limit offset fetch for returning'.split(' '),
);

/** One item of a FROM list with its joins. */
function parseJoinTree(c: Cursor): FromItem {
  const w = startSelect(c);
  const token = c.at;
  writeOperand(w, parseFromItem(c), token);
  if (!startsJoin(c)) return w.value(1, 'table');
  writeJoins(c, w);
  return liftFrom(w, w.parse('query').arms[0]!.from)[0]!;
}

/** A list of FROM items that has no clause in node-sql-parser's grammar (DELETE … USING), as a skeleton of its own. */
export function parseFromList(c: Cursor): FromItem[] {
  const w = startSelect(c);
  writeFrom(c, w);
  return liftFrom(w, w.parse('query').arms[0]!.from);
}

function writeOperand(w: SkeletonWriter, item: FromItem, token: number): void {
  w.place('t', { kind: 'table', value: item }, token);
}

function startsJoin(c: Cursor): boolean {
  return c.word() in JOIN_WORDS || c.is('cross') || c.is('natural');
}

/** Writes every join that follows an operand. */
function writeJoins(c: Cursor, w: SkeletonWriter): void {
  while (startsJoin(c)) {
    const token = c.at;
    if (c.accept('cross')) {
      c.expect('join');
      w.emit(' CROSS JOIN ', token);
      writeOperand(w, parseFromItem(c), token);
      continue;
    }
    const natural = c.accept('natural');
    w.emit(` ${JOIN_WORDS[c.word()] ?? 'JOIN'} `, token);
    readJoinWords(c);
    writeOperand(w, parseJoined(c, natural), token);
    writeQualification(c, w, natural);
  }
}

function readJoinWords(c: Cursor): void {
  const word = c.oneOf('join', 'inner', 'left', 'right', 'full');
  if (word === 'join') return;
  if (word !== 'inner') c.accept('outer');
  c.expect('join');
}

/** The right operand of a join; when another join follows at once, that one binds first and its ON comes first. */
function parseJoined(c: Cursor, natural: boolean): FromItem {
  const start = c.at;
  const item = parseFromItem(c);
  if (natural || c.is('on') || c.is('using') || !startsJoin(c)) return item;
  const w = startSelect(c);
  writeOperand(w, item, start);
  writeJoins(c, w);
  return liftFrom(w, w.parse('query').arms[0]!.from)[0]!;
}

function startSelect(c: Cursor): SkeletonWriter {
  const w = new SkeletonWriter(c);
  w.emit('SELECT ');
  w.place('e', { kind: 'nothing' }, c.at);
  w.emit(' FROM ');
  return w;
}

function writeQualification(c: Cursor, w: SkeletonWriter, natural: boolean): void {
  const token = c.at;
  if (natural) {
    w.emit(' USING (');
    w.place('u', { kind: 'columns', value: { natural, names: [], alias: null } }, token);
    w.emit(')');
  } else if (c.accept('on')) {
    w.emit(' ON ', token);
    w.place('e', { kind: 'expression', value: parseExpression(c) }, token + 1);
  } else {
    c.expect('using');
    const names = c.parenthesized(() => c.name());
    const alias = c.accept('as') ? c.name() : null;
    w.emit(' USING (', token);
    w.place('u', { kind: 'columns', value: { natural, names, alias } }, token);
    w.emit(')');
  }
}

/** The join trees of a skeleton's FROM clause, one per item of its list. */
export function liftFrom(w: SkeletonWriter, from: readonly SkeletonFrom[]): FromItem[] {
  const items: FromItem[] = [];
  for (const entry of from) {
    const right = w.value(entry.table, 'table');
    if (entry.join === null) {
      items.push(right);
      continue;
    }
    const columns = w.optional(entry.using, 'columns');
    const join: JoinItem = {
      kind: 'join',
      at: right.at,
      join: entry.join,
      left: items.pop()!,
      right,
      natural: columns?.natural ?? false,
      using: columns === null || columns.natural ? null : columns.names,
      usingAlias: columns?.alias ?? null,
      on: w.optional(entry.on, 'expression'),
      alias: null,
    };
    items.push(join);
  }
  return items;
}

/** One item of a FROM list, without the joins that may follow. */
export function parseFromItem(c: Cursor): FromItem {
  return c.nested(() => {
    const at = c.offset;
    const lateral = c.accept('lateral');
    if (c.isPunctuation(OPEN)) return parseParenthesized(c, lateral, at);
    if (c.are('rows', 'from') && c.isPunctuation(OPEN, 2)) return parseRowsFrom(c, lateral, at);
    if (lateral || startsFunction(c)) return parseFunction(c, lateral, at);
    return parseTable(c);
  });
}

/** Words that only a call can begin with, although they do not name functions. */
const SYNTAX_CALLS = new Set(
  'coalesce greatest least nullif extract position overlay substring trim normalize'.split(' '),
);

function startsFunction(c: Cursor): boolean {
  let ahead = 1;
  while (c.isPunctuation(DOT, ahead) && c.isLabel(ahead + 1)) ahead += 2;
  if (c.isPunctuation(OPEN, ahead)) return ahead > 1 || c.isFunctionName() || SYNTAX_CALLS.has(c.word());
  return (
    c.word().startsWith('current_') || c.word() === 'localtime' || c.word() === 'localtimestamp' || c.is('session_user')
  );
}

function parseParenthesized(c: Cursor, lateral: boolean, at: number): FromItem {
  if (startsQuery(c, c.at)) {
    const query = parseSubquery(c);
    return { kind: 'subquery', at, query, lateral, alias: parseAlias(c, false).alias };
  }
  if (lateral) throw c.syntaxError();
  c.at++;
  const inner = parseJoinTree(c);
  c.expectPunctuation(CLOSE);
  // PostgreSQL's grammar has parentheses in FROM for queries and joins only.
  if (inner.kind !== 'join') throw c.syntaxError(c.at - 1);
  const { alias } = parseAlias(c, false);
  return alias === null ? inner : { ...inner, alias };
}

function parseTable(c: Cursor): TableItem {
  const { at, name, only } = parseRelation(c);
  const { alias } = parseAlias(c, false);
  const sampleAt = c.offset;
  if (!c.accept('tablesample')) return { kind: 'table', at, name, only, alias, sample: null };
  c.functionName();
  c.parenthesized(() => parseExpression(c));
  if (c.accept('repeatable')) c.parenthesized(() => parseExpression(c));
  return { kind: 'table', at, name, only, alias, sample: { at: sampleAt } };
}

/** `name`, `name *`, `ONLY name`, `ONLY (name)`. */
export function parseRelation(c: Cursor): Pick<TableItem, 'at' | 'name' | 'only'> {
  const only = c.accept('only');
  const bracketed = only && c.acceptPunctuation(OPEN);
  const name = c.qualifiedName();
  if (bracketed) c.expectPunctuation(CLOSE);
  if (!only && c.isStar) c.at++;
  return { at: name.at, name, only };
}

function parseFunction(c: Cursor, lateral: boolean, at: number): FunctionItem {
  const call = parseFunctionCall(c);
  const ordinality = c.acceptAll('with', 'ordinality');
  const { alias, columns } = parseAlias(c, true);
  return {
    kind: 'function',
    at,
    calls: [{ call, columns: null }],
    rowsFrom: false,
    lateral,
    ordinality,
    alias,
    columns,
  };
}

function parseFunctionCall(c: Cursor) {
  if (startsFunction(c) && !c.isPunctuation(OPEN, 1) && !c.isPunctuation(DOT, 1)) return parsePrimary(c);
  return parseSyntaxCall(c) ?? parseNamedCall(c);
}

function parseRowsFrom(c: Cursor, lateral: boolean, at: number): FunctionItem {
  c.at += 2;
  const calls = c.parenthesized(() => {
    const call = parseFunctionCall(c);
    return { call, columns: c.accept('as') ? c.parenthesized(() => parseColumn(c)) : null };
  });
  const ordinality = c.acceptAll('with', 'ordinality');
  const { alias, columns } = parseAlias(c, true);
  return { kind: 'function', at, calls, rowsFrom: true, lateral, ordinality, alias, columns };
}

function parseColumn(c: Cursor): FunctionColumn {
  const name = c.name();
  const type = parseTypeName(c);
  return { name, type, collation: c.accept('collate') ? c.functionName() : null };
}

/** `[AS] name [(column, …)]`; for functions also `[AS [name]] (column type, …)`. */
function parseAlias(c: Cursor, typed: boolean): { alias: Alias | null; columns: FunctionColumn[] | null } {
  const explicit = c.accept('as');
  if (typed && explicit && c.isPunctuation(OPEN))
    return { alias: null, columns: c.parenthesized(() => parseColumn(c)) };
  if (!explicit && !c.isColumnName()) return { alias: null, columns: null };
  const name = c.name();
  if (!c.isPunctuation(OPEN)) return { alias: { name, columns: [] }, columns: null };
  const isTyped = typed && c.isColumnName(1) && !c.isPunctuation(COMMA, 2) && !c.isPunctuation(CLOSE, 2);
  if (isTyped) return { alias: { name, columns: [] }, columns: c.parenthesized(() => parseColumn(c)) };
  return { alias: { name, columns: c.parenthesized(() => c.name()) }, columns: null };
}
