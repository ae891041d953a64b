/**
 * The catalog: immutable descriptions of everything that SQL can name, and one immutable snapshot of them per commit.
 *
 * Each object is one row of the catalog tree, keyed by oid, stored as JSON; see `catalog-store.ts`. In memory a `Catalog`
 * indexes them by oid, schema and name. A transaction with DDL works on a copy of its own and publishes it at commit, so
 * readers never lock the catalog and a rollback just drops the copy.
 *
 * Expressions (defaults, checks, view bodies, index predicates) are kept as SQL text with every name qualified by the
 * binder's deparser; the engine never interprets them.
 */
import { fail } from '../base/errors.ts';
import type { PhysicalKind } from '../base/physical.ts';
import type { TreeId } from '../storage/contracts.ts';
import type { PartitionBound, Partitioning } from './partitioning.ts';

export type Oid = number;

/** First oid given to users' objects; lower ones are PostgreSQL's own. */
export const FIRST_USER_OID = 16384;
export const PG_CATALOG_OID = 11;
export const PUBLIC_OID = 2200;
export const INFORMATION_SCHEMA_OID = 13_000;
export const EXTENTDB_OID = 14_000;
export const SYS_OID = 14_001;
/** The role that a database is born with. */
export const BOOTSTRAP_ROLE_OID = 10;

/** Does a schema hold what is built in? Nobody makes anything there or drops it. */
export function isSystemSchema(oid: Oid): boolean {
  return oid < FIRST_USER_OID && oid !== PUBLIC_OID;
}

interface ObjectBase {
  readonly oid: Oid;
  readonly name: string;
  /** 0 for schemas, roles and databases. */
  readonly schema: Oid;
  readonly owner: Oid;
  /** Raised by every change, so that a cached plan knows whether it still fits. */
  readonly version: number;
  readonly comment?: string;
  /** Privileges beyond the owner's, as aclitem texts `role=privileges/grantor`; undefined = the default. */
  readonly acl?: readonly string[];
}

export interface SchemaObject extends ObjectBase {
  readonly kind: 'schema';
}

export interface ColumnObject {
  /** attnum, 1 …; never reused in a table. */
  readonly number: number;
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly physical: { readonly kind: PhysicalKind; readonly scale: number };
  readonly notNull: boolean;
  /** SQL text of the default, also of an identity column's nextval; undefined = none. */
  readonly defaultSql?: string;
  readonly identity?: 'always' | 'by default';
  readonly generatedSql?: string;
  readonly dropped: boolean;
  readonly comment?: string;
  /**
   * For a column added to a table with rows: what rows of older layouts hold, as the bytes of its kind in base64; null =
   * SQL NULL. Undefined = present since the first layout.
   */
  readonly missing?: string | null;
}

/** What a record of a given layout number holds: column numbers in physical order. The last layout is the current one. */
export interface LayoutObject {
  readonly number: number;
  readonly columns: readonly number[];
}

export interface TableObject extends ObjectBase {
  readonly kind: 'table';
  readonly persistence: 'permanent' | 'temporary';
  readonly tree: TreeId;
  readonly columns: readonly ColumnObject[];
  readonly layouts: readonly LayoutObject[];
  /** The index object whose tree is the table's own: rows are keyed by it. Undefined = keyed by the hidden row id. */
  readonly primaryIndex?: Oid;
  /** The index that CLUSTER last ordered the rows by; it may be gone. */
  readonly clusteredBy?: Oid;
  /** Set for a partitioned table: its rows lie in its partitions, and its own trees stay empty. */
  readonly partitioning?: Partitioning;
  /** Set for a partition. */
  readonly partition?: {
    readonly parent: Oid;
    readonly bound: PartitionBound;
    /** DETACH PARTITION … CONCURRENTLY has begun and not ended: who begins now does not see it in its table any more. */
    readonly detachPending?: true;
  };
  /** pg_class.reloptions as `name=value`. */
  readonly options: readonly string[];
  readonly rowType: Oid;
  readonly arrayType: Oid;
}

export interface IndexColumn {
  /** Column number, or 0 when `expression` says what is indexed. */
  readonly column: number;
  readonly expression?: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly physical: { readonly kind: PhysicalKind; readonly scale: number };
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface IndexObject extends ObjectBase {
  readonly kind: 'index';
  readonly table: Oid;
  readonly tree: TreeId;
  readonly unique: boolean;
  readonly primary: boolean;
  readonly nullsDistinct: boolean;
  readonly columns: readonly IndexColumn[];
  readonly include: readonly number[];
  readonly predicate?: string;
  readonly options: readonly string[];
  /** False: `SET (ALLOW_PAGE_LOCKS = OFF)`, which keeps REORGANIZE away. */
  readonly pageLocks?: false;
  /** True: `ALTER INDEX … DISABLE`. Its tree is empty, nobody writes or reads it, and it makes nothing unique. */
  readonly disabled?: true;
  /** True: its constraint is DEFERRABLE; keys may be double within a statement, or until the commit. */
  readonly deferrable?: true;
  /** Oid of the constraint that it implements, 0 = none. */
  readonly constraint: Oid;
  /** The index of the partitioned table that this one is a part of. */
  readonly parent?: Oid;
}

export type ReferentialAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

export interface ConstraintObject extends ObjectBase {
  readonly kind: 'constraint';
  readonly table: Oid;
  readonly type: 'primary' | 'unique' | 'check' | 'foreign';
  /** Column numbers of the table, in the constraint's order. */
  readonly columns: readonly number[];
  /** The index that implements it or, for a foreign key, that proves the referenced columns unique. */
  readonly index: Oid;
  readonly expression?: string;
  readonly foreign?: {
    readonly table: Oid;
    readonly columns: readonly number[];
    readonly onDelete: ReferentialAction;
    readonly onUpdate: ReferentialAction;
    readonly match: 'simple' | 'full';
    /** Columns of SET NULL (a, b) / SET DEFAULT (a, b); empty = all. */
    readonly setColumns: readonly number[];
  };
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  readonly validated: boolean;
  /** The constraint of the partitioned table that this one was inherited from. */
  readonly parent?: Oid;
}

export interface SequenceObject extends ObjectBase {
  readonly kind: 'sequence';
  readonly type: Oid;
  /** Decimal texts: int8 does not fit a JS number. */
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly cache: number;
  readonly cycle: boolean;
  /** How often it was restarted; 0 when left out. Says where its state is: `sequences.ts`. */
  readonly restarts?: number;
  /** The column that owns it; dropped with it. */
  readonly ownedBy?: { readonly table: Oid; readonly column: number };
  readonly persistence: 'permanent' | 'temporary';
}

export interface ViewObject extends ObjectBase {
  readonly kind: 'view';
  readonly columns: readonly {
    readonly name: string;
    readonly type: Oid;
    readonly typmod: number;
    readonly comment?: string;
  }[];
  readonly sql: string;
  readonly options: readonly string[];
  /** Oids that the body mentions: they cannot be dropped without CASCADE. */
  readonly uses: readonly Oid[];
  readonly rowType: Oid;
  readonly persistence: 'permanent' | 'temporary';
}

export interface RoleObject extends ObjectBase {
  readonly kind: 'role';
  readonly superuser: boolean;
  readonly login: boolean;
  readonly createDb: boolean;
  readonly createRole: boolean;
}

/** What ANALYZE found, a row of pg_stats per column. Not versioned: refreshed in place. */
export interface StatisticsObject extends ObjectBase {
  readonly kind: 'statistics';
  readonly table: Oid;
  readonly rows: number;
  readonly columns: readonly ColumnStatistics[];
}

export interface ColumnStatistics {
  readonly column: number;
  readonly nullFraction: number;
  readonly averageBytes: number;
  /** Positive: a count; negative: −(share of the rows), as pg_stats.n_distinct. */
  readonly distinct: number;
  /** Texts of the type, most frequent first, and their shares. */
  readonly commonValues: readonly string[];
  readonly commonShares: readonly number[];
  readonly histogram: readonly string[];
  readonly correlation: number;
}

export type RelationObject = TableObject | IndexObject | SequenceObject | ViewObject;
export type CatalogObject = SchemaObject | RelationObject | ConstraintObject | RoleObject | StatisticsObject;

/** An immutable catalog. `with` and `without` return a new one that shares nothing mutable. */
export class Catalog {
  /** Differs between any two catalogs of one database. */
  readonly version: number;
  readonly #byOid: ReadonlyMap<Oid, CatalogObject>;
  /** `schema oid/name` → relation (tables, indexes, sequences and views share one name space, as in PostgreSQL). */
  readonly #relations: ReadonlyMap<string, RelationObject>;
  readonly #schemas: ReadonlyMap<string, SchemaObject>;
  /** Table oid → objects that belong to it (indexes, constraints, statistics). */
  readonly #members: ReadonlyMap<Oid, readonly CatalogObject[]>;
  /** Partitioned table oid → its partitions; and those that are being detached. */
  readonly #partitions: ReadonlyMap<Oid, readonly TableObject[]>;
  readonly #leaving: ReadonlyMap<Oid, readonly TableObject[]>;

  constructor(objects: Iterable<CatalogObject>, version: number) {
    this.version = version;
    const byOid = new Map<Oid, CatalogObject>();
    const relations = new Map<string, RelationObject>();
    const schemas = new Map<string, SchemaObject>();
    const members = new Map<Oid, CatalogObject[]>();
    const partitions = new Map<Oid, TableObject[]>();
    const leaving = new Map<Oid, TableObject[]>();
    const addMember = (table: Oid, object: CatalogObject): void => {
      const list = members.get(table);
      if (list === undefined) members.set(table, [object]);
      else list.push(object);
    };
    for (const object of objects) {
      byOid.set(object.oid, object);
      switch (object.kind) {
        case 'schema':
          schemas.set(object.name, object);
          break;
        case 'index':
          addMember(object.table, object);
          relations.set(`${object.schema}/${object.name}`, object);
          break;
        case 'table':
          if (object.partition !== undefined) {
            const { parent, detachPending } = object.partition;
            const all = detachPending === true ? leaving : partitions;
            const siblings = all.get(parent);
            if (siblings === undefined) all.set(parent, [object]);
            else siblings.push(object);
          }
          relations.set(`${object.schema}/${object.name}`, object);
          break;
        case 'sequence':
        case 'view':
          relations.set(`${object.schema}/${object.name}`, object);
          break;
        case 'constraint':
          addMember(object.table, object);
          if (object.foreign !== undefined && object.foreign.table !== object.table)
            addMember(object.foreign.table, object);
          break;
        case 'statistics':
          addMember(object.table, object);
          break;
        case 'role':
          break;
      }
    }
    this.#byOid = byOid;
    this.#relations = relations;
    this.#schemas = schemas;
    this.#members = members;
    this.#partitions = partitions;
    this.#leaving = leaving;
  }

  /** A catalog with these objects added or replaced (by oid) and those oids removed. */
  changed(put: readonly CatalogObject[], remove: readonly Oid[]): Catalog {
    const byOid = new Map(this.#byOid);
    for (const oid of remove) byOid.delete(oid);
    for (const object of put) byOid.set(object.oid, object);
    return new Catalog(byOid.values(), this.version + 1);
  }

  objects(): Iterable<CatalogObject> {
    return this.#byOid.values();
  }

  object(oid: Oid): CatalogObject | undefined {
    return this.#byOid.get(oid);
  }

  schemaNamed(name: string): SchemaObject | undefined {
    return this.#schemas.get(name);
  }

  relationNamed(schema: Oid, name: string): RelationObject | undefined {
    return this.#relations.get(`${schema}/${name}`);
  }

  /** @throws `undefined_table` when the oid is not a table's. */
  table(oid: Oid): TableObject {
    const object = this.#byOid.get(oid);
    if (object?.kind !== 'table') throw fail('undefined_table', `could not open relation with OID ${oid}`);
    return object;
  }

  /**
   * The partitions of a table, in no order that means anything; none of one that is not partitioned.
   *
   * @param withLeaving - those that are being detached too, which queries leave out.
   */
  partitionsOf(table: Oid, withLeaving = false): readonly TableObject[] {
    const partitions = this.#partitions.get(table) ?? [];
    const leaving = withLeaving ? this.#leaving.get(table) : undefined;
    return leaving === undefined ? partitions : [...partitions, ...leaving];
  }

  /** A table's partitions, theirs, and so on, each before those below it. */
  *descendantsOf(table: Oid, withLeaving = false): Iterable<TableObject> {
    for (const partition of this.partitionsOf(table, withLeaving)) {
      yield partition;
      yield* this.descendantsOf(partition.oid, withLeaving);
    }
  }

  /** The partitioned tables that a partition belongs to, nearest first. */
  *ancestorsOf(table: TableObject): Iterable<TableObject> {
    for (let at = table; at.partition !== undefined; ) {
      at = this.table(at.partition.parent);
      yield at;
    }
  }

  /** Indexes that are kept and used: all but disabled ones. */
  liveIndexesOf(table: Oid): readonly IndexObject[] {
    return this.indexesOf(table).filter((index) => index.disabled !== true);
  }

  /** Is the index the table's own tree? So is a primary key that is not deferrable. */
  isClustered(index: IndexObject): boolean {
    return this.table(index.table).primaryIndex === index.oid;
  }

  /** Indexes of a table, the primary one first. */
  indexesOf(table: Oid): readonly IndexObject[] {
    const found = (this.#members.get(table) ?? []).filter((o): o is IndexObject => o.kind === 'index');
    return found.sort((a, b) => Number(b.primary) - Number(a.primary) || a.oid - b.oid);
  }

  /** Constraints that the table declares. */
  constraintsOf(table: Oid): readonly ConstraintObject[] {
    return this.#constraints(table).filter((c) => c.table === table);
  }

  /** Foreign keys of other tables, or its own, that point at the table. */
  referencesTo(table: Oid): readonly ConstraintObject[] {
    return this.#constraints(table).filter((c) => c.foreign?.table === table);
  }

  /**
   * Foreign keys that rows of a table may be referred to by: of the table itself and of the partitioned tables that it is a part of.
   * What partitions have inherited of one is left out.
   */
  referencesThrough(table: TableObject): readonly ConstraintObject[] {
    return [table, ...this.ancestorsOf(table)]
      .flatMap(({ oid }) => this.referencesTo(oid))
      .filter(({ parent }) => parent === undefined);
  }

  statisticsOf(table: Oid): StatisticsObject | undefined {
    return (this.#members.get(table) ?? []).find((o): o is StatisticsObject => o.kind === 'statistics');
  }

  #constraints(table: Oid): ConstraintObject[] {
    return (this.#members.get(table) ?? []).filter((o): o is ConstraintObject => o.kind === 'constraint');
  }
}
