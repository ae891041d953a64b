/**
 * Rows to partitions: the keys of a row are computed, and the bounds say where it belongs, level by level.
 *
 *   row ── keys ──> bytes ── bounds ──> partition ── partitioned itself? keys ── … ──> leaf
 */
import { fail } from '../../base/errors.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { PartitionKey } from '../../engine/partitioning.ts';
import { KeyWriter } from '../../engine/record-port.ts';
import { appendKeyValue, NO_PARTITION, type PartitionBounds } from '../partitions/bounds.ts';
import type { Expr } from '../plan/logical.ts';
import type { PartitionLevel, Routing } from '../plan/logical-changes.ts';
import type { SqlValue } from '../types/contracts.ts';
import { compileEval, type Scope } from './evaluate.ts';
import type { Env } from './state.ts';
import type { Eval } from './values.ts';
import { noPartition } from './violations.ts';

/** The partition of one partitioned table that a row belongs to. */
class Keyed {
  readonly bounds: PartitionBounds;
  readonly #evals: readonly Eval[];
  readonly #key = new KeyWriter();

  constructor(bounds: PartitionBounds, keys: readonly Expr[], scope: Scope) {
    this.bounds = bounds;
    this.#evals = keys.map((key) => compileEval(key, scope));
  }

  /** Its position, or NO_PARTITION. The row is the one that `env` points to; may suspend. */
  find(env: Env): number {
    const key = this.#key;
    const { keys } = this.bounds.partitioning;
    key.length = 0;
    let hasNull = false;
    for (let i = 0; i < keys.length; i++) {
      const value = this.#evals[i]!(env);
      hasNull ||= value === null;
      appendKeyValue(key, keys[i]!, value);
    }
    return this.bounds.find(key, hasNull);
  }

  values(env: Env): SqlValue[] {
    return this.#evals.map((evaluate) => evaluate(env));
  }
}

/** Finds the leaf of a partitioned table's rows. `scope.shape0` is their shape. */
export class Router {
  readonly #table: TableObject;
  readonly #keyed: Keyed;
  readonly #children: readonly (Router | number)[];

  constructor(routing: Routing, scope: Scope) {
    this.#table = routing.table;
    this.#keyed = new Keyed(routing.bounds, routing.keys, scope);
    this.#children = routing.children.map((child) => (typeof child === 'number' ? child : new Router(child, scope)));
  }

  /** The number of the leaf for the row that `env` points to; may suspend. @throws 23514 when no partition takes it. */
  route(env: Env): number {
    const position = this.#keyed.find(env);
    if (position === NO_PARTITION) throw this.#refused(env);
    const child = this.#children[position]!;
    return typeof child === 'number' ? child : child.route(env);
  }

  #refused(env: Env): Error {
    const { keys } = this.#keyed.bounds.partitioning;
    const values = this.#keyed.values(env);
    return noPartition(env.state.session.catalog, this.#table, keys, values, env.state.context);
  }
}

/** Whether a row belongs to a partition, as all levels above it see it. */
export class PartitionTest {
  readonly #levels: readonly { readonly keyed: Keyed; readonly position: number }[];

  constructor(levels: readonly PartitionLevel[], scope: Scope) {
    this.#levels = levels.map(({ bounds, keys, position }) => ({ keyed: new Keyed(bounds, keys, scope), position }));
  }

  /** For the row that `env` points to; may suspend. */
  holds(env: Env): boolean {
    return this.#levels.every(({ keyed, position }) => keyed.find(env) === position);
  }
}

/** A key of values rather than of a row: which leaf of a partitioned table can hold it; undefined = none. */
export function leafOfKeys(
  bounds: PartitionBounds,
  valueFor: (key: PartitionKey) => SqlValue,
): TableObject | undefined {
  const key = new KeyWriter();
  let hasNull = false;
  for (const part of bounds.partitioning.keys) {
    const value = valueFor(part);
    hasNull ||= value === null;
    appendKeyValue(key, part, value);
  }
  return bounds.partitions[bounds.find(key, hasNull)];
}

/** What ON CONFLICT DO UPDATE may not do. */
export function movesAway(): Error {
  return fail('feature_not_supported', 'invalid ON UPDATE specification', {
    detail: 'The result tuple would appear in a different partition than the original tuple.',
  });
}
