/**
 * What expressions may ask of their session: the time, settings, the catalog, sequences.
 *
 * Answers that need a page or the clock go through the environment of the row being evaluated ({@link StatementContext.waiter}),
 * which unwinds and comes back; see `exec/state.ts`.
 */
import { assert } from '../../base/assert.ts';
import { fail, unsupported } from '../../base/errors.ts';
import { Prng } from '../../base/prng.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog, CatalogObject, Oid, SequenceObject } from '../../engine/catalog.ts';
import { LOCK_NOWAIT, LOCK_WAIT, type Snapshot } from '../../engine/record-port.ts';
import type { Session } from '../../engine/session.ts';
import { constraintDefinition, indexDefinition } from '../ddl/deparse.ts';
import type { Env, StatementContext } from '../exec/state.ts';
import { partitionConstraintText, partitioningText } from '../partitions/partition-text.ts';
import { partitionAncestors, partitionTree } from '../partitions/partition-tree.ts';
import type { FormatSettings, SqlValue, SystemHooks } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { displayName, findRelation, parseQualifiedName, quoteIdentifier, searchSchemas } from './names.ts';
import type { Peers } from './peers.ts';
import type { Settings } from './settings.ts';
import { sleeping } from './sleeping.ts';
import { SpaceContext } from './space-context.ts';
import { readTypeName } from './type-text.ts';

/** µs between 1970-01-01 and 2000-01-01. */
export const EPOCH_MICROS = 946_684_800_000_000;

export class SessionContext implements StatementContext, SystemHooks {
  waiter: Env | undefined;
  transactionMicros = 0;
  statementMicros = 0;
  readonly system: SystemHooks = this;
  readonly currentUser: string;
  readonly sessionUser: string;
  readonly databaseName: string;
  readonly backendPid: number;
  readonly #session: Session;
  readonly #settings: Settings;
  #format: FormatSettings | undefined;
  #formatVersion = -1;
  readonly #lastValues = new Map<Oid, bigint>();
  #lastSequence: Oid = 0;
  /** Sends NOTIFY, cancels other sessions: given by the server, absent elsewhere. */
  readonly peers: Peers;
  readonly space: SpaceContext;

  constructor(session: Session, settings: Settings, user: string, peers: Peers) {
    this.#session = session;
    this.#settings = settings;
    this.currentUser = user;
    this.sessionUser = user;
    this.databaseName = session.database.name;
    this.backendPid = session.processId;
    this.peers = peers;
    this.space = new SpaceContext(session, peers, (start) => this.#wait(start), this);
  }

  get settings(): FormatSettings {
    if (this.#format === undefined || this.#formatVersion !== this.#settings.version) {
      const [style, order] = this.#settings.get('DateStyle')!.split(', ');
      this.#format = {
        dateStyle: style as FormatSettings['dateStyle'],
        dateOrder: order as FormatSettings['dateOrder'],
        intervalStyle: this.#settings.get('IntervalStyle') as FormatSettings['intervalStyle'],
        timeZone: this.#settings.get('TimeZone')!,
        extraFloatDigits: this.#settings.number('extra_float_digits'),
        byteaOutput: this.#settings.get('bytea_output') as FormatSettings['byteaOutput'],
      };
      this.#formatVersion = this.#settings.version;
    }
    return this.#format;
  }

  beginTransaction(): void {
    this.transactionMicros = this.clockMicros();
    this.statementMicros = this.transactionMicros;
  }

  beginStatement(): void {
    this.statementMicros = this.clockMicros();
  }

  clockMicros(): number {
    return this.#session.database.clock.wallMicros() - EPOCH_MICROS;
  }

  /** The session's own stream after setseed(); until then the database's. */
  #seeded: Prng | undefined;
  random(): number {
    return (this.#seeded ?? this.#session.database.prng).float();
  }

  setRandomSeed(seed: number): void {
    this.#seeded = new Prng(Math.round(seed * 0x7fffffff));
  }

  get #catalog(): Catalog {
    return this.#session.catalog;
  }

  get schemas(): readonly Oid[] {
    return searchSchemas(this.#catalog, this.#settings.get('search_path')!, this.currentUser, undefined);
  }

  get searchPath(): readonly string[] {
    return this.currentSchemas(false);
  }

  currentSchemas(implicit: boolean): readonly string[] {
    const names = this.schemas.map((oid) => this.#catalog.object(oid)?.name ?? '');
    const explicit = this.#settings.get('search_path')!.includes('pg_catalog');
    return implicit || explicit ? names : names.filter((n) => n !== 'pg_catalog');
  }

  #wait<T>(start: () => Task<T>): T {
    assert(this.waiter !== undefined, 'a function that may wait was called outside a row');
    return this.waiter.wait(start);
  }

  relationOid(name: string): Oid {
    const written = parseQualifiedName(name);
    return (
      findRelation(this.#catalog, this.schemas, written)?.oid ?? this.peers.virtualOid(written.schema, written.name)
    );
  }

  relationName(oid: Oid): string | undefined {
    const object = this.#catalog.object(oid);
    if (
      object !== undefined &&
      (object.kind === 'table' || object.kind === 'index' || object.kind === 'view' || object.kind === 'sequence')
    )
      return displayName(this.#catalog, this.schemas, object);
    return this.peers.virtualName(oid);
  }

  relationIsVisible(oid: Oid): boolean {
    const object = this.#catalog.object(oid);
    if (object === undefined) return this.peers.virtualName(oid)?.includes('.') === false;
    return findRelation(this.#catalog, this.schemas, { schema: undefined, name: object.name }) === object;
  }

  typeOid(name: string): Oid {
    const { schema, name: bare, dimensions } = readTypeName(name);
    const isArray = dimensions > 0;
    const entry = registry.typeNamed(bare);
    if (entry !== undefined && (schema === null || schema === 'pg_catalog'))
      return isArray ? entry.arrayOid : entry.oid;
    const relation = findRelation(this.#catalog, this.schemas, { schema: schema ?? undefined, name: bare });
    if (relation?.kind === 'table') return isArray ? relation.arrayType : relation.rowType;
    return relation?.kind === 'view' && !isArray ? relation.rowType : 0;
  }

  typeName(oid: Oid): string | undefined {
    const builtin = registry.type(oid);
    if (builtin !== undefined) return builtin.displayName;
    for (const object of this.#catalog.objects()) {
      if ((object.kind === 'table' || object.kind === 'view') && object.rowType === oid)
        return displayName(this.#catalog, this.schemas, object);
      if (object.kind === 'table' && object.arrayType === oid)
        return `${displayName(this.#catalog, this.schemas, object)}[]`;
    }
    return undefined;
  }

  namespaceOid(name: string): Oid {
    return this.#catalog.schemaNamed(parseQualifiedName(name).name)?.oid ?? 0;
  }

  namespaceName(oid: Oid): string | undefined {
    return this.#named(oid, 'schema');
  }

  roleOid(name: string): Oid {
    const bare = parseQualifiedName(name).name;
    for (const object of this.#catalog.objects()) if (object.kind === 'role' && object.name === bare) return object.oid;
    return 0;
  }

  roleName(oid: Oid): string | undefined {
    return this.#named(oid, 'role');
  }

  #named(oid: Oid, kind: CatalogObject['kind']): string | undefined {
    const object = this.#catalog.object(oid);
    return object?.kind === kind ? quoteIdentifier(object.name) : undefined;
  }

  databaseOid(name: string): Oid {
    return this.peers.databases().find((d) => d.name === name)?.oid ?? 0;
  }

  databaseNameOf(oid: Oid): string | undefined {
    return this.peers.databases().find((d) => d.oid === oid)?.name;
  }

  indexDefinition(oid: Oid, column: number): string | undefined {
    const index = this.#catalog.object(oid);
    return index?.kind === 'index' ? indexDefinition(this.#catalog, index, column) : undefined;
  }

  constraintDefinition(oid: Oid): string | undefined {
    const constraint = this.#catalog.object(oid);
    return constraint?.kind === 'constraint'
      ? constraintDefinition(this.#catalog, constraint, this.schemas)
      : undefined;
  }

  partitionKeyDefinition(oid: Oid): string | undefined {
    const table = this.#catalog.object(oid);
    if (table?.kind !== 'table' || table.partitioning === undefined) return undefined;
    return partitioningText(table, table.partitioning);
  }

  partitionConstraint(oid: Oid): string | undefined {
    const table = this.#catalog.object(oid);
    return table?.kind === 'table' ? partitionConstraintText(this.#catalog, table, this) : undefined;
  }

  partitionTree(oid: Oid): readonly (readonly [Oid, Oid, boolean, number])[] {
    return [...partitionTree(this.#catalog, oid, 0)];
  }

  partitionAncestors(oid: Oid): readonly Oid[] {
    return partitionAncestors(this.#catalog, oid);
  }

  viewDefinition(oid: Oid): string | undefined {
    const view = this.#catalog.object(oid);
    return view?.kind === 'view' ? ` ${view.sql};` : undefined;
  }

  serialSequence(table: string, column: string): string | undefined {
    const relation = findRelation(this.#catalog, this.schemas, parseQualifiedName(table));
    if (relation?.kind !== 'table') throw fail('undefined_table', `relation "${table}" does not exist`);
    const number = relation.columns.find((c) => c.name === column && !c.dropped)?.number;
    if (number === undefined)
      throw fail('undefined_column', `column "${column}" of relation "${relation.name}" does not exist`);
    for (const object of this.#catalog.objects()) {
      if (object.kind === 'sequence' && object.ownedBy?.table === relation.oid && object.ownedBy.column === number) {
        return `${quoteIdentifier(this.#catalog.object(object.schema)?.name ?? '')}.${quoteIdentifier(object.name)}`;
      }
    }
    return undefined;
  }

  comment(objectOid: Oid, _catalog: string, subId: number): string | undefined {
    const object = this.#catalog.object(objectOid);
    if (object === undefined || subId === 0) return object?.comment;
    return object.kind === 'table' ? object.columns.find((c) => c.number === subId)?.comment : undefined;
  }

  hasPrivilege(): boolean | null {
    // Every role that can connect owns everything until roles have privileges of their own.
    return true;
  }

  hasSetting(name: string): boolean {
    return this.#settings.has(name);
  }

  setting(name: string): string | undefined {
    return this.#settings.get(name);
  }

  setSetting(name: string, value: string, local: boolean): string {
    this.#settings.set(name, value, local);
    return this.#settings.get(name) ?? '';
  }

  #sequence(oid: Oid): SequenceObject {
    const object = this.#catalog.object(oid);
    if (object?.kind === 'sequence') return object;
    if (object === undefined) throw fail('undefined_table', `could not open relation with OID ${oid}`);
    throw fail('wrong_object_type', `"${object.name}" is not a sequence`);
  }

  /** Lends a snapshot: one that is not given back would keep old versions of rows for ever. */
  *#seeing<T>(read: (snapshot: Snapshot) => Task<T>): Task<T> {
    const session = this.#session;
    const snapshot = session.snapshot();
    try {
      return yield* read(snapshot);
    } finally {
      session.release(snapshot);
    }
  }

  nextval(oid: Oid): number | bigint {
    const sequence = this.#sequence(oid);
    const { sequences } = this.#session.database;
    const value = this.#wait(() => this.#seeing((snapshot) => sequences.next(sequence, snapshot)));
    this.#lastValues.set(oid, value);
    this.#lastSequence = oid;
    return narrowed(value);
  }

  currval(oid: Oid): number | bigint {
    const sequence = this.#sequence(oid);
    const value = this.#lastValues.get(oid);
    if (value === undefined)
      throw fail(
        'object_not_in_prerequisite_state',
        `currval of sequence "${sequence.name}" is not yet defined in this session`,
      );
    return narrowed(value);
  }

  sequenceRow(oid: Oid): readonly SqlValue[] {
    const { sequences } = this.#session.database;
    const sequence = this.#sequence(oid);
    const { last, called, ahead } = this.#wait(() => this.#seeing((snapshot) => sequences.read(sequence, snapshot)));
    return [narrowed(last), narrowed(ahead), called];
  }

  lastval(): number | bigint {
    const value = this.#lastValues.get(this.#lastSequence);
    if (value === undefined)
      throw fail('object_not_in_prerequisite_state', 'lastval is not yet defined in this session');
    return narrowed(value);
  }

  setval(oid: Oid, value: number | bigint, called: boolean): number | bigint {
    const sequence = this.#sequence(oid);
    this.#wait(() => this.#session.database.sequences.set(sequence, BigInt(value), called));
    if (called) this.#lastValues.set(oid, BigInt(value));
    return value;
  }

  /** DISCARD SEQUENCES. */
  forgetSequences(): void {
    this.#lastValues.clear();
    this.#lastSequence = 0;
  }

  transactionId(): number {
    return this.#session.transaction.id;
  }

  transactionIdIfAssigned(): number | undefined {
    const { id } = this.#session.transaction;
    return id === 0 ? undefined : id;
  }

  sleep(seconds: number): void {
    const { clock } = this.#session.database;
    this.#wait(function* (): Task<undefined> {
      yield sleeping(clock, seconds * 1000);
      return undefined;
    });
  }

  cancelBackend(pid: number, terminate: boolean): boolean {
    return this.peers.cancel(pid, terminate);
  }

  advisoryLock(key: string, exclusive: boolean, session: boolean, wait: boolean): boolean {
    const policy = wait ? LOCK_WAIT : LOCK_NOWAIT;
    const { transaction, advisory } = this.#session;
    return this.#wait(() =>
      session ? advisory.lock(transaction, key, exclusive, policy) : transaction.lockAdvisory(key, exclusive, policy),
    );
  }

  advisoryUnlock(key: string, exclusive: boolean): boolean {
    const { advisory } = this.#session;
    const warn = this.peers.warn;
    // A row that waits for something is evaluated again, and this must happen once.
    // biome-ignore lint/correctness/useYield: there is nothing to wait for
    return this.#wait(function* (): Task<boolean> {
      if (advisory.unlock(key, exclusive)) return true;
      warn(`you don't own a lock of type ${exclusive ? 'ExclusiveLock' : 'ShareLock'}`);
      return false;
    });
  }

  advisoryUnlockAll(): void {
    this.#session.advisory.unlockAll();
  }

  notify(): void {
    throw unsupported('NOTIFY');
  }

  isBlockedBy(pid: number, others: readonly number[]): boolean {
    return this.blockingPids(pid).some((other) => others.includes(other));
  }

  blockingPids(pid: number): readonly number[] {
    return this.#session.store.blockersOf(pid);
  }
}

function narrowed(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}
