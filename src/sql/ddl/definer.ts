/** What every definition statement needs: names resolved, names made, objects found, options read. */
import { type ErrorCode, type ExtentError, fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import {
  type Catalog,
  type CatalogObject,
  type ColumnObject,
  isSystemSchema,
  type Oid,
  type RelationObject,
  type SchemaObject,
  type TableObject,
} from '../../engine/catalog.ts';
import { LOCK_WAIT, type TableLockMode, type Transaction } from '../../engine/record-port.ts';
import type { Session } from '../../engine/session.ts';
import type { Option } from '../ast/definitions.ts';
import { type Name, positionOf, type QualifiedName } from '../ast/names.ts';
import { Binding } from '../bind/binding.ts';
import { creationSchema, findRelation, searchSchemas } from '../session/names.ts';
import type { SqlSession } from '../session/sql-session.ts';
import { readSpaceOptions, type SpaceTarget } from './space-options.ts';

const NAME_BYTES_MAX = 63;

/** Kinds of relations as error messages name them. */
const KIND_WORDS: Record<RelationObject['kind'], string> = {
  table: 'tables',
  index: 'indexes',
  view: 'views',
  sequence: 'sequences',
};

/** What a statement has found out by names holds no longer; it has changed nothing, and keeps the locks that it has got. */
class BeginAgain extends Error {
  override readonly name = 'BeginAgain';
}

/** Carries out a statement that finds objects by their names and then locks them. */
export function* defining<T>(sql: SqlSession, text: string, work: (d: Definer) => Task<T>): Task<T> {
  for (;;) {
    try {
      return yield* work(new Definer(sql, text));
    } catch (error) {
      if (!(error instanceof BeginAgain)) throw error;
    }
  }
}

export class Definer {
  readonly sql: SqlSession;
  readonly engine: Session;
  readonly text: string;
  /** The transaction in which the statement began, and the edits of its session before. */
  readonly #transaction: Transaction | undefined;
  readonly #edits: number;

  constructor(sql: SqlSession, text: string) {
    this.sql = sql;
    this.engine = sql.engine;
    this.text = text;
    this.#transaction = this.engine.inTransaction ? this.engine.transaction : undefined;
    this.#edits = this.engine.edits;
  }

  get catalog(): Catalog {
    return this.engine.catalog;
  }

  /** Roles are not told apart yet: everything belongs to the role that the database was born with. */
  get owner(): Oid {
    return 10;
  }

  error(
    code: ErrorCode,
    message: string,
    at: number | undefined,
    facts: { detail?: string; hint?: string; table?: string; column?: string } = {},
  ): ExtentError {
    return fail(code, message, { ...facts, position: at === undefined ? undefined : positionOf(this.text, at) });
  }

  unsupported(what: string, at: number | undefined): ExtentError {
    return this.error('feature_not_supported', `${what} is not supported`, at);
  }

  /** A binding for types and expressions of this statement. */
  binding(): Binding {
    return new Binding(this.sql.bindContext(), this.text, 0, [], []);
  }

  get schemas(): readonly Oid[] {
    return searchSchemas(this.catalog, this.sql.settings.get('search_path')!, this.sql.user, undefined);
  }

  // ── names ──

  schemaNamed(name: string, at?: number): SchemaObject {
    const schema = this.catalog.schemaNamed(name);
    if (schema === undefined) throw this.error('invalid_schema_name', `schema "${name}" does not exist`, at);
    return schema;
  }

  /** The schema that a new object goes to. @throws 3F000, 42501 for system schemas. */
  targetSchema(name: QualifiedName): Oid {
    const oid =
      name.schema === null
        ? creationSchema(this.catalog, this.sql.settings.get('search_path')!, this.sql.user)
        : this.schemaNamed(name.schema, name.at).oid;
    const schema = this.catalog.object(oid)!;
    if (isSystemSchema(schema.oid)) {
      throw this.error(
        'insufficient_privilege',
        `permission denied to create "${schema.name}.${name.name}"`,
        undefined,
        { detail: 'System catalog modifications are currently disallowed.' },
      );
    }
    return oid;
  }

  findRelation(name: QualifiedName): RelationObject | undefined {
    return findRelation(this.catalog, this.schemas, { schema: name.schema ?? undefined, name: name.name });
  }

  shown(name: QualifiedName): string {
    return name.schema === null ? name.name : `${name.schema}.${name.name}`;
  }

  /** The relation of a name. @throws 42P01. */
  relation(name: QualifiedName): RelationObject {
    const found = this.findRelation(name);
    if (found === undefined)
      throw this.error('undefined_table', `relation "${this.shown(name)}" does not exist`, undefined);
    return found;
  }

  /** A table of a name. @throws 42P01, 42809. */
  table(name: QualifiedName): TableObject {
    const found = this.relation(name);
    if (found.kind !== 'table')
      throw this.error('wrong_object_type', `"${found.name}" is not a table`, undefined, {
        detail: `This operation is not supported for ${KIND_WORDS[found.kind]}.`,
      });
    return found;
  }

  /** A live column of a table. @throws 42703. */
  column(table: TableObject, name: Name): ColumnObject {
    const found = table.columns.find((c) => !c.dropped && c.name === name.text);
    if (found === undefined)
      throw this.error(
        'undefined_column',
        `column "${name.text}" of relation "${table.name}" does not exist`,
        undefined,
      );
    return found;
  }

  /** @throws 42P07 when the schema has a relation of this name. */
  requireFree(schema: Oid, name: string): void {
    if (this.catalog.relationNamed(schema, name) !== undefined)
      throw fail('duplicate_table', `relation "${name}" already exists`);
  }

  /**
   * A name for something unnamed, as PostgreSQL makes them: parts joined by underscores, cut to fit, numbered when taken.
   *
   * @param parts - e.g. table and column names; shortened from the longest.
   */
  chooseName(parts: readonly string[], label: string, taken: (name: string) => boolean): string {
    for (let pass = 0; ; pass++) {
      const tail = `_${label}${pass === 0 ? '' : pass}`;
      const cut = [...parts];
      const length = (): number => Buffer.byteLength(cut.join('_')) + Buffer.byteLength(tail);
      while (length() > NAME_BYTES_MAX) {
        const longest = cut.reduce(
          (best, p, i) => (Buffer.byteLength(p) > Buffer.byteLength(cut[best]!) ? i : best),
          0,
        );
        cut[longest] = [...cut[longest]!].slice(0, -1).join('');
      }
      const name = cut.join('_') + tail;
      if (!taken(name)) return name;
    }
  }

  /** True when the schema has a relation, or the table a constraint, of this name. */
  taken(schema: Oid, table: Oid | undefined, pending: ReadonlySet<string>): (name: string) => boolean {
    return (name) =>
      pending.has(name) ||
      this.catalog.relationNamed(schema, name) !== undefined ||
      (table !== undefined && this.catalog.constraintsOf(table).some((c) => c.name === name));
  }

  /** @throws 55006 while deferred keys of the table wait to be checked. */
  requireNothingPending(table: TableObject, command: string): void {
    if (!this.sql.block.deferred.isPending(table.oid)) return;
    throw this.error(
      'object_in_use',
      `cannot ${command} "${table.name}" because it has pending trigger events`,
      undefined,
    );
  }

  // ── changes ──

  *takeOid(): Task<Oid> {
    return yield* this.engine.takeOid();
  }

  *put(object: CatalogObject): Task<void> {
    yield* this.engine.put(object);
  }

  *remove(oid: Oid): Task<void> {
    yield* this.engine.remove(oid);
  }

  /** Writes a table anew with its version raised: whatever was prepared for the old one is stale. */
  *putTable(table: TableObject): Task<TableObject> {
    const next = { ...table, version: table.version + 1 };
    yield* this.put(next);
    return next;
  }

  /**
   * Locks a table of which something is known already. Who waits for it may find that it was changed meanwhile: a statement that has
   * changed nothing yet begins again.
   *
   * @throws BeginAgain, 40001 when the statement has changed something, and the table was changed while it was waited for.
   */
  *lock(oid: Oid, mode: TableLockMode): Task<void> {
    const { engine } = this;
    const { transaction, database } = engine;
    if (transaction.lockTableNow(oid, mode)) return;
    const before = database.catalog;
    yield* transaction.lockTable(oid, mode, LOCK_WAIT);
    // In a later transaction of its own a statement knows nothing but oids.
    if (database.catalog.version === before.version || transaction !== this.#transaction) return;
    if (engine.edits === this.#edits) throw new BeginAgain();
    const now = database.catalog.object(oid);
    if (now !== before.object(oid))
      throw fail(
        'serialization_failure',
        `could not serialize access due to concurrent change of "${now?.name ?? before.object(oid)?.name ?? oid}"`,
      );
  }

  /** Locks a table of which nothing is known but its oid. @returns it as it is then; undefined = it has gone. */
  *lockTable(oid: Oid, mode: TableLockMode): Task<TableObject | undefined> {
    yield* this.engine.transaction.lockTable(oid, mode, LOCK_WAIT);
    const object = this.catalog.object(oid);
    return object?.kind === 'table' ? object : undefined;
  }

  /** Locks the table that something belongs to, as all do who change it. */
  *lockOwner(object: CatalogObject, mode: TableLockMode): Task<void> {
    if (object.kind === 'table') yield* this.lock(object.oid, mode);
    else if (object.kind === 'index' || object.kind === 'constraint') yield* this.lock(object.table, mode);
  }

  // ── storage options ──

  /**
   * Reads WITH (…) and SET (…) of tables and indexes. @param before - options that stand already.
   * @returns reloptions texts. @throws 22023, 0A000.
   */
  storageOptions(options: readonly Option[], target: SpaceTarget, before: readonly string[] = []): string[] {
    return readSpaceOptions(this, options, target, before);
  }
}
