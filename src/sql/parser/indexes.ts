/** CREATE INDEX, ALTER INDEX … REORGANIZE | REBUILD | DISABLE, REINDEX, CLUSTER. */

import type { IndexKey, Option } from '../ast/definitions.ts';
import type { Name, QualifiedName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { parseWithOptions } from './constraints.ts';
import { type Cursor, OPEN } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { parseRelation } from './from-items.ts';
import { flag, parseUtilityOptions } from './options.ts';
import { parsePrimary } from './primaries.ts';
import { parseSortOrder } from './windows.ts';

/** The cursor is at UNIQUE or INDEX. */
export function parseCreateIndex(c: Cursor, at: number): Statement {
  const unique = c.accept('unique');
  c.expect('index');
  const concurrently = c.accept('concurrently');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const name: Name | null = c.is('on') && !ifNotExists ? null : c.name();
  c.expect('on');
  const { name: table, only } = parseRelation(c);
  const accessMethod = c.accept('using') ? c.name() : null;
  const keys = c.parenthesized(() => parseIndexKey(c));
  const include = c.accept('include') ? c.parenthesized(() => parseIndexKey(c)) : [];
  let nullsNotDistinct = false;
  if (c.accept('nulls')) {
    nullsNotDistinct = c.accept('not');
    c.expect('distinct');
  }
  const options = parseWithOptions(c);
  const tablespace = c.accept('tablespace') ? c.name() : null;
  const where = parseWhere(c);
  const head = { kind: 'createIndex' as const, at, name, unique, concurrently, ifNotExists, table, only, accessMethod };
  return { ...head, keys, include, nullsNotDistinct, options, tablespace, where };
}

function parseWhere(c: Cursor) {
  if (!c.accept('where')) return null;
  const token = c.at;
  const expression = parseExpression(c);
  return { expression, text: c.textSince(token) };
}

/** `column | function(…) | (expression)`, then collation, operator class and order. */
export function parseIndexKey(c: Cursor): IndexKey {
  const token = c.at;
  const bracketed = c.isPunctuation(OPEN);
  const expression = bracketed ? c.parenthesized(() => parseExpression(c))[0]! : parsePrimary(c);
  if (!bracketed && expression.kind !== 'call' && expression.kind !== 'conditional' && expression.kind !== 'sqlValue') {
    const isColumn = expression.kind === 'column' && expression.parts.length === 1;
    if (!isColumn) throw c.syntaxError(token + 1);
  }
  const text = c.textSince(token);
  const collation = c.accept('collate') ? c.functionName() : null;
  const isClass = c.isFunctionName() && !c.is('nulls') && !c.is('include');
  const opclass: QualifiedName | null = isClass ? c.functionName() : null;
  if (opclass !== null && c.isPunctuation(OPEN)) parseUtilityOptions(c);
  const { direction, nulls } = parseSortOrder(c);
  return { expression, text, collation, opclass, direction, nulls };
}

interface Target {
  readonly at: number;
  /** Null is ALL. */
  readonly index: QualifiedName | null;
  readonly table: QualifiedName | null;
}

/** REORGANIZE, REBUILD or DISABLE behind `ALTER INDEX {name | ALL} [ON table]`; null when no such word stands here. */
export function parseIndexMaintenance(c: Cursor, target: Target, wholeTable = false): Statement | null {
  const isReorganize = c.isBareWord('reorganize');
  if (!wholeTable && c.accept('disable'))
    return { kind: 'rebuild', ...target, disable: true, partition: null, options: [] };
  if (!isReorganize && !c.isBareWord('rebuild')) return null;
  c.at++;
  let partition: { at: number; number: number } | null = null;
  let partitionAll = false;
  if (c.accept('partition')) {
    c.expectEquals();
    partitionAll = c.accept('all');
    if (!partitionAll) partition = { at: c.offset, number: c.integer() };
  }
  const options: Option[] = parseWithOptions(c);
  if (isReorganize) return { kind: 'reorganize', ...target, partition, partitionAll, wholeTable, options };
  return { kind: 'rebuild', ...target, disable: false, partition, options };
}

export function parseReindex(c: Cursor): Statement {
  const at = c.offset;
  c.expect('reindex');
  const options = c.isPunctuation(OPEN) ? parseUtilityOptions(c) : [];
  const object = c.oneOf('index', 'table', 'schema', 'database', 'system');
  const concurrently = c.is('concurrently');
  if (concurrently) {
    options.push(flag('concurrently', c.offset));
    c.at++;
  }
  const named = object === 'index' || object === 'table' || object === 'schema' || !c.atEnd;
  return { kind: 'reindex', at, object, name: named ? c.qualifiedName() : null, concurrently, options };
}

/** `CLUSTER [VERBOSE] [table [USING index]]`, `CLUSTER index ON table`. */
export function parseCluster(c: Cursor): Statement {
  const at = c.offset;
  c.expect('cluster');
  const options = c.isPunctuation(OPEN) ? parseUtilityOptions(c) : [];
  if (c.is('verbose')) {
    options.push(flag('verbose', c.offset));
    c.at++;
  }
  if (c.atEnd) return { kind: 'cluster', at, table: null, index: null, options };
  const name = c.qualifiedName();
  if (name.schema === null && c.accept('on'))
    return { kind: 'cluster', at, table: c.qualifiedName(), index: { text: name.name, at: name.at }, options };
  const index = c.accept('using') ? c.name() : null;
  return { kind: 'cluster', at, table: name, index, options };
}
