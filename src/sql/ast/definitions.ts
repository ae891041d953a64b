/**
 * Statements that create, change and drop objects.
 *
 * Everything written is kept, supported or not: refusing with 0A000 is the work of whoever carries the statement out, so
 * that the message can say what was refused. Objects that ExtentDB does not have at all (types, functions, triggers …) are
 * an {@link UnsupportedStatement}.
 *
 * It is a list of node types, and stays whole as one: whoever looks for a statement's fields looks here.
 */
import type { CallArgument, Expression, SortItem } from './expressions.ts';
import type { Name, QualifiedName, TypeName } from './names.ts';
import type { Query } from './queries.ts';

/** `name = value` in WITH (…), SET (…), EXPLAIN (…), COPY (…). A bare `name` has value null, which means true. */
export interface Option {
  readonly at: number;
  /** `toast` in `toast.autovacuum_enabled`. */
  readonly namespace: string | null;
  readonly name: string;
  readonly value: OptionValue | null;
}

/** `text` is as written after escapes, with its unit if it has one (`1 MB` is `1MB`, `150 %` is `150%`). */
export interface OptionValue {
  readonly kind: 'word' | 'string' | 'number' | 'star' | 'list';
  readonly text: string;
  readonly at: number;
  readonly items: readonly OptionValue[];
}

export interface CreateTableStatement {
  readonly kind: 'createTable';
  readonly at: number;
  readonly name: QualifiedName;
  readonly temporary: boolean;
  readonly unlogged: boolean;
  readonly ifNotExists: boolean;
  readonly elements: readonly TableElement[];
  readonly inherits: readonly QualifiedName[];
  readonly partitionBy: PartitionSpec | null;
  readonly partitionOf: PartitionOf | null;
  readonly accessMethod: Name | null;
  readonly options: readonly Option[];
  readonly onCommit: 'preserve rows' | 'delete rows' | 'drop' | null;
  readonly tablespace: Name | null;
}

export type TableElement = ColumnDefinition | TableConstraint | LikeClause;

export interface ColumnDefinition {
  readonly kind: 'columnDefinition';
  readonly at: number;
  readonly name: Name;
  /** Null only in PARTITION OF, where a column gets constraints alone. */
  readonly type: TypeName | null;
  readonly collation: QualifiedName | null;
  readonly constraints: readonly ColumnConstraint[];
}

interface ConstraintHead {
  readonly at: number;
  readonly name: Name | null;
}

interface Deferral {
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  readonly notValid: boolean;
}

export interface NotNullConstraint extends ConstraintHead {
  readonly kind: 'notNull';
}

export interface NullConstraint extends ConstraintHead {
  readonly kind: 'null';
}

export interface DefaultConstraint extends ConstraintHead {
  readonly kind: 'defaultValue';
  readonly expression: Expression;
  /** The expression's own source text, as the catalog stores it. */
  readonly text: string;
}

export interface CheckConstraint extends ConstraintHead, Deferral {
  readonly kind: 'check';
  readonly expression: Expression;
  readonly text: string;
  readonly noInherit: boolean;
}

/** Column forms leave `columns` empty: the column itself. */
export interface KeyConstraint extends ConstraintHead, Deferral {
  readonly kind: 'primaryKey' | 'unique';
  readonly columns: readonly Name[];
  readonly include: readonly Name[];
  readonly nullsNotDistinct: boolean;
  readonly options: readonly Option[];
  readonly tablespace: Name | null;
  /** ALTER TABLE … ADD CONSTRAINT … USING INDEX. */
  readonly usingIndex: Name | null;
}

export type ReferentialAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

export interface ForeignKeyConstraint extends ConstraintHead, Deferral {
  readonly kind: 'foreignKey';
  readonly columns: readonly Name[];
  readonly references: QualifiedName;
  /** Empty means the primary key. */
  readonly referencedColumns: readonly Name[];
  readonly match: 'simple' | 'full' | 'partial';
  readonly onDelete: ReferentialAction;
  readonly onDeleteColumns: readonly Name[];
  readonly onUpdate: ReferentialAction;
}

export interface IdentityConstraint extends ConstraintHead {
  readonly kind: 'identity';
  readonly always: boolean;
  readonly sequence: readonly SequenceOption[];
}

export interface GeneratedConstraint extends ConstraintHead {
  readonly kind: 'generated';
  readonly expression: Expression;
  readonly text: string;
}

/** EXCLUDE is recognised so that it can be refused by name. */
export interface ExcludeConstraint extends ConstraintHead {
  readonly kind: 'exclude';
}

export type ColumnConstraint =
  | NotNullConstraint
  | NullConstraint
  | DefaultConstraint
  | CheckConstraint
  | KeyConstraint
  | ForeignKeyConstraint
  | IdentityConstraint
  | GeneratedConstraint;

export type TableConstraint = CheckConstraint | KeyConstraint | ForeignKeyConstraint | ExcludeConstraint;

export interface LikeClause {
  readonly kind: 'like';
  readonly at: number;
  readonly table: QualifiedName;
  /** `all`, `defaults`, `constraints`, `identity`, `generated`, `indexes`, `statistics`, `storage`, `comments`, `compression`. */
  readonly options: readonly { readonly including: boolean; readonly what: string }[];
}

export interface PartitionSpec {
  readonly at: number;
  readonly strategy: string;
  readonly keys: readonly IndexKey[];
}

export interface PartitionOf {
  readonly parent: QualifiedName;
  readonly bound: WrittenBound;
}

/** `DEFAULT` or `FOR VALUES …`; `at` is where it says which. */
export type WrittenBound = { readonly at: number } & (
  | { readonly kind: 'default' }
  | { readonly kind: 'range'; readonly from: readonly Expression[]; readonly to: readonly Expression[] }
  | { readonly kind: 'list'; readonly values: readonly Expression[] }
  | { readonly kind: 'hash'; readonly modulus: number; readonly remainder: number }
);

export interface CreateTableAsStatement {
  readonly kind: 'createTableAs';
  readonly at: number;
  readonly name: QualifiedName;
  readonly columns: readonly Name[];
  readonly temporary: boolean;
  readonly unlogged: boolean;
  readonly ifNotExists: boolean;
  readonly materializedView: boolean;
  readonly options: readonly Option[];
  readonly onCommit: 'preserve rows' | 'delete rows' | 'drop' | null;
  readonly query: Query;
  readonly withData: boolean;
  /** Written as SELECT … INTO. */
  readonly bySelect?: true;
}

/** A key of an index: a column is an expression of kind `column` with one part. */
export interface IndexKey {
  readonly expression: Expression;
  readonly text: string;
  readonly collation: QualifiedName | null;
  readonly opclass: QualifiedName | null;
  readonly direction: SortItem['direction'];
  readonly nulls: SortItem['nulls'];
}

export interface CreateIndexStatement {
  readonly kind: 'createIndex';
  readonly at: number;
  readonly name: Name | null;
  readonly unique: boolean;
  readonly concurrently: boolean;
  readonly ifNotExists: boolean;
  readonly table: QualifiedName;
  readonly only: boolean;
  readonly accessMethod: Name | null;
  readonly keys: readonly IndexKey[];
  /** Parsed as keys are: what an included column may not have is refused with a word on why. */
  readonly include: readonly IndexKey[];
  readonly nullsNotDistinct: boolean;
  readonly options: readonly Option[];
  readonly tablespace: Name | null;
  readonly where: { readonly expression: Expression; readonly text: string } | null;
}

export interface CreateViewStatement {
  readonly kind: 'createView';
  readonly at: number;
  readonly name: QualifiedName;
  readonly columns: readonly Name[];
  readonly orReplace: boolean;
  readonly temporary: boolean;
  readonly recursive: boolean;
  readonly options: readonly Option[];
  readonly query: Query;
  /** The query's source text, as the catalog stores it. */
  readonly text: string;
  readonly checkOption: 'local' | 'cascaded' | null;
}

/** `restart` without a value has value null; `no minvalue` is name `minvalue` with value null; `cycle` has word `true` or `false`. */
export interface SequenceOption {
  readonly at: number;
  readonly name:
    | 'as'
    | 'increment'
    | 'minvalue'
    | 'maxvalue'
    | 'start'
    | 'restart'
    | 'cache'
    | 'cycle'
    | 'owned by'
    | 'sequence name';
  readonly value: string | null;
  readonly type: TypeName | null;
  /** `owned by` (null is NONE) and `sequence name`. */
  readonly owner: readonly Name[] | null;
}

export interface CreateExtensionStatement {
  readonly kind: 'createExtension';
  readonly at: number;
  readonly name: Name;
  readonly ifNotExists: boolean;
}

export interface CreateSequenceStatement {
  readonly kind: 'createSequence';
  readonly at: number;
  readonly name: QualifiedName;
  readonly temporary: boolean;
  readonly ifNotExists: boolean;
  readonly options: readonly SequenceOption[];
}

export interface CreateSchemaStatement {
  readonly kind: 'createSchema';
  readonly at: number;
  /** Null when only AUTHORIZATION was given. */
  readonly name: Name | null;
  readonly owner: Name | null;
  readonly ifNotExists: boolean;
}

export interface CreateDatabaseStatement {
  readonly kind: 'createDatabase';
  readonly at: number;
  readonly name: Name;
  readonly options: readonly Option[];
}

export interface CreateRoleStatement {
  readonly kind: 'createRole';
  readonly at: number;
  readonly written: 'role' | 'user' | 'group';
  readonly name: Name;
  readonly options: readonly Option[];
}

export interface AlterRoleStatement {
  readonly kind: 'alterRole';
  readonly at: number;
  /** Null is ALL. */
  readonly name: Name | null;
  readonly options: readonly Option[];
  /** `SET x = …` or `RESET x`, with IN DATABASE. */
  readonly setting: {
    readonly name: string;
    readonly value: readonly OptionValue[] | null;
    readonly database: Name | null;
  } | null;
  readonly renameTo: Name | null;
}

export type ObjectKind =
  | 'table'
  | 'index'
  | 'view'
  | 'materialized view'
  | 'sequence'
  | 'schema'
  | 'database'
  | 'role'
  | 'type'
  | 'domain'
  | 'function'
  | 'procedure'
  | 'aggregate'
  | 'extension'
  | 'trigger'
  | 'rule'
  | 'policy'
  | 'column'
  | 'constraint'
  | 'operator'
  | 'collation'
  | 'statistics'
  | 'language'
  | 'cast'
  | 'publication'
  | 'subscription'
  | 'foreign table'
  | 'event trigger'
  | 'tablespace'
  | 'large object'
  | 'access method'
  | 'server'
  | 'routine'
  | 'conversion'
  | 'transform'
  | 'text search'
  | 'foreign data wrapper'
  | 'operator class'
  | 'operator family';

export interface DropStatement {
  readonly kind: 'drop';
  readonly at: number;
  readonly object: ObjectKind;
  readonly names: readonly QualifiedName[];
  readonly ifExists: boolean;
  readonly concurrently: boolean;
  readonly cascade: boolean;
  /** DROP DATABASE … WITH (FORCE). */
  readonly options: readonly Option[];
}

export type AlterTableAction =
  | {
      readonly kind: 'addColumn';
      readonly at: number;
      readonly column: ColumnDefinition;
      readonly ifNotExists: boolean;
    }
  | {
      readonly kind: 'dropColumn';
      readonly at: number;
      readonly name: Name;
      readonly ifExists: boolean;
      readonly cascade: boolean;
    }
  | {
      readonly kind: 'alterType';
      readonly at: number;
      readonly name: Name;
      readonly type: TypeName;
      readonly collation: QualifiedName | null;
      readonly using: Expression | null;
    }
  | {
      readonly kind: 'setDefault';
      readonly at: number;
      readonly name: Name;
      readonly expression: Expression;
      readonly text: string;
    }
  | { readonly kind: 'dropDefault' | 'setNotNull' | 'dropNotNull'; readonly at: number; readonly name: Name }
  | { readonly kind: 'dropExpression'; readonly at: number; readonly name: Name; readonly ifExists: boolean }
  | { readonly kind: 'setStatistics'; readonly at: number; readonly name: Name; readonly target: number }
  | { readonly kind: 'setStorage' | 'setCompression'; readonly at: number; readonly name: Name; readonly value: string }
  | {
      readonly kind: 'setColumnOptions' | 'resetColumnOptions';
      readonly at: number;
      readonly name: Name;
      readonly options: readonly Option[];
    }
  | {
      readonly kind: 'addIdentity';
      readonly at: number;
      readonly name: Name;
      readonly always: boolean;
      readonly sequence: readonly SequenceOption[];
    }
  | {
      readonly kind: 'setIdentity';
      readonly at: number;
      readonly name: Name;
      readonly always: boolean | null;
      readonly sequence: readonly SequenceOption[];
    }
  | { readonly kind: 'dropIdentity'; readonly at: number; readonly name: Name; readonly ifExists: boolean }
  | { readonly kind: 'addConstraint'; readonly at: number; readonly constraint: TableConstraint }
  | {
      readonly kind: 'dropConstraint';
      readonly at: number;
      readonly name: Name;
      readonly ifExists: boolean;
      readonly cascade: boolean;
    }
  | {
      readonly kind: 'alterConstraint';
      readonly at: number;
      readonly name: Name;
      readonly deferrable: boolean;
      readonly initiallyDeferred: boolean;
    }
  | { readonly kind: 'validateConstraint'; readonly at: number; readonly name: Name }
  | { readonly kind: 'setOptions' | 'resetOptions'; readonly at: number; readonly options: readonly Option[] }
  | { readonly kind: 'ownerTo'; readonly at: number; readonly owner: Name }
  /** `bound` is undefined for an index, which has none. */
  | {
      readonly kind: 'attachPartition';
      readonly at: number;
      readonly partition: QualifiedName;
      readonly bound: WrittenBound | undefined;
    }
  | {
      readonly kind: 'detachPartition';
      readonly at: number;
      readonly partition: QualifiedName;
      readonly mode: 'plain' | 'concurrently' | 'finalize';
    }
  /** `set logged`, `cluster on`, `enable trigger` …: recognised to be refused by name. */
  | { readonly kind: 'other'; readonly at: number; readonly what: string; readonly name: Name | null };

/** ALTER TABLE, and the same actions spelt ALTER INDEX, ALTER VIEW, ALTER SEQUENCE. */
export interface AlterTableStatement {
  readonly kind: 'alterTable';
  readonly at: number;
  readonly object: 'table' | 'index' | 'view' | 'sequence' | 'materialized view' | 'foreign table';
  readonly name: QualifiedName;
  readonly only: boolean;
  readonly ifExists: boolean;
  readonly actions: readonly AlterTableAction[];
}

export interface RenameStatement {
  readonly kind: 'rename';
  readonly at: number;
  readonly object: ObjectKind;
  /** The relation for `column` and `constraint`, else the object itself. */
  readonly name: QualifiedName;
  /** What kind of relation was written for `column` and `constraint`. */
  readonly relationKind: ObjectKind | null;
  /** The old name of a column or constraint. */
  readonly member: Name | null;
  readonly ifExists: boolean;
  readonly to: Name;
}

export interface SetSchemaStatement {
  readonly kind: 'setSchema';
  readonly at: number;
  readonly object: ObjectKind;
  readonly name: QualifiedName;
  readonly ifExists: boolean;
  readonly schema: Name;
}

/** ALTER {SCHEMA | DATABASE | SEQUENCE …} … OWNER TO. */
export interface AlterOwnerStatement {
  readonly kind: 'alterOwner';
  readonly at: number;
  readonly object: ObjectKind;
  readonly name: QualifiedName;
  readonly owner: Name;
}

/** `ALTER INDEX { name | ALL } ON table REORGANIZE`, `ALTER INDEX name REORGANIZE` or `ALTER TABLE name REORGANIZE`. */
export interface ReorganizeStatement {
  readonly kind: 'reorganize';
  readonly at: number;
  /** Null is ALL. */
  readonly index: QualifiedName | null;
  readonly table: QualifiedName | null;
  /** Null when not written or ALL; `partitionAll` tells the two apart. */
  readonly partition: { readonly at: number; readonly number: number } | null;
  readonly partitionAll: boolean;
  /** ALTER TABLE: the rows, too, where no primary key orders them. */
  readonly wholeTable: boolean;
  readonly options: readonly Option[];
}

/** An object as DBCC names it: by name, in quotes or not, or by number. */
export interface DbccName {
  readonly at: number;
  readonly name: QualifiedName | null;
  readonly id: number;
}

/** `DBCC INDEXDEFRAG ( db | 0, table [, index [, partition | 0]] ) [WITH NO_INFOMSGS]`. */
export interface IndexDefragStatement {
  readonly kind: 'indexDefrag';
  readonly at: number;
  readonly database: DbccName;
  readonly table: DbccName;
  /** Null is all. */
  readonly index: DbccName | null;
  readonly partition: { readonly at: number; readonly number: number } | null;
  readonly noInfo: boolean;
}

/** `DBCC CHECKDB [( db | 0 )]`, `DBCC CHECKTABLE ( table )`, with options. */
export interface CheckDatabaseStatement {
  readonly kind: 'checkDatabase';
  readonly at: number;
  readonly database: DbccName | null;
  /** Null is all. */
  readonly table: DbccName | null;
  readonly noInfo: boolean;
  readonly tableResults: boolean;
  readonly physicalOnly: boolean;
}

/** `ALTER INDEX { name | ALL } ON table SET (…)`: SQL Server's settings of indexes. */
export interface SetIndexOptionsStatement {
  readonly kind: 'setIndexOptions';
  readonly at: number;
  /** Null is ALL. */
  readonly index: QualifiedName | null;
  readonly table: QualifiedName;
  readonly options: readonly Option[];
}

/** `ALTER INDEX { name | ALL } ON table { REBUILD … | DISABLE }`, `ALTER INDEX name { REBUILD … | DISABLE }`. */
export interface RebuildStatement {
  readonly kind: 'rebuild';
  readonly at: number;
  readonly disable: boolean;
  readonly index: QualifiedName | null;
  readonly table: QualifiedName | null;
  readonly partition: { readonly at: number; readonly number: number } | null;
  readonly options: readonly Option[];
}

export interface AlterSequenceStatement {
  readonly kind: 'alterSequence';
  readonly at: number;
  readonly name: QualifiedName;
  readonly ifExists: boolean;
  readonly options: readonly SequenceOption[];
}

/** ALTER DATABASE name SET x = …, RESET x, or WITH options; `ALTER SYSTEM SET` has `system` true and name null. */
export interface AlterDatabaseStatement {
  readonly kind: 'alterDatabase';
  readonly at: number;
  readonly system: boolean;
  readonly name: Name | null;
  readonly options: readonly Option[];
  readonly setting: { readonly name: string; readonly value: readonly OptionValue[] | null } | null;
}

/** `BACKUP DATABASE name TO DISK = 'path' [WITH options]`. */
export interface BackupStatement {
  readonly kind: 'backup';
  readonly at: number;
  readonly name: Name;
  readonly path: { readonly at: number; readonly text: string };
  readonly options: readonly Option[];
}

/** `ALTER DATABASE name RESIZE [TO size]` and `ALTER DATABASE name SHRINK [TO size]`. */
export interface ResizeDatabaseStatement {
  readonly kind: 'resizeDatabase';
  readonly at: number;
  readonly name: Name;
  readonly action: 'resize' | 'shrink';
  readonly size: OptionValue | null;
}

export interface CommentStatement {
  readonly kind: 'comment';
  readonly at: number;
  readonly object: ObjectKind;
  readonly name: QualifiedName;
  /** The column's or constraint's name; `name` is then its relation. */
  readonly member: Name | null;
  /** Null is `IS NULL`: remove the comment. */
  readonly text: string | null;
}

export interface Privilege {
  readonly at: number;
  /** `all`, `select`, `insert` …, or a role's name when roles are granted. */
  readonly name: string;
  readonly columns: readonly Name[];
}

export interface GrantStatement {
  readonly kind: 'grant';
  readonly at: number;
  readonly revoke: boolean;
  readonly privileges: readonly Privilege[];
  /** Null when roles are granted. */
  readonly object: ObjectKind | null;
  /** Set when ALL … IN SCHEMA was written; then `names` are schemas. */
  readonly allInSchema: boolean;
  readonly names: readonly QualifiedName[];
  /** `public` and `current_user` come as names. */
  readonly roles: readonly Name[];
  readonly withOption: boolean;
  readonly cascade: boolean;
}

export interface ReindexStatement {
  readonly kind: 'reindex';
  readonly at: number;
  readonly object: 'index' | 'table' | 'schema' | 'database' | 'system';
  readonly name: QualifiedName | null;
  readonly concurrently: boolean;
  readonly options: readonly Option[];
}

/** `CLUSTER [table [USING index]]`; without an index the one that the table was clustered by last. */
export interface ClusterStatement {
  readonly kind: 'cluster';
  readonly at: number;
  /** Null is every table that has been clustered. */
  readonly table: QualifiedName | null;
  readonly index: Name | null;
  readonly options: readonly Option[];
}

/** What PostgreSQL has and ExtentDB does not: `what` reads as `CREATE FUNCTION`. */
export interface UnsupportedStatement {
  readonly kind: 'unsupported';
  readonly at: number;
  readonly what: string;
}

/** CALL procedure(args). */
export interface CallStatement {
  readonly kind: 'callProcedure';
  readonly at: number;
  readonly name: QualifiedName;
  readonly args: readonly CallArgument[];
}

export type DefinitionStatement =
  | CreateTableStatement
  | CreateTableAsStatement
  | CreateIndexStatement
  | CreateViewStatement
  | CreateExtensionStatement
  | CreateSequenceStatement
  | CreateSchemaStatement
  | CreateDatabaseStatement
  | CreateRoleStatement
  | AlterRoleStatement
  | AlterTableStatement
  | AlterOwnerStatement
  | AlterSequenceStatement
  | AlterDatabaseStatement
  | ResizeDatabaseStatement
  | BackupStatement
  | CheckDatabaseStatement
  | RenameStatement
  | SetSchemaStatement
  | ReorganizeStatement
  | SetIndexOptionsStatement
  | IndexDefragStatement
  | RebuildStatement
  | DropStatement
  | CommentStatement
  | GrantStatement
  | ReindexStatement
  | ClusterStatement
  | CallStatement
  | UnsupportedStatement;
