/**
 * The union of all statements, and the utility statements: transactions, settings, cursors, prepared statements, COPY,
 * maintenance.
 */

import type { DefinitionStatement, Option, OptionValue } from './definitions.ts';
import type { Expression } from './expressions.ts';
import type { Name, QualifiedName, TypeName } from './names.ts';
import type { PlannableStatement, Query } from './queries.ts';

export type Statement = PlannableStatement | DefinitionStatement | UtilityStatement;

/** One statement of a text that may hold several. Offsets in the tree count from the start of the whole text. */
export interface ParsedStatement {
  readonly statement: Statement;
  /** Where the statement's first token starts and its last one ends, in the whole text. */
  readonly start: number;
  readonly end: number;
  /** The largest `$n`. */
  readonly parameterCount: number;
}

export type IsolationLevel = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';

export interface TransactionModes {
  readonly isolation: IsolationLevel | null;
  readonly readOnly: boolean | null;
  readonly deferrable: boolean | null;
}

/** BEGIN, START TRANSACTION. */
export interface BeginStatement {
  readonly kind: 'begin';
  readonly at: number;
  readonly start: boolean;
  readonly modes: TransactionModes;
}

export interface CommitStatement {
  readonly kind: 'commit' | 'rollback';
  readonly at: number;
  /** AND CHAIN. */
  readonly chain: boolean;
}

export interface SavepointStatement {
  readonly kind: 'savepoint' | 'release' | 'rollbackTo';
  readonly at: number;
  readonly name: Name;
}

/** PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED. */
export interface TwoPhaseStatement {
  readonly kind: 'twoPhase';
  readonly at: number;
  readonly action: 'prepare' | 'commit' | 'rollback';
  readonly id: string;
}

/**
 * SET. `name` is lower case; SET TIME ZONE, SET NAMES, SET ROLE, SET SESSION AUTHORIZATION, SET SCHEMA come under the
 * setting they change. `value` null is DEFAULT (or LOCAL for the time zone).
 */
export interface SetStatement {
  readonly kind: 'set';
  readonly at: number;
  readonly scope: 'session' | 'local';
  readonly name: string;
  readonly value: readonly OptionValue[] | null;
}

/** SET TRANSACTION, SET SESSION CHARACTERISTICS AS TRANSACTION (`session` true). */
export interface SetTransactionStatement {
  readonly kind: 'setTransaction';
  readonly at: number;
  readonly session: boolean;
  readonly modes: TransactionModes;
  /** SET TRANSACTION SNAPSHOT 'id'. */
  readonly snapshot: string | null;
}

export interface SetConstraintsStatement {
  readonly kind: 'setConstraints';
  readonly at: number;
  /** Null is ALL. */
  readonly names: readonly QualifiedName[] | null;
  readonly deferred: boolean;
}

/** `name` is null for ALL. */
export interface ShowStatement {
  readonly kind: 'show' | 'reset';
  readonly at: number;
  readonly name: string | null;
}

export interface PrepareStatement {
  readonly kind: 'prepare';
  /** The highest `$n` in it. */
  readonly parameters: number;
  readonly at: number;
  readonly name: Name;
  readonly types: readonly TypeName[];
  readonly statement: PlannableStatement;
  /** The inner statement's extent in the whole text. */
  readonly start: number;
  readonly end: number;
}

export interface ExecuteStatement {
  readonly kind: 'execute';
  readonly at: number;
  readonly name: Name;
  readonly args: readonly Expression[];
}

export interface DeallocateStatement {
  readonly kind: 'deallocate';
  readonly at: number;
  /** Null is ALL. */
  readonly name: Name | null;
}

export interface DeclareStatement {
  readonly kind: 'declare';
  readonly at: number;
  readonly name: Name;
  readonly binary: boolean;
  readonly scroll: boolean | null;
  readonly hold: boolean;
  readonly insensitive: boolean | null;
  readonly query: Query;
  readonly start: number;
  readonly end: number;
}

/** FETCH and MOVE. `count` is `all` (an infinity of rows) or a number that may be negative after `backward`. */
export interface FetchStatement {
  readonly kind: 'fetch' | 'move';
  readonly at: number;
  readonly direction: 'forward' | 'backward' | 'absolute' | 'relative';
  readonly count: number | 'all';
  readonly cursor: Name;
}

export interface CloseStatement {
  readonly kind: 'close';
  readonly at: number;
  /** Null is ALL. */
  readonly cursor: Name | null;
}

/** Both option syntaxes come as options: `format`, `freeze`, `delimiter`, `null`, `header`, `quote`, `escape`, `force_quote`, `force_not_null`, `force_null`, `encoding`. */
export interface CopyStatement {
  readonly kind: 'copy';
  readonly at: number;
  readonly direction: 'from' | 'to';
  readonly table: QualifiedName | null;
  readonly columns: readonly Name[];
  readonly query: PlannableStatement | null;
  /** Null is STDIN or STDOUT. */
  readonly file: string | null;
  readonly program: boolean;
  readonly options: readonly Option[];
  readonly where: Expression | null;
}

export interface TruncateStatement {
  readonly kind: 'truncate';
  readonly at: number;
  readonly tables: readonly { readonly name: QualifiedName; readonly only: boolean }[];
  readonly restartIdentity: boolean;
  readonly cascade: boolean;
}

export type TableLockMode =
  | 'access share'
  | 'row share'
  | 'row exclusive'
  | 'share update exclusive'
  | 'share'
  | 'share row exclusive'
  | 'exclusive'
  | 'access exclusive';

export interface LockStatement {
  readonly kind: 'lock';
  readonly at: number;
  readonly tables: readonly { readonly name: QualifiedName; readonly only: boolean }[];
  readonly mode: TableLockMode;
  readonly nowait: boolean;
}

/** `EXPLAIN ANALYZE VERBOSE` come as options too. */
export interface ExplainStatement {
  readonly kind: 'explain';
  readonly at: number;
  readonly options: readonly Option[];
  readonly statement: Statement;
  /** The inner statement's extent in the whole text. */
  readonly start: number;
  readonly end: number;
}

/** VACUUM and ANALYZE, with the old spellings as options. */
export interface VacuumStatement {
  readonly kind: 'vacuum' | 'analyze';
  readonly at: number;
  readonly options: readonly Option[];
  readonly tables: readonly { readonly name: QualifiedName; readonly columns: readonly Name[] }[];
}

export interface DiscardStatement {
  readonly kind: 'discard';
  readonly at: number;
  readonly what: 'all' | 'plans' | 'sequences' | 'temp';
}

export interface CheckpointStatement {
  readonly kind: 'checkpoint';
  readonly at: number;
}

export interface NotifyStatement {
  readonly kind: 'listen' | 'notify' | 'unlisten';
  readonly at: number;
  /** Null is `UNLISTEN *`. */
  readonly channel: Name | null;
  readonly payload: string | null;
}

export interface DoStatement {
  readonly kind: 'do';
  readonly at: number;
  readonly language: string | null;
  readonly body: string;
}

export type UtilityStatement =
  | BeginStatement
  | CommitStatement
  | SavepointStatement
  | TwoPhaseStatement
  | SetStatement
  | SetTransactionStatement
  | SetConstraintsStatement
  | ShowStatement
  | PrepareStatement
  | ExecuteStatement
  | DeallocateStatement
  | DeclareStatement
  | FetchStatement
  | CloseStatement
  | CopyStatement
  | TruncateStatement
  | LockStatement
  | ExplainStatement
  | VacuumStatement
  | DiscardStatement
  | CheckpointStatement
  | NotifyStatement
  | DoStatement;
