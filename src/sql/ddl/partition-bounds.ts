/**
 * FOR VALUES … and DEFAULT: read, and held against the partitions that there are.
 *
 * A partition comes to a table when its bound is one that the table's strategy knows, is not empty, overlaps with no other, and
 * leaves every row where it is: those that it brings lie within it, and those of the default partition do not.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { BoundDatum, PartitionBound, Partitioning, PartitionKey } from '../../engine/partitioning.ts';
import type { WrittenBound } from '../ast/definitions.ts';
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
  written: WrittenBound,
): Task<PartitionBound> {
  const { strategy, keys } = partitioning;
  const wrong = (message: string, at?: number): Error => d.error('invalid_table_definition', message, at);
  if (written.kind === 'default') {
    if (strategy === 'hash') throw wrong('a hash-partitioned table may not have a default partition');
    return { kind: 'default' };
  }
  if (written.kind !== strategy) throw wrong(`invalid bound specification for a ${strategy} partition`, written.at);
  if (written.kind === 'hash') {
    const { modulus, remainder } = written;
    if (modulus <= 0) throw wrong('modulus for hash partition must be an integer value greater than zero');
    if (remainder < 0)
      throw wrong('remainder for hash partition must be an integer value greater than or equal to zero');
    if (remainder >= modulus) throw wrong('remainder for hash partition must be less than modulus');
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
  if (written.length !== keys.length)
    throw d.error(
      'invalid_table_definition',
      `${side} must specify exactly one value per partitioning column`,
      undefined,
    );
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
  { keys }: Partitioning,
  name: string,
  bound: PartitionBound,
  written: WrittenBound,
): void {
  const first = written.kind === 'range' ? written.from[0]?.at : undefined;
  const refuse = (message: string, at: number | undefined, detail?: string): Error =>
    d.error('invalid_object_definition', message, at, detail === undefined ? {} : { detail });
  if (bound.kind === 'range' && compareEdges(rangeEdge(keys, bound.from), rangeEdge(keys, bound.to)) >= 0) {
    const [from, to] = [edgeText(keys, bound.from, d.sql.context), edgeText(keys, bound.to, d.sql.context)];
    const detail = `Specified lower bound ${from} is greater than or equal to upper bound ${to}.`;
    throw refuse(`empty range bound specified for partition "${name}"`, first, detail);
  }
  for (const other of d.catalog.partitionsOf(parent.oid, true)) {
    const theirs = other.partition!.bound;
    const overlap = `partition "${name}" would overlap partition "${other.name}"`;
    if (bound.kind === 'default' && theirs.kind === 'default')
      throw refuse(`partition "${name}" conflicts with existing default partition "${other.name}"`, written.at);
    if (bound.kind === 'range' && theirs.kind === 'range') {
      const isBefore = compareEdges(rangeEdge(keys, bound.to), rangeEdge(keys, theirs.from)) <= 0;
      if (!isBefore && compareEdges(rangeEdge(keys, theirs.to), rangeEdge(keys, bound.from)) > 0)
        throw refuse(overlap, first);
    }
    if (bound.kind === 'list' && theirs.kind === 'list') {
      const key = keys[0]!;
      const taken = bound.values.findIndex((value) =>
        theirs.values.some((v) => compareEdges(listKey(key, v), listKey(key, value)) === 0),
      );
      if (taken >= 0) throw refuse(overlap, written.kind === 'list' ? written.values[taken]?.at : undefined);
    }
    if (bound.kind === 'hash' && theirs.kind === 'hash') {
      const detail = clashOfModuli(bound.modulus, theirs.modulus, other.name);
      if (detail !== undefined)
        throw refuse('every hash partition modulus must be a factor of the next larger modulus', undefined, detail);
      const [small, large] = bound.modulus < theirs.modulus ? [bound, theirs] : [theirs, bound];
      if (large.remainder % small.modulus === small.remainder) throw refuse(overlap, written.at);
    }
  }
}

/** Why two moduli do not go together; undefined when the smaller one is a factor of the other. */
function clashOfModuli(added: number, present: number, name: string): string | undefined {
  if (Math.max(added, present) % Math.min(added, present) === 0) return undefined;
  const is = added < present ? 'is not a factor of' : 'is not divisible by';
  return `The new modulus ${added} ${is} ${present}, the modulus of existing partition "${name}".`;
}

// ── against rows ──

/**
 * Looks whether all rows of a partition, or of one to be, belong to it once the table's partitions are `partitions`.
 *
 * @throws 23514 with the message when a row is in the way
 */
export function* requireRowsFit(
  d: Definer,
  parent: TableObject,
  partitioning: Partitioning,
  partitions: readonly TableObject[],
  partition: TableObject,
  message: string,
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
          if (!(yield* evaluateRow(env, () => test.holds(env)))) throw violated(d, partition, message);
        }
        if (reader.state.spent(rows.count)) yield d.engine.slice();
      }
    } finally {
      reader.operator.close();
      reader.close();
    }
  }
}

function violated(d: Definer, { name, schema }: TableObject, message: string): Error {
  return fail('check_violation', message, { schema: d.catalog.object(schema)?.name ?? '', table: name });
}

function noSubquery(): never {
  throw fail('internal_error', 'a partition key has no sub-query');
}

function invalid(message: string): Error {
  return fail('invalid_object_definition', message);
}
