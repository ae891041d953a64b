/** Sizes of relations and databases, and sizes as text. */

import { fail } from '../../base/errors.ts';
import type { Oid, SystemHooks } from '../types/contracts.ts';
import { formatNumeric, type Numeric, numericToInteger, parseNumeric } from '../types/numeric.ts';
import { multiplyNumeric, roundNumeric, truncateNumeric } from '../types/numeric-arithmetic.ts';
import { narrow, type WideInteger } from '../types/wide-integer.ts';
import { contextual, type Definition, pure } from './definition.ts';

interface Unit {
  readonly name: string;
  /** Sizes below print in this unit. */
  readonly limit: bigint;
  /** Whether the size is kept doubled, to be rounded once at the end. */
  readonly doubled: boolean;
  readonly bits: bigint;
}

/** From here on sizes are printed in kB. */
const BYTES_END = 10n * 1024n;

const UNITS: readonly Unit[] = [
  { name: 'bytes', limit: BYTES_END, doubled: false, bits: 0n },
  { name: 'kB', limit: 20n * 1024n - 1n, doubled: true, bits: 10n },
  { name: 'MB', limit: 20n * 1024n - 1n, doubled: true, bits: 20n },
  { name: 'GB', limit: 20n * 1024n - 1n, doubled: true, bits: 30n },
  { name: 'TB', limit: 20n * 1024n - 1n, doubled: true, bits: 40n },
  { name: 'PB', limit: 20n * 1024n - 1n, doubled: true, bits: 50n },
];

function pretty(value: WideInteger): string {
  let size = BigInt(value);
  for (let i = 0; ; i++) {
    const unit = UNITS[i];
    const next = UNITS[i + 1];
    if (unit === undefined) break;
    if (next === undefined || (size < 0n ? -size : size) < unit.limit) {
      if (unit.doubled) size = (size + (size < 0n ? -1n : 1n)) / 2n;
      return `${size} ${unit.name}`;
    }
    const shift = next.bits - unit.bits - (next.doubled ? 1n : 0n) + (unit.doubled ? 1n : 0n);
    size /= 1n << shift;
  }
  return `${size} bytes`;
}

/** A numeric keeps its fraction while it counts bytes; larger units are integers. */
function prettyNumeric(value: Numeric): string {
  const whole = truncateNumeric(value, 0);
  const bytes = BigInt(numericToInteger(whole) ?? 0);
  return bytes < BYTES_END && bytes > -BYTES_END ? `${formatNumeric(value)} bytes` : pretty(bytes);
}

/** Bytes of a text such as `1.5 GB`. @throws `invalid_parameter_value` (22023). */
function bytesOf(text: string): WideInteger {
  const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
  if (match === null) throw fail('invalid_parameter_value', `invalid size: "${text}"`);
  const wanted = (match[2] ?? '').toLowerCase();
  const unit = UNITS.find(({ name }) => name.toLowerCase() === (wanted === '' || wanted === 'b' ? 'bytes' : wanted));
  if (unit === undefined) {
    throw fail('invalid_parameter_value', `invalid size: "${text}"`, {
      detail: `Invalid size unit: "${match[2]}".`,
      hint: 'Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
    });
  }
  const factor = parseNumeric((1n << unit.bits).toString());
  const bytes = numericToInteger(roundNumeric(multiplyNumeric(parseNumeric(match[1] ?? '0'), factor), 0));
  return narrow(BigInt(bytes ?? 0));
}

export const SIZE_FUNCTIONS: readonly Definition[] = [
  contextual('pg_relation_size(regclass)', ({ system }, oid: Oid) => system.space.relationSize(oid, 'main') ?? null),
  contextual(
    'pg_relation_size(regclass,text)',
    ({ system }, oid: Oid, fork: string) => system.space.relationSize(oid, fork) ?? null,
  ),
  contextual('pg_table_size(regclass)', ({ system }, oid: Oid) => system.space.tableSize(oid) ?? null),
  contextual('pg_indexes_size(regclass)', ({ system }, oid: Oid) => system.space.indexesSize(oid) ?? null),
  contextual('pg_total_relation_size(regclass)', ({ system }, oid: Oid) => system.space.totalRelationSize(oid) ?? null),
  contextual('pg_database_size(oid)', ({ system }, oid: Oid) => databaseSize(system, oid, `OID ${oid}`)),
  contextual('pg_database_size(name)', ({ system }, name: string) =>
    databaseSize(system, system.databaseOid(name), `"${name}"`),
  ),
  pure('pg_size_pretty(int8)', pretty),
  pure('pg_size_pretty(numeric)', prettyNumeric),
  pure('pg_size_bytes(text)', bytesOf),
];

function databaseSize(system: SystemHooks, oid: Oid, name: string): number {
  const size = system.space.databaseSize(oid);
  if (size === undefined) throw fail('invalid_catalog_name', `database ${name} does not exist`);
  return size;
}
