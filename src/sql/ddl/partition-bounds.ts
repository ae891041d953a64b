/**
 * FOR VALUES … and DEFAULT: read, and held against the partitions that there are.
 *
 * A partition comes to a table when its bound is one that the table's strategy knows, is not empty, overlaps with no other, and
 * leaves every row where it is: those that it brings lie within it, and those of the default partition do not.
 */
import { type ErrorCode, fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { BoundDatum, PartitionBound, Partitioning, PartitionKey, TableObject } from '../../engine/catalog.ts';
import type { PartitionOf } from '../ast/definitions.ts';
import type { Expression } from '../ast/expressions.ts';
import { bindConstant } from '../bind/bind.ts';
import { Binding } from '../bind/binding.ts';
import { bindPartitionKeys, rowAs } from '../bind/rules.ts';
import { evaluateRow, pointAt } from '../exec/operator.ts';
import { PartitionTest } from '../exec/partition-routing.ts';
import { Env } from '../exec/state.ts';
import { storedBytes } from '../exec/stored-value.ts';
import { typeEntry } from '../exec/values.ts';
import { compareEdges, leavesOf, listKey, PartitionBounds, rangeEdge } from '../partitions/bounds.ts';
import { edgeText } from '../partitions/partition-text.ts';
import { readTable } from './build-index.ts';
import type { Definer } from './definer.ts';
import { partitionKeyText } from './deparse.ts';

/** A bound as it is written for a new partition of `parent`. @throws 42P17, 42804 and what the values' evaluation throws */
export function* readBound(
  d: Definer,
  parent: TableObject,
  partitioning: Partitioning,
  written: PartitionOf['bound'],
): Task<PartitionBound> {
  const { strategy, keys } = partitioning;
  if (written === null) {
    if (strategy === 'hash') throw invalid('a hash-partitioned table may not have a default partition');
    return { kind: 'default' };
  }
  if (written.kind !== strategy) throw invalid(`invalid bound specification for a ${strategy} partition`);
  if (written.kind === 'hash') {
    const { modulus, remainder } = written;
    if (modulus <= 0) throw invalid('modulus for hash partition must be an integer value greater than zero');
    if (remainder < 0)
      throw invalid('remainder for hash partition must be an integer value greater than or equal to zero');
    if (remainder >= modulus) throw invalid('remainder for hash partition must be less than modulus');
    return { kind: 'hash', modulus, remainder };
  }
  if (written.kind === 'list') {
    const values: BoundDatum[] = [];
    for (const value of written.values) {
      const datum = yield* readDatum(d, parent, keys[0]!, value);
      // A value that is written twice counts once.
      if (!values.some((v) => compareEdges(listKey(keys[0]!, v), listKey(keys[0]!, datum)) === 0)) values.push(datum);
    }
    return { kind: 'list', values };
  }
  return {
    kind: 'range',
    from: yield* readEdge(d, parent, keys, written.from, 'FROM'),
    to: yield* readEdge(d, parent, keys, written.to, 'TO'),
  };
}

function* readEdge(
  d: Definer,
  parent: TableObject,
  keys: readonly PartitionKey[],
  written: readonly Expression[],
  side: string,
): Task<BoundDatum[]> {
  if (written.length !== keys.length) throw invalid(`${side} must specify exactly one value per partitioning column`);
  const data: BoundDatum[] = [];
  for (const [i, value] of written.entries()) {
    const datum = endOf(value) ?? (yield* readDatum(d, parent, keys[i]!, value));
    if (datum === 'null') throw invalid('cannot specify NULL in range bound');
    const before = data[i - 1];
    if ((before === 'minvalue' || before === 'maxvalue') && datum !== before) {
      const word = before.toUpperCase();
      throw d.error('datatype_mismatch', `every bound following ${word} must also be ${word}`, value.at);
    }
    data.push(datum);
  }
  return data;
}

function endOf(value: Expression): 'minvalue' | 'maxvalue' | undefined {
  if (value.kind !== 'column' || value.parts.length !== 1) return undefined;
  const { text } = value.parts[0]!;
  return text === 'minvalue' || text === 'maxvalue' ? text : undefined;
}

function* readDatum(d: Definer, parent: TableObject, key: PartitionKey, value: Expression): Task<BoundDatum> {
  if (value.kind === 'column')
    throw d.error('invalid_column_reference', 'cannot use column reference in partition bound expression', value.at);
  const target = { oid: key.type, typmod: key.typmod };
  const bound = bindConstant(d.sql.bindContext(), value, d.text, target);
  if (bound.type !== key.type) {
    const type = typeEntry(key.type).displayName;
    const text = `specified value cannot be cast to type ${type} for column "${partitionKeyText(parent, key)}"`;
    throw d.error('datatype_mismatch', text, value.at);
  }
  const found = yield* d.sql.evaluateConstant(bound);
  return found === null ? 'null' : { stored: storedBytes(key, found) };
}

// ── against the others ──

/** @throws 42P17 when the bound is empty or another partition has some of its values */
export function requireRoom(
  d: Definer,
  parent: TableObject,
  partitioning: Partitioning,
  name: string,
  bound: PartitionBound,
): void {
  const { keys } = partitioning;
  const others = d.catalog.partitionsOf(parent.oid);
  const overlaps = (other: TableObject): Error =>
    invalid(`partition "${name}" would overlap partition "${other.name}"`);
  if (bound.kind === 'range' && compareEdges(rangeEdge(keys, bound.from), rangeEdge(keys, bound.to)) >= 0)
    throw emptyRange(d, keys, name, bound);
  for (const other of others) {
    const theirs = other.partition!.bound;
    if (bound.kind === 'default' && theirs.kind === 'default')
      throw invalid(`partition "${name}" conflicts with existing default partition "${other.name}"`);
    if (bound.kind === 'range' && theirs.kind === 'range') {
      const isBefore = compareEdges(rangeEdge(keys, bound.to), rangeEdge(keys, theirs.from)) <= 0;
      if (!isBefore && compareEdges(rangeEdge(keys, theirs.to), rangeEdge(keys, bound.from)) > 0) throw overlaps(other);
    }
    if (bound.kind === 'list' && theirs.kind === 'list') {
      const key = keys[0]!;
      const has = (value: BoundDatum): boolean =>
        theirs.values.some((v) => compareEdges(listKey(key, v), listKey(key, value)) === 0);
      if (bound.values.some(has)) throw overlaps(other);
    }
    if (bound.kind === 'hash' && theirs.kind === 'hash') requireHashRoom(name, bound, other, theirs);
  }
}

function requireHashRoom(
  name: string,
  bound: Extract<PartitionBound, { kind: 'hash' }>,
  other: TableObject,
  theirs: Extract<PartitionBound, { kind: 'hash' }>,
): void {
  const [small, large] = bound.modulus < theirs.modulus ? [bound, theirs] : [theirs, bound];
  if (large.modulus % small.modulus !== 0) {
    const is = bound === small ? 'is not a factor of' : 'is not divisible by';
    throw fail(
      'invalid_object_definition',
      'every hash partition modulus must be a factor of the next larger modulus',
      {
        detail: `The new modulus ${bound.modulus} ${is} ${theirs.modulus}, the modulus of existing partition "${other.name}".`,
      },
    );
  }
  if (large.remainder % small.modulus === small.remainder)
    throw invalid(`partition "${name}" would overlap partition "${other.name}"`);
}

function emptyRange(
  d: Definer,
  keys: readonly PartitionKey[],
  name: string,
  { from, to }: Extract<PartitionBound, { kind: 'range' }>,
): Error {
  return fail('invalid_object_definition', `empty range bound specified for partition "${name}"`, {
    detail: `Specified lower bound ${edgeText(keys, from, d.sql.context)} is greater than or equal to upper bound ${edgeText(keys, to, d.sql.context)}.`,
  });
}

// ── against rows ──

/** What to say when a row is in the way. */
export interface RowsInTheWay {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Looks whether all rows of a partition, or of one to be, belong to it once the table's partitions are `partitions`.
 *
 * @throws `inTheWay`
 */
export function* requireRowsFit(
  d: Definer,
  parent: TableObject,
  partitioning: Partitioning,
  partitions: readonly TableObject[],
  partition: TableObject,
  inTheWay: RowsInTheWay,
): Task<void> {
  const bounds = new PartitionBounds(partitioning, partitions);
  const position = bounds.partitions.indexOf(partition);
  for (const leaf of leavesOf(d.catalog, partition)) {
    const reader = readTable(d, leaf);
    const b = new Binding(d.sql.bindContext(), '', 0, [], []);
    const keys = bindPartitionKeys(b, parent, partitioning, rowAs(leaf, reader.columns, parent));
    const scope = { shape0: reader.shape, outer: new Map<number, number>(), subquery: noSubquery };
    const test = new PartitionTest([{ bounds, keys, position }], scope);
    const env = new Env(reader.state);
    try {
      yield* reader.operator.open();
      for (;;) {
        const rows = yield* reader.operator.next();
        if (rows === undefined) break;
        for (let i = 0; i < rows.count; i++) {
          pointAt(env, rows, i);
          if (!(yield* evaluateRow(env, () => test.holds(env)))) throw fail(inTheWay.code, inTheWay.message);
        }
        if (reader.state.spent(rows.count)) yield d.engine.slice();
      }
    } finally {
      reader.operator.close();
      reader.close();
    }
  }
}

function noSubquery(): never {
  throw fail('internal_error', 'a partition key has no sub-query');
}

function invalid(message: string): Error {
  return fail('invalid_object_definition', message);
}
