/**
 * The registry's shapes: types, casts, operators, functions, aggregates.
 *
 * One registry serves binder, compiler, interpreter and catalog views; nothing about a type or function is known elsewhere.
 * Implementations work on values; code templates are optional faster twins that must agree with them (tests run both).
 *
 * Values at run time, in interpreted and generated code alike:
 *
 *   SQL type                              JS value
 *   NULL of any type                      null
 *   boolean                               boolean
 *   int2 int4 oid reg* date float4 float8 number (date: days from 2000-01-01)
 *   int8 time timestamp timestamptz       number within ±(2^53 − 1), else bigint; never a bigint that would fit a number
 *   numeric                               Numeric
 *   text-like, uuid, "char", name         string
 *   bytea                                 Uint8Array
 *   interval                              Interval
 *   any array                             PgArray
 *   record, row types                     PgRecord
 */
import type { PhysicalKind } from '../../base/physical.ts';
import type { Request, Task } from '../../base/task.ts';
import type { PgArray } from './array.ts';
import type { Interval } from './interval.ts';
import type { Numeric } from './numeric.ts';
import type { PgRecord } from './record.ts';

export type Oid = number;
export type SqlValue = null | boolean | number | bigint | string | Uint8Array | Numeric | Interval | PgArray | PgRecord;

/** How a type's values lie in a record; `scale` counts only for DEC64. */
export interface Physical {
  readonly kind: PhysicalKind;
  readonly scale: number;
}

/** The settings that text formats obey; a session's, replaced as a whole when one changes. */
export interface FormatSettings {
  readonly dateStyle: 'ISO' | 'Postgres' | 'SQL' | 'German';
  readonly dateOrder: 'MDY' | 'DMY' | 'YMD';
  readonly intervalStyle: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';
  readonly timeZone: string;
  readonly extraFloatDigits: number;
  readonly byteaOutput: 'hex' | 'escape';
}

/**
 * What an implementation may ask of its session. Everything here answers at once: where the session must wait (a sequence's
 * page, `pg_sleep`), it unwinds the evaluation of the row, waits, and evaluates again with the answer at hand; callers
 * notice nothing.
 */
export interface EvalContext {
  readonly settings: FormatSettings;
  /** Start of the transaction and of the statement, µs from 2000-01-01 UTC. */
  readonly transactionMicros: number;
  readonly statementMicros: number;
  /** Now, µs from 2000-01-01 UTC. */
  clockMicros(): number;
  /** [0, 1), from the session's generator. */
  random(): number;
  setRandomSeed(seed: number): void;
  readonly system: SystemHooks;
}

/** Questions about catalog and session. Names arrive as written by the user, e.g. `public."T x"`; 0 = no such object. */
export interface SystemHooks {
  readonly currentUser: string;
  readonly sessionUser: string;
  readonly databaseName: string;
  readonly backendPid: number;
  readonly searchPath: readonly string[];
  /** Existing schemas of the search path, `pg_catalog` included when `implicit`. */
  currentSchemas(implicit: boolean): readonly string[];
  relationOid(name: string): Oid;
  /** As regclass prints it: qualified only when not visible; undefined = no such oid. */
  relationName(oid: Oid): string | undefined;
  relationIsVisible(oid: Oid): boolean;
  typeOid(name: string): Oid;
  typeName(oid: Oid): string | undefined;
  namespaceOid(name: string): Oid;
  namespaceName(oid: Oid): string | undefined;
  roleOid(name: string): Oid;
  roleName(oid: Oid): string | undefined;
  databaseOid(name: string): Oid;
  databaseNameOf(oid: Oid): string | undefined;
  /** `pg_get_indexdef(oid, column, pretty)` and its siblings; undefined = SQL NULL. */
  indexDefinition(oid: Oid, column: number, pretty: boolean): string | undefined;
  constraintDefinition(oid: Oid, pretty: boolean): string | undefined;
  /** `RANGE (at)`, and what holds for all rows of a partition; undefined = SQL NULL. */
  partitionKeyDefinition(oid: Oid): string | undefined;
  partitionConstraint(oid: Oid): string | undefined;
  /** A table or index with all that is below it, each with its parent (0 = none), whether nothing is below it, and its depth. */
  partitionTree(oid: Oid): readonly (readonly [oid: Oid, parent: Oid, isLeaf: boolean, level: number])[];
  /** It and what is above it, nearest first; empty outside of any partition tree. */
  partitionAncestors(oid: Oid): readonly Oid[];
  viewDefinition(oid: Oid, pretty: boolean): string | undefined;
  /** `pg_get_expr(text, relation)`: expressions are stored as text already. */
  serialSequence(table: string, column: string): string | undefined;
  comment(objectOid: Oid, catalog: string, subId: number): string | undefined;
  readonly space: SpaceHooks;
  hasPrivilege(kind: string, role: string | Oid, object: string | Oid, privilege: string): boolean | null;
  setting(name: string): string | undefined;
  /** False for a name that is no setting at all. */
  hasSetting(name: string): boolean;
  setSetting(name: string, value: string, local: boolean): string;
  nextval(sequence: Oid): number | bigint;
  currval(sequence: Oid): number | bigint;
  lastval(): number | bigint;
  /** What SELECT from a sequence shows: last_value, log_cnt, is_called. */
  sequenceRow(sequence: Oid): readonly SqlValue[];
  setval(sequence: Oid, value: number | bigint, called: boolean): number | bigint;
  /** The current transaction's id, given now if it had none. */
  transactionId(): number;
  transactionIdIfAssigned(): number | undefined;
  sleep(seconds: number): void;
  cancelBackend(pid: number, terminate: boolean): boolean;
  advisoryLock(key: string, exclusive: boolean, session: boolean, wait: boolean): boolean;
  advisoryUnlock(key: string, exclusive: boolean): boolean;
  advisoryUnlockAll(): void;
  notify(channel: string, payload: string): void;
  isBlockedBy(pid: number, pids: readonly number[]): boolean;
  blockingPids(pid: number): readonly number[];
}

/** One row of a function that reports on space. */
export type SpaceRow = readonly SqlValue[];

/** Questions about space. Sizes are bytes, undefined = no such object. */
export interface SpaceHooks {
  /** Fork as PostgreSQL names them. */
  relationSize(oid: Oid, fork: string): number | undefined;
  tableSize(oid: Oid): number | undefined;
  indexesSize(oid: Oid): number | undefined;
  totalRelationSize(oid: Oid): number | undefined;
  databaseSize(oid: Oid): number | undefined;
  /** Rows of the functions of `functions/space-functions.ts`. */
  physicalStats(args: SpaceRow): readonly SpaceRow[];
  extentStats(oid: Oid): readonly SpaceRow[];
  tupleStats(oid: Oid): readonly SpaceRow[];
  indexStats(oid: Oid): readonly SpaceRow[];
  freeSpace(oid: Oid): Iterable<SpaceRow>;
  freeSpaceOf(oid: Oid, pgno: number): number;
  trim(): readonly SpaceRow[];
}

/** One row of pg_type with its behaviour. */
export interface TypeEntry {
  readonly oid: Oid;
  /** pg_type.typname, e.g. `int4`. */
  readonly name: string;
  /** format_type without typmod, e.g. `integer`. */
  readonly displayName: string;
  /** b base, p pseudo, c composite (catalog only), d, e, r as in pg_type.typtype. */
  readonly typeType: string;
  readonly category: string;
  readonly preferred: boolean;
  readonly length: number;
  readonly byValue: boolean;
  readonly align: string;
  readonly storage: string;
  readonly delimiter: string;
  readonly arrayOid: Oid;
  /** Element type for arrays (and int2vector, oidvector), else 0. */
  readonly elementOid: Oid;
  /** 100 for the collatable types, 950 for name, else 0. */
  readonly collation: Oid;
  /** How values are stored; undefined for types that cannot be stored. */
  physical(typmod: number): Physical | undefined;
  /** Text input; PostgreSQL's errors. `typmod` −1 = none. */
  parse(text: string, typmod: number, context: EvalContext): SqlValue;
  format(value: Exclude<SqlValue, null>, context: EvalContext): string;
  /** Binary wire format; undefined = not supported (0A000). */
  readonly send?: (value: Exclude<SqlValue, null>) => Uint8Array;
  readonly receive?: (bytes: Uint8Array, start: number, end: number, typmod: number) => SqlValue;
  /** Bytes of the kinds NUMERIC, ARRAY, RECORD in a record (`base/physical.ts`); the other kinds need none. */
  readonly encode?: (value: Exclude<SqlValue, null>) => Uint8Array;
  readonly decode?: (bytes: Uint8Array, start: number, end: number) => SqlValue;
  /** Total order of the default btree class; undefined = not orderable. Never called with null. */
  readonly compare?: (a: SqlValue, b: SqlValue) => number;
  /** `numeric(10,2)` → typmod; errors 22023. Undefined = the type takes no modifier. */
  readonly typmodIn?: (args: readonly string[]) => number;
  /** `(10,2)`; '' for −1. */
  readonly typmodOut?: (typmod: number) => string;
  /** Forces a value into a typmod: rounds, truncates blanks, or fails. `explicit` = by cast (truncates silently where PostgreSQL does). */
  readonly applyTypmod?: (value: Exclude<SqlValue, null>, typmod: number, explicit: boolean) => SqlValue;
}

/** Types of one call, known when it is bound. */
export interface CallTypes {
  readonly args: readonly Oid[];
  readonly argTypmods: readonly number[];
  readonly result: Oid;
}

export type ScalarImpl = (context: EvalContext, ...args: SqlValue[]) => SqlValue;
/** How work on a long value is cut: what is done at once, and when to let others have their turn. */
export interface Pace {
  /** Characters, bytes or elements to be handled between two looks. */
  readonly piece: number;
  /** True when it is time to yield {@link slice}. */
  isOver(): boolean;
  slice(): Request;
}

/**
 * A function's other way of doing what its implementation does, for long values: in slices. Both give the same results and
 * the same errors. Such a function has no code template.
 */
export interface LongImpl {
  /** What a call goes through, in characters, bytes or elements; cheap. Beyond {@link LONG_UNITS} it is done in slices. */
  readonly units: (...args: SqlValue[]) => number;
  readonly run: (pace: Pace, ...args: SqlValue[]) => Task<SqlValue>;
}

/** What is done at once at most: about a millisecond for most functions. */
export const LONG_UNITS = 32_768;

/** A set-returning function yields values, or arrays of column values when it has several result columns. */
export type SetImpl = (context: EvalContext, ...args: SqlValue[]) => Iterable<SqlValue | readonly SqlValue[]>;

/**
 * Writes the JS expression of one call. Operands are names of variables that hold non-null values; `use` makes a function
 * available and returns its name; `fresh` declares a temporary. No SQL text ever enters (law 12).
 */
export type CodeTemplate = (
  args: readonly string[],
  use: (fn: (...a: never[]) => unknown) => string,
  fresh: () => string,
) => string;

export interface FunctionEntry {
  readonly oid: Oid;
  readonly name: string;
  /** Usually pg_catalog. */
  readonly schema: string;
  readonly args: readonly Oid[];
  /** Names of in-arguments for `f(a => 1)` and of the result columns; undefined = none. */
  readonly argNames?: readonly string[];
  /** How many trailing arguments may be left out, and what they are then. */
  readonly defaults?: readonly SqlValue[];
  /** Element type when the last argument is VARIADIC, else 0 (2276 = "any"). */
  readonly variadic: Oid;
  readonly result: Oid;
  readonly returnsSet: boolean;
  /** Result columns of a function with several; undefined = one, named after the function. */
  readonly columns?: readonly { readonly name: string; readonly type: Oid }[];
  readonly volatility: 'i' | 's' | 'v';
  readonly strict: boolean;
  /** f function, w window function. Aggregates are {@link AggregateEntry}. */
  readonly kind: 'f' | 'w';
  readonly impl?: ScalarImpl;
  readonly long?: LongImpl;
  readonly setImpl?: SetImpl;
  /** For polymorphic and VARIADIC "any" functions: the implementation for the actual types. */
  readonly specialize?: (types: CallTypes) => ScalarImpl;
  readonly specializeSet?: (types: CallTypes) => SetImpl;
  readonly code?: CodeTemplate;
}

export interface OperatorEntry {
  readonly oid: Oid;
  readonly name: string;
  /** 0 for prefix operators. */
  readonly left: Oid;
  readonly right: Oid;
  readonly result: Oid;
  readonly fn: FunctionEntry;
  /** Oids; 0 = none. */
  readonly commutator: Oid;
  readonly negator: Oid;
  /** What the planner may conclude: the btree strategy of a comparison, or a pattern match. */
  readonly meaning: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'like' | 'ilike' | 'regex' | 'other';
  readonly hashable: boolean;
}

export interface CastEntry {
  readonly source: Oid;
  readonly target: Oid;
  /** i implicit, a assignment, e explicit only. */
  readonly context: 'i' | 'a' | 'e';
  /** `relabel`: the value is used as it is. */
  readonly method: 'function' | 'relabel' | 'io';
  /** oid of pg_cast.castfunc, 0 = none. */
  readonly functionOid: Oid;
  /** Strict: never called with null. `typmod` −1 = none. */
  readonly impl?: (context: EvalContext, value: Exclude<SqlValue, null>, typmod: number, explicit: boolean) => SqlValue;
  readonly code?: CodeTemplate;
}

/** A running aggregate's state is opaque; one per group in the general executor, columns of typed arrays in compiled ones. */
export interface AggregateEntry {
  readonly oid: Oid;
  readonly name: string;
  readonly args: readonly Oid[];
  readonly variadic: Oid;
  readonly result: Oid;
  /** n normal, o ordered-set (first `directArgs` arguments are direct). */
  readonly kind: 'n' | 'o';
  readonly directArgs: number;
  /** True: rows with a null argument are skipped before `step`. */
  readonly strict: boolean;
  /** The result does not depend on input order, and DISTINCT/ORDER BY change nothing but the set. */
  readonly orderInsensitive: boolean;
  /** A state holds all that it was given, not a digest of it. */
  readonly keepsInput: boolean;
  specialize(types: CallTypes): AggregateImpl;
  /** For the compiler: the accumulator it may generate instead; undefined = none. */
  readonly compiled?:
    | 'count_star'
    | 'count'
    | 'sum_int'
    | 'sum_int8'
    | 'sum_float'
    | 'sum_numeric'
    | 'avg_int'
    | 'avg_float'
    | 'avg_numeric'
    | 'min'
    | 'max'
    | 'bool_and'
    | 'bool_or';
}

export interface AggregateImpl {
  start(context: EvalContext): unknown;
  /** Returns the new state. */
  step(context: EvalContext, state: unknown, ...args: SqlValue[]): unknown;
  final(context: EvalContext, state: unknown, ...direct: SqlValue[]): SqlValue;
}

/** All built-in types, functions, operators, casts, aggregates. Immutable and shared by all sessions. */
export interface Registry {
  type(oid: Oid): TypeEntry | undefined;
  /** By pg_type.typname or an SQL spelling in one word (`int`, `integer`, `varchar`, `timestamptz`). */
  typeNamed(name: string): TypeEntry | undefined;
  types(): Iterable<TypeEntry>;
  functionsNamed(name: string): readonly FunctionEntry[];
  function(oid: Oid): FunctionEntry | undefined;
  functions(): Iterable<FunctionEntry>;
  aggregatesNamed(name: string): readonly AggregateEntry[];
  aggregate(oid: Oid): AggregateEntry | undefined;
  aggregates(): Iterable<AggregateEntry>;
  operatorsNamed(name: string): readonly OperatorEntry[];
  operator(oid: Oid): OperatorEntry | undefined;
  operators(): Iterable<OperatorEntry>;
  cast(source: Oid, target: Oid): CastEntry | undefined;
  casts(): Iterable<CastEntry>;
}
