/**
 * All types: the facts of pg_type joined with the behaviour that each type's module gives.
 *
 * Array types borrow everything from their element. Types without a behaviour are visible in catalogs and refuse values.
 */

import { fail, unsupported } from '../../base/errors.ts';
import { KIND_ARRAY, KIND_DEC64, KIND_NUMERIC, KIND_RECORD } from '../../base/physical.ts';
import { PgArray } from './array.ts';
import { formatArray, formatRecord, formatVector, parseArray, parseVector } from './array-text.ts';
import { type Behaviour, badBinary } from './behaviour.ts';
import type { EvalContext, Oid, Physical, SqlValue, TypeEntry } from './contracts.ts';
import { DATE, INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ } from './datetime-types.ts';
import type { PgRecord } from './record.ts';
import { type BuiltinNames, regBehaviours } from './reg-types.ts';
import { BOOLEAN, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, numericTypmod, OID } from './scalar-types.ts';
import { BPCHAR, BYTEA, CHAR1, NAME, TEXT, TID, UUID, VARCHAR, VOID } from './text-types.ts';
import { TYPE_FACTS, type TypeFacts, typeFacts, typeFactsNamed } from './type-facts.ts';
import { INT2VECTOR_OID, OIDVECTOR_OID } from './type-oids.ts';
import { decodeKind, encodeKind, type NonNullValue } from './value-bytes.ts';

const SCALARS: readonly (readonly [string, Behaviour])[] = [
  ['bool', BOOLEAN],
  ['int2', INT2],
  ['int4', INT4],
  ['int8', INT8],
  ['oid', OID],
  ['xid', OID],
  ['cid', OID],
  ['float4', FLOAT4],
  ['float8', FLOAT8],
  ['numeric', NUMERIC],
  ['text', TEXT],
  ['unknown', TEXT],
  ['cstring', TEXT],
  ['pg_node_tree', TEXT],
  ['aclitem', TEXT],
  ['varchar', VARCHAR],
  ['bpchar', BPCHAR],
  ['name', NAME],
  ['char', CHAR1],
  ['bytea', BYTEA],
  ['uuid', UUID],
  ['tid', TID],
  ['void', VOID],
  ['date', DATE],
  ['time', TIME],
  ['timestamp', TIMESTAMP],
  ['timestamptz', TIMESTAMPTZ],
  ['interval', INTERVAL],
];

/** One-word SQL spellings that differ from pg_type.typname. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['int', 'int4'],
  ['integer', 'int4'],
  ['smallint', 'int2'],
  ['bigint', 'int8'],
  ['real', 'float4'],
  ['float', 'float8'],
  ['double precision', 'float8'],
  ['decimal', 'numeric'],
  ['dec', 'numeric'],
  ['boolean', 'bool'],
  ['character', 'bpchar'],
  ['character varying', 'varchar'],
  ['time without time zone', 'time'],
  ['time with time zone', 'timetz'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp with time zone', 'timestamptz'],
]);

/** What pg_type says of a type, as the entry has it. */
function factsOf(facts: TypeFacts): Omit<TypeFacts, 'kind'> {
  const { kind: _, ...entry } = facts;
  return entry;
}

function physicalOf(facts: TypeFacts): (typmod: number) => Physical | undefined {
  const { kind } = facts;
  if (kind === undefined) return () => undefined;
  if (kind === KIND_NUMERIC) return numericPhysical;
  const physical: Physical = { kind, scale: 0 };
  return () => physical;
}

const DEC64_PRECISION_MAX = 15;

function numericPhysical(typmod: number): Physical {
  if (typmod >= 0) {
    const { precision, scale } = numericTypmod(typmod);
    if (precision <= DEC64_PRECISION_MAX && scale >= 0) return { kind: KIND_DEC64, scale };
  }
  return { kind: KIND_NUMERIC, scale: 0 };
}

function entryOf(facts: TypeFacts, behaviour: Behaviour): TypeEntry {
  const { kind } = facts;
  const byteForm = kind === KIND_NUMERIC || kind === KIND_ARRAY || kind === KIND_RECORD;
  return {
    ...factsOf(facts),
    physical: physicalOf(facts),
    parse(text, typmod, context) {
      const value = behaviour.parse(text, context, typmod);
      if (typmod < 0 || behaviour.applyTypmod === undefined) return value;
      return behaviour.applyTypmod(value, typmod, false);
    },
    format: (value, context) => behaviour.format(value, context),
    ...(behaviour.send === undefined ? {} : { send: behaviour.send.bind(behaviour) }),
    ...(behaviour.receive === undefined ? {} : { receive: receiver(behaviour) }),
    ...(byteForm ? { encode: (value: NonNullValue) => encodeKind(kind, value) } : {}),
    ...(byteForm
      ? { decode: (bytes: Uint8Array, start: number, end: number) => decodeKind(kind, bytes, start, end) }
      : {}),
    ...(behaviour.compare === undefined ? {} : { compare: nonNullCompare(behaviour) }),
    ...(behaviour.typmodIn === undefined ? {} : { typmodIn: behaviour.typmodIn.bind(behaviour) }),
    ...(behaviour.typmodOut === undefined ? {} : { typmodOut: behaviour.typmodOut.bind(behaviour) }),
    ...(behaviour.applyTypmod === undefined ? {} : { applyTypmod: behaviour.applyTypmod.bind(behaviour) }),
  };
}

function receiver(behaviour: Behaviour): NonNullable<TypeEntry['receive']> {
  return (bytes, start, end, typmod) => {
    const value = behaviour.receive?.(bytes, start, end) ?? null;
    if (value === null || typmod < 0 || behaviour.applyTypmod === undefined) return value;
    return behaviour.applyTypmod(value, typmod, false);
  };
}

function nonNullCompare(behaviour: Behaviour): (a: SqlValue, b: SqlValue) => number {
  return (a, b) =>
    a === null || b === null ? Number(a === null) - Number(b === null) : (behaviour.compare?.(a, b) ?? 0);
}

/** Order of arrays: element by element, null last, then by number of elements, dimensions, lengths and lower bounds. */
export function compareArrays(a: PgArray, b: PgArray, element: (x: SqlValue, y: SqlValue) => number): number {
  const shared = Math.min(a.values.length, b.values.length);
  for (let i = 0; i < shared; i++) {
    const order = compareNullLast(a.values[i] ?? null, b.values[i] ?? null, element);
    if (order !== 0) return order;
  }
  return (
    Math.sign(a.values.length - b.values.length) ||
    Math.sign(a.dims.length - b.dims.length) ||
    compareLists(a.dims, b.dims) ||
    compareLists(a.lowerBounds, b.lowerBounds)
  );
}

function compareNullLast(x: SqlValue, y: SqlValue, compare: (x: SqlValue, y: SqlValue) => number): number {
  if (x === null || y === null) return Number(x === null) - Number(y === null);
  return compare(x, y);
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = Math.sign((a[i] ?? 0) - (b[i] ?? 0));
    if (order !== 0) return order;
  }
  return 0;
}

function arrayBehaviour(element: TypeEntry): Behaviour<PgArray> {
  const { compare, send, receive } = element;
  return {
    parse: (text, context, typmod) => parseArray(text, element.oid, (item) => element.parse(item, typmod, context)),
    format: (value, context) => formatArray(value, (item) => element.format(item, context)),
    ...(compare === undefined ? {} : { compare: (a: PgArray, b: PgArray) => compareArrays(a, b, compare) }),
    ...(send === undefined ? {} : { send: (value: PgArray) => sendArray(value, send) }),
    ...(receive === undefined
      ? {}
      : {
          receive: (bytes: Uint8Array, start: number, end: number) =>
            receiveArray(bytes, start, end, element.oid, receive),
        }),
    ...(element.typmodIn === undefined ? {} : { typmodIn: element.typmodIn }),
    ...(element.typmodOut === undefined ? {} : { typmodOut: element.typmodOut }),
    applyTypmod(value, typmod, explicit) {
      const { applyTypmod } = element;
      if (applyTypmod === undefined || typmod < 0) return value;
      return value.retyped(
        element.oid,
        value.values.map((item) => (item === null ? null : applyTypmod(item, typmod, explicit))),
      );
    },
  };
}

/** Wire form: dimensions, has-nulls flag, element oid, per dimension length and lower bound, per element length and bytes. */
function sendArray(value: PgArray, send: (value: NonNullValue) => Uint8Array): Uint8Array {
  const parts = value.values.map((item) => (item === null ? undefined : send(item)));
  let size = 12 + value.dims.length * 8;
  for (const part of parts) size += 4 + (part?.length ?? 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, value.dims.length);
  view.setInt32(4, value.values.includes(null) ? 1 : 0);
  view.setUint32(8, value.elementType);
  let at = 12;
  value.dims.forEach((length, d) => {
    view.setInt32(at, length);
    view.setInt32(at + 4, value.lowerBounds[d] ?? 1);
    at += 8;
  });
  for (const part of parts) {
    view.setInt32(at, part?.length ?? -1);
    if (part !== undefined) bytes.set(part, at + 4);
    at += 4 + (part?.length ?? 0);
  }
  return bytes;
}

function receiveArray(
  bytes: Uint8Array,
  start: number,
  end: number,
  elementType: Oid,
  receive: NonNullable<TypeEntry['receive']>,
): PgArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  if (view.byteLength < 12) throw badBinary();
  const dimensions = view.getInt32(0);
  if (dimensions < 0 || dimensions > 6 || view.byteLength < 12 + dimensions * 8) throw badBinary();
  if (view.getUint32(8) !== elementType) throw fail('datatype_mismatch', 'wrong element type');
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  let count = dimensions === 0 ? 0 : 1;
  for (let d = 0; d < dimensions; d++) {
    dims.push(view.getInt32(12 + d * 8));
    lowerBounds.push(view.getInt32(16 + d * 8));
    count *= dims[d] ?? 0;
  }
  let at = 12 + dimensions * 8;
  if (count < 0 || count * 4 > view.byteLength - at) throw badBinary();
  const values: SqlValue[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 4 > view.byteLength) throw badBinary();
    const length = view.getInt32(at);
    at += 4;
    if (length > view.byteLength - at) throw badBinary();
    values.push(length < 0 ? null : receive(bytes, start + at, start + at + length, -1));
    at += Math.max(length, 0);
  }
  if (at !== view.byteLength) throw badBinary();
  return count === 0 ? new PgArray(elementType, []) : new PgArray(elementType, values, dims, lowerBounds);
}

function vectorBehaviour(element: TypeEntry): Behaviour<PgArray> {
  const array = arrayBehaviour(element);
  return {
    ...array,
    parse: (text, context) => parseVector(text, element.oid, (item) => element.parse(item, -1, context)),
    format: (value) => formatVector(value),
  };
}

/** All types by oid and by name; a type's entry is made when it is first asked for. */
export class TypeTable {
  readonly #entries = new Map<Oid, TypeEntry>();
  readonly #behaviours: ReadonlyMap<string, Behaviour>;

  constructor(names: BuiltinNames) {
    this.#behaviours = new Map<string, Behaviour>([...SCALARS, ...regBehaviours(names), ['record', this.#record()]]);
  }

  #entry(facts: TypeFacts): TypeEntry {
    const known = this.#entries.get(facts.oid);
    if (known !== undefined) return known;
    const entry = entryOf(facts, this.#behaviour(facts));
    this.#entries.set(facts.oid, entry);
    return entry;
  }

  #behaviour(facts: TypeFacts): Behaviour {
    const own = this.#behaviours.get(facts.name);
    if (own !== undefined) return own;
    const element = typeFacts(facts.elementOid);
    if (element !== undefined && (facts.oid === INT2VECTOR_OID || facts.oid === OIDVECTOR_OID))
      return vectorBehaviour(this.#entry(element));
    if (element !== undefined && element.arrayOid === facts.oid) return arrayBehaviour(this.#entry(element));
    return refusing(facts);
  }

  /** Records order field by field; their fields' types come with the value. */
  #record(): Behaviour<PgRecord> {
    const formatField = (value: NonNullValue, type: Oid, context: EvalContext): string => {
      const entry = this.byOid(type);
      if (entry === undefined) throw fail('internal_error', `cache lookup failed for type ${type}`);
      return entry.format(value, context);
    };
    return {
      parse: () => {
        throw fail('feature_not_supported', 'input of anonymous composite types is not implemented');
      },
      format: (value, context) => formatRecord(value, (field, type) => formatField(field, type, context)),
      compare: (a, b) => this.#compareRecords(a, b),
    };
  }

  #compareRecords(a: PgRecord, b: PgRecord): number {
    if (a.values.length !== b.values.length) {
      throw fail('datatype_mismatch', 'cannot compare record types with different numbers of columns');
    }
    for (let i = 0; i < a.values.length; i++) {
      const compare = this.byOid(a.types[i] ?? 0)?.compare;
      if (compare === undefined || a.types[i] !== b.types[i]) {
        const name = (record: PgRecord): string => this.byOid(record.types[i] ?? 0)?.displayName ?? '???';
        throw fail(
          'datatype_mismatch',
          `cannot compare dissimilar column types ${name(a)} and ${name(b)} at record column ${i + 1}`,
        );
      }
      const order = compareNullLast(a.values[i] ?? null, b.values[i] ?? null, compare);
      if (order !== 0) return order;
    }
    return 0;
  }

  byOid(oid: Oid): TypeEntry | undefined {
    const known = this.#entries.get(oid);
    if (known !== undefined) return known;
    const facts = typeFacts(oid);
    return facts && this.#entry(facts);
  }

  /** By typname or a one-word SQL spelling, both in lower case. */
  byName(name: string): TypeEntry | undefined {
    const facts = typeFactsNamed(name) ?? typeFactsNamed(SPELLINGS.get(name) ?? '');
    return facts && this.#entry(facts);
  }

  all(): Iterable<TypeEntry> {
    return TYPE_FACTS.map((facts) => this.#entry(facts));
  }
}

/** The behaviour of a type that is only a name in the catalogs. */
function refusing(facts: TypeFacts): Behaviour {
  const refuse = (): never => {
    if (facts.typeType === 'p') {
      throw fail('feature_not_supported', `cannot accept a value of type ${facts.displayName}`);
    }
    throw unsupported(`type ${facts.displayName}`);
  };
  return { parse: refuse, format: refuse };
}
