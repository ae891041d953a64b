/** Set-returning functions: generate_series, unnest and what the catalogs' queries need. */

import { fail } from '../../base/errors.ts';
import type { PgArray } from '../types/array.ts';
import { isInfinite } from '../types/calendar.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import { type Interval, intervalSpan } from '../types/interval.ts';
import { compareNumeric, NUMERIC_ONE, type Numeric } from '../types/numeric.ts';
import { addNumeric } from '../types/numeric-arithmetic.ts';
import { INT8_MAX, INT8_MIN, type WideInteger, wideAdd } from '../types/wide-integer.ts';
import { addToInstant, addToTimestamp } from './datetime-arithmetic.ts';
import { contextualSet, type Definition, pureSet } from './definition.ts';

function stepIsZero(): Error {
  return fail('invalid_parameter_value', 'step size cannot equal zero');
}

/** Integers from start to stop; ends silently where the next would not fit `last`. */
function* integers(start: WideInteger, stop: WideInteger, step: WideInteger, last: bigint): Generator<WideInteger> {
  if (step === 0) throw stepIsZero();
  const up = step > 0;
  for (let value = start; up ? value <= stop : value >= stop; ) {
    yield value;
    const next = BigInt(value) + BigInt(step);
    if (next > last || next < -last - 1n || next > INT8_MAX || next < INT8_MIN) return;
    value = wideAdd(value, step);
  }
}

const INT4_LAST = 2147483647n;

function* numerics(start: Numeric, stop: Numeric, step: Numeric = NUMERIC_ONE): Generator<Numeric> {
  for (const [name, value] of [
    ['start', start],
    ['stop', stop],
    ['step', step],
  ] as const) {
    const label = name === 'step' ? 'step size' : `${name} value`;
    if (value.isNaN) throw fail('invalid_parameter_value', `${label} cannot be NaN`);
    if (!value.isFinite) throw fail('invalid_parameter_value', `${label} cannot be infinity`);
  }
  if (step.isZero) throw stepIsZero();
  const up = step.sign > 0;
  for (let value = start; up ? compareNumeric(value, stop) <= 0 : compareNumeric(value, stop) >= 0; ) {
    yield value;
    value = addNumeric(value, step);
  }
}

type AddInterval = (context: EvalContext, value: WideInteger, step: Interval) => WideInteger;

function times(add: AddInterval) {
  return function* (
    context: EvalContext,
    start: WideInteger,
    stop: WideInteger,
    step: Interval,
  ): Generator<WideInteger> {
    const span = intervalSpan(step);
    if (span === 0) throw stepIsZero();
    const up = span > 0;
    for (let value = start; up ? value <= stop : value >= stop; ) {
      yield value;
      if (isInfinite(value)) return;
      value = add(context, value, step);
    }
  };
}

function* subscripts(array: PgArray, d: number, reverse = false): Generator<number> {
  const length = array.dims[d - 1];
  const low = array.lowerBounds[d - 1] ?? 1;
  if (length === undefined) return;
  for (let i = 0; i < length; i++) yield reverse ? low + length - 1 - i : low + i;
}

/** Options of the form `name=value` as two columns. */
function* optionsToTable(options: PgArray): Generator<readonly SqlValue[]> {
  for (const option of options.values) {
    if (typeof option !== 'string') continue;
    const at = option.indexOf('=');
    yield at < 0 ? [option, null] : [option.slice(0, at), option.slice(at + 1)];
  }
}

/** PostgreSQL's privileges of an access control item, one row each. */
const PRIVILEGES: readonly (readonly [string, string])[] = [
  ['a', 'INSERT'],
  ['r', 'SELECT'],
  ['w', 'UPDATE'],
  ['d', 'DELETE'],
  ['D', 'TRUNCATE'],
  ['x', 'REFERENCES'],
  ['t', 'TRIGGER'],
  ['X', 'EXECUTE'],
  ['U', 'USAGE'],
  ['C', 'CREATE'],
  ['T', 'TEMPORARY'],
  ['c', 'CONNECT'],
];

/** Rows (grantor, grantee, privilege, grantable) of `grantee=letters/grantor` items. */
function* explodeAcl(context: EvalContext, acl: PgArray): Generator<readonly SqlValue[]> {
  const role = (name: string): number => (name === '' ? 0 : context.system.roleOid(name));
  for (const item of acl.values) {
    const match = typeof item === 'string' ? /^(.*)=([A-Za-z*]*)\/(.*)$/.exec(item) : null;
    if (match === null) continue;
    const letters = match[2] ?? '';
    for (const [letter, privilege] of PRIVILEGES) {
      const at = letters.indexOf(letter);
      if (at >= 0) yield [role(match[3] ?? ''), role(match[1] ?? ''), privilege, letters[at + 1] === '*'];
    }
  }
}

const SERIES: readonly Definition[] = [
  pureSet('generate_series(int4,int4)', (start: number, stop: number) => integers(start, stop, 1, INT4_LAST)),
  pureSet('generate_series(int4,int4,int4)', (start: number, stop: number, step: number) =>
    integers(start, stop, step, INT4_LAST),
  ),
  pureSet('generate_series(int8,int8)', (start: WideInteger, stop: WideInteger) => integers(start, stop, 1, INT8_MAX)),
  pureSet('generate_series(int8,int8,int8)', (start: WideInteger, stop: WideInteger, step: WideInteger) =>
    integers(start, stop, step, INT8_MAX),
  ),
  pureSet('generate_series(numeric,numeric)', numerics),
  pureSet('generate_series(numeric,numeric,numeric)', numerics),
  contextualSet(
    'generate_series(timestamp,timestamp,interval)',
    times((_context, value, step) => addToTimestamp(value, step)),
  ),
  contextualSet('generate_series(timestamptz,timestamptz,interval)', times(addToInstant)),
  pureSet('generate_subscripts(anyarray,int4)', subscripts),
  pureSet('generate_subscripts(anyarray,int4,bool)', subscripts),
];

export const SET_FUNCTIONS: readonly Definition[] = [
  ...SERIES,
  pureSet('unnest(anyarray)', (array: PgArray) => array.values),
  pureSet('pg_options_to_table(_text)', optionsToTable),
  contextualSet('aclexplode(_text)', explodeAcl),
  contextualSet('pg_sequence_row(oid)', ({ system }, oid: Oid) => [system.sequenceRow(oid)]),
  contextualSet('pg_partition_ancestors(regclass)', ({ system }, oid: Oid) => system.partitionAncestors(oid)),
  contextualSet('pg_partition_tree(regclass)', ({ system }, oid: Oid) =>
    system.partitionTree(oid).map(([relation, parent, isLeaf, level]) => [relation, parent || null, isLeaf, level]),
  ),
];
