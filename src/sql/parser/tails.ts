/** The tail of a query: ORDER BY, LIMIT, OFFSET, FETCH FIRST and locking clauses. */

import { fail } from '../../base/errors.ts';
import type { Expression } from '../ast/expressions.ts';
import type { LockingClause, Query } from '../ast/queries.ts';
import { COMMA, type Cursor } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { parsePrimary } from './primaries.ts';
import type { SkeletonQuery } from './skeleton.ts';
import type { SkeletonWriter } from './skeleton-writer.ts';
import { parseSortItem } from './windows.ts';

/** What of a tail is read beside the skeleton. */
export interface Tail {
  readonly withTies: boolean;
  readonly locking: readonly LockingClause[];
}

/** Writes items separated by commas. */
export function writeList(c: Cursor, w: SkeletonWriter, item: () => void): void {
  item();
  while (c.acceptPunctuation(COMMA)) {
    w.emit(', ');
    item();
  }
}

const DIRECTIONS = { asc: ' ASC', desc: ' DESC', using: '', default: '' } as const;
const NULLS = { first: ' NULLS FIRST', last: ' NULLS LAST', default: '' } as const;

export function writeTail(c: Cursor, w: SkeletonWriter): Tail {
  const orderToken = c.at;
  if (c.acceptAll('order', 'by')) {
    w.emit(' ORDER BY ', orderToken);
    writeList(c, w, () => {
      const token = c.at;
      const item = parseSortItem(c);
      w.place('e', { kind: 'sort', value: item }, token);
      w.emit(DIRECTIONS[item.direction] + NULLS[item.nulls]);
    });
  }
  const locking: LockingClause[] = [];
  while (c.is('for')) locking.push(...parseLocking(c));
  const limits = parseLimits(c);
  while (c.is('for')) locking.push(...parseLocking(c));
  if (limits.limit !== null) {
    w.emit(' LIMIT ');
    w.place('', { kind: 'expression', value: limits.limit }, c.at);
  }
  if (limits.offset !== null) {
    w.emit(' OFFSET ');
    w.place('', { kind: 'expression', value: limits.offset }, c.at);
  }
  return { withTies: limits.withTies, locking };
}

interface Limits {
  limit: Expression | null;
  offset: Expression | null;
  withTies: boolean;
}

/** LIMIT or FETCH, and OFFSET, in either order. */
function parseLimits(c: Cursor): Limits {
  const limits: Limits = { limit: null, offset: null, withTies: false };
  let sawLimit = false;
  for (;;) {
    const token = c.at;
    if (c.is('limit') || c.is('fetch')) {
      if (sawLimit) throw c.errorAt('multiple LIMIT clauses not allowed', token);
      sawLimit = true;
      if (c.accept('limit')) parseLimit(c, limits, token);
      else parseFetch(c, limits);
    } else if (c.accept('offset')) {
      if (limits.offset !== null) throw c.errorAt('multiple OFFSET clauses not allowed', token);
      limits.offset = parseExpression(c);
      if (c.is('row') || c.is('rows')) c.at++;
    } else return limits;
  }
}

function parseLimit(c: Cursor, limits: Limits, token: number): void {
  if (!c.accept('all')) limits.limit = parseExpression(c);
  if (c.isPunctuation(COMMA)) {
    throw fail('syntax_error', 'LIMIT #,# syntax is not supported', {
      hint: 'Use separate LIMIT and OFFSET clauses.',
      position: c.position(token),
    });
  }
}

function parseFetch(c: Cursor, limits: Limits): void {
  c.expect('fetch');
  c.oneOf('first', 'next');
  const at = c.offset;
  limits.limit =
    c.is('row') || c.is('rows') ? { kind: 'literal', at, literal: 'integer', text: '1', slot: -1 } : parseFetchCount(c);
  c.oneOf('row', 'rows');
  if (c.accept('only')) return;
  c.expect('with', 'ties');
  limits.withTies = true;
}

function parseFetchCount(c: Cursor): Expression {
  const at = c.offset;
  if (!c.isOperator(43) && !c.isOperator(45)) return parsePrimary(c);
  const { schema, name } = c.operatorName();
  return { kind: 'operator', at, schema, operator: name, left: null, right: parsePrimary(c) };
}

/** One locking clause; FOR READ ONLY is none. */
function parseLocking(c: Cursor): LockingClause[] {
  const at = c.offset;
  c.expect('for');
  if (c.acceptAll('read', 'only')) return [];
  const strength = parseStrength(c);
  const of = c.accept('of') ? c.list(() => c.qualifiedName()) : [];
  const wait = c.accept('nowait') ? 'nowait' : c.acceptAll('skip', 'locked') ? 'skip locked' : 'wait';
  return [{ at, strength, of, wait }];
}

function parseStrength(c: Cursor): LockingClause['strength'] {
  if (c.acceptAll('no', 'key', 'update')) return 'no key update';
  if (c.acceptAll('key', 'share')) return 'key share';
  return c.oneOf('update', 'share');
}

export function liftTail(
  w: SkeletonWriter,
  skeleton: SkeletonQuery,
  tail: Tail,
): Pick<Query, 'orderBy' | 'limit' | 'offset' | 'withTies' | 'locking'> {
  return {
    orderBy: skeleton.orderBy.map(({ item, direction, nulls }) => {
      const sort = w.value(item, 'sort');
      return { ...sort, nulls, direction: sort.direction === 'using' ? 'using' : direction };
    }),
    limit: w.optional(skeleton.limit, 'expression'),
    offset: w.optional(skeleton.offset, 'expression'),
    ...tail,
  };
}

/** A tail behind a query in parentheses joins the tail inside, as long as no clause comes twice. */
export function addTail(c: Cursor, query: Query, tail: ReturnType<typeof liftTail>): Query {
  const refuse = (what: string) => c.errorAt(`multiple ${what} clauses not allowed`, c.at - 1);
  if (query.orderBy.length > 0 && tail.orderBy.length > 0) throw refuse('ORDER BY');
  if (query.limit !== null && tail.limit !== null) throw refuse('LIMIT');
  if (query.offset !== null && tail.offset !== null) throw refuse('OFFSET');
  return {
    ...query,
    orderBy: [...query.orderBy, ...tail.orderBy],
    limit: query.limit ?? tail.limit,
    offset: query.offset ?? tail.offset,
    withTies: query.withTies || tail.withTies,
    locking: [...query.locking, ...tail.locking],
  };
}
