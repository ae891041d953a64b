/**
 * Keys from values: the bounds of index ranges, and the keys of joins, groups and sorts.
 *
 * A range is [from, to): both ends are byte strings, made so that no comparison needs more than memcmp. `x > v` starts at the
 * successor of v's bytes (the smallest string that no string beginning with them reaches), `x <= v` ends there.
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import {
  isVariable,
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_TEXT,
  KIND_U32,
  type PhysicalKind,
} from '../../base/physical.ts';
import { appendFixed, appendNull, appendVariable, type KeyPart, type KeyWriter } from '../../engine/record-port.ts';
import type { Physical, SqlValue } from '../types/contracts.ts';
import { Numeric, scaleDown } from '../types/numeric.ts';
import { registry } from '../types/registry.ts';
import { fixedWriter } from './values.ts';

const scratch = new Uint8Array(16);
const scratchView = new DataView(scratch.buffer);

const NOT_NULL = 1;

/** Where an encoded value lies relative to the value asked for. */
export const EXACT = 0;
/** The kind cannot hold the value; what was appended is the next lower one. */
export const ROUNDED_DOWN = 1;
/** The value is above (below) everything that the kind can hold; nothing was appended. */
export const ABOVE_ALL = 2;
export const BELOW_ALL = 3;

const INT_RANGE = new Map<number, readonly [number, number]>([
  [KIND_I16, [-32768, 32767]],
  [KIND_I32, [-2147483648, 2147483647]],
  [KIND_U32, [0, 4294967295]],
]);

/** Appends a non-null value as a part of an index with this kind and scale. Marker and direction are the caller's. */
function appendPlain(key: KeyWriter, kind: PhysicalKind, scale: number, value: Exclude<SqlValue, null>): number {
  const range = INT_RANGE.get(kind);
  if (range !== undefined && Number.isFinite(Number(value))) {
    if ((value as number | bigint) > range[1]) return ABOVE_ALL;
    if ((value as number | bigint) < range[0]) return BELOW_ALL;
  }
  if (kind === KIND_DEC64) return appendDecimal(key, scale, value as Numeric);
  if (isVariable(kind)) {
    appendVariableValue(key, kind, value);
    return EXACT;
  }
  fixedWriter(kind, scale)(scratchView, scratch, 0, value);
  appendFixed(key, kind, scratchView, scratch, 0);
  return EXACT;
}

const DEC64_MAX = 999_999_999_999_999;

function appendDecimal(key: KeyWriter, scale: number, value: Numeric): number {
  const { coefficient } = value;
  if (coefficient === Infinity) return ABOVE_ALL;
  if (coefficient === -Infinity) return BELOW_ALL;
  if (Number.isNaN(coefficient)) {
    key.int64(9223372036854775807n);
    return EXACT;
  }
  let exact = true;
  let scaled: number | bigint;
  if (value.scale <= scale) scaled = BigInt(coefficient) * 10n ** BigInt(scale - value.scale);
  else {
    scaled = BigInt(scaleDown(coefficient, value.scale - scale, false));
    const back = scaled * 10n ** BigInt(value.scale - scale);
    exact = back === BigInt(coefficient);
    // Division truncates toward zero; below zero the next lower value is one further down.
    if (!exact && BigInt(coefficient) < 0n) scaled -= 1n;
  }
  if (scaled > DEC64_MAX) return ABOVE_ALL;
  if (scaled < -DEC64_MAX) return BELOW_ALL;
  key.int64(Number(scaled));
  return exact ? EXACT : ROUNDED_DOWN;
}

function appendVariableValue(key: KeyWriter, kind: PhysicalKind, value: Exclude<SqlValue, null>): void {
  const bytes = typeof value === 'string' ? encodeUtf8(value) : value instanceof Uint8Array ? value : encodeAny(value);
  appendVariable(key, kind, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes, 0, bytes.length);
}

function encodeAny(value: Exclude<SqlValue, null>): Uint8Array {
  const oid =
    value instanceof Numeric
      ? 1700
      : 'elementType' in (value as object)
        ? registry.type((value as { elementType: number }).elementType)!.arrayOid
        : 2249;
  return registry.type(oid)!.encode!(value);
}

/** Appends a whole part for a value: marker, bytes, direction. @returns one of the constants above. */
export function appendPart(key: KeyWriter, part: KeyPart, scale: number, value: SqlValue): number {
  if (value === null) {
    appendNull(key, part.nullsFirst);
    return EXACT;
  }
  if (part.nullable) key.byte(NOT_NULL);
  const from = key.length;
  const outcome = appendPlain(key, part.kind, scale, value);
  if (outcome === ABOVE_ALL || outcome === BELOW_ALL) {
    if (part.nullable) key.length--;
  } else if (part.descending) key.invertFrom(from);
  return outcome;
}

/** The smallest byte string above all strings that begin with `key`; undefined = there is none. */
export function successor(key: Uint8Array, length: number): Uint8Array | undefined {
  let end = length;
  while (end > 0 && key[end - 1] === 0xff) end--;
  if (end === 0) return undefined;
  const next = key.slice(0, end);
  next[end - 1] = next[end - 1]! + 1;
  return next;
}

export interface KeyRange {
  /** First key of the range; undefined = from the tree's beginning. */
  readonly from: Uint8Array | undefined;
  /** First key behind it; undefined = to the tree's end. */
  readonly to: Uint8Array | undefined;
}

export interface BoundValue {
  readonly value: SqlValue;
  readonly inclusive: boolean;
}

/** The range of keys that begin with `prefix` and whose next part lies between two bounds; undefined = empty. */
export function rangeAfter(
  prefix: KeyWriter,
  part: KeyPart | undefined,
  scale: number,
  lower: BoundValue | undefined,
  upper: BoundValue | undefined,
): KeyRange | undefined {
  const base = prefix.length;
  if (part === undefined || (lower === undefined && upper === undefined)) {
    return {
      from: base === 0 ? undefined : prefix.bytes.slice(0, base),
      to: base === 0 ? undefined : successor(prefix.bytes, base),
    };
  }
  if (lower?.value === null || upper?.value === null) return undefined;
  const low = edge(prefix, part, scale, lower, true);
  const high = edge(prefix, part, scale, upper, false);
  prefix.length = base;
  if (low === 'empty' || high === 'empty') return undefined;
  return part.descending ? { from: high.start, to: low.end } : { from: low.start, to: high.end };
}

/**
 * Both sides of a bound's place among the keys. For a lower bound `start` is where the range begins in an ascending part and
 * `end` where it ends in a descending one; for an upper bound the other way round.
 */
function edge(
  prefix: KeyWriter,
  part: KeyPart,
  scale: number,
  bound: BoundValue | undefined,
  isLower: boolean,
): { start: Uint8Array | undefined; end: Uint8Array | undefined } | 'empty' {
  const base = prefix.length;
  try {
    const outcome = bound === undefined ? ABOVE_ALL : appendPart(prefix, part, scale, bound.value);
    if (bound !== undefined && outcome === (isLower ? ABOVE_ALL : BELOW_ALL)) return 'empty';
    if (bound === undefined || outcome === ABOVE_ALL || outcome === BELOW_ALL) {
      // No limit on this side but the part's own: nulls never satisfy a comparison.
      if (part.nullable) prefix.byte(NOT_NULL);
      const end = prefix.length === 0 ? undefined : successor(prefix.bytes, prefix.length);
      return { start: prefix.length === 0 ? undefined : prefix.bytes.slice(0, prefix.length), end };
    }
    const whole = prefix.bytes.slice(0, prefix.length);
    const after = successor(prefix.bytes, prefix.length);
    // x > v, and x >= v when v itself cannot be stored: begin behind what was encoded. x < v: end before it.
    const behind = isLower ? !bound.inclusive || outcome === ROUNDED_DOWN : bound.inclusive || outcome === ROUNDED_DOWN;
    if (part.descending)
      return isLower
        ? { start: undefined, end: behind ? whole : after }
        : { start: behind ? whole : (after ?? whole), end: undefined };
    return isLower
      ? { start: behind ? (after ?? whole) : whole, end: undefined }
      : { start: undefined, end: behind ? after : whole };
  } finally {
    prefix.length = base;
  }
}

/** Kinds of the same class have equal hash keys for equal values. */
export function hashClass(kind: PhysicalKind): PhysicalKind {
  switch (kind) {
    case KIND_I16:
    case KIND_I32:
    case KIND_U32:
      return KIND_I64;
    case KIND_F32:
      return KIND_F64;
    case KIND_DEC64:
      return KIND_NUMERIC;
    case KIND_NAME:
      return KIND_TEXT;
    default:
      return kind;
  }
}

function appendHashPlain(key: KeyWriter, kind: PhysicalKind, value: Exclude<SqlValue, null>): void {
  switch (kind) {
    case KIND_I16:
    case KIND_I32:
    case KIND_U32:
    case KIND_I64:
      if (typeof value === 'number' && !Number.isFinite(value)) key.float64(value);
      else key.int64(value as number | bigint);
      return;
    case KIND_F32:
    case KIND_F64:
      key.float64(value as number);
      return;
    case KIND_DEC64:
    case KIND_NUMERIC:
      appendVariableValue(key, KIND_NUMERIC, value);
      return;
    default:
      appendPlain(key, kind, 0, value);
  }
}

/** Appends a value so that equal values of comparable types are equal bytes: for joins, groups, DISTINCT, set operations. */
export function appendHashValue(key: KeyWriter, physical: Physical, value: SqlValue): void {
  if (value === null) {
    key.byte(0);
    return;
  }
  key.byte(NOT_NULL);
  appendHashPlain(key, physical.kind, value);
}

/** Appends a value so that memcmp gives the order of ORDER BY. */
export function appendSortValue(
  key: KeyWriter,
  physical: Physical,
  descending: boolean,
  nullsFirst: boolean,
  value: SqlValue,
): void {
  if (value === null) {
    appendNull(key, nullsFirst);
    return;
  }
  key.byte(NOT_NULL);
  const from = key.length;
  appendPlain(key, physical.kind, physical.scale, value);
  if (descending) key.invertFrom(from);
}
