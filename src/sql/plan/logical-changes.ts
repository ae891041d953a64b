/**
 * The part of the bound tree that changes rows or locks them: INSERT, UPDATE and DELETE, what their rows are checked and
 * completed with, how rows of a partitioned table find their place, and SELECT … FOR UPDATE. What else a tree consists of stands in logical.ts.
 */
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { PartitionBounds } from '../partitions/bounds.ts';
import type { Column, ColumnId, Expr, Logical, NodeBase, ScanNode } from './logical.ts';

/**
 * What a row of the target table is checked and completed with, bound over `row`: ids that stand for the complete new row,
 * one per live column in column order.
 */
export interface RowRules {
  readonly row: readonly Column[];
  readonly checks: readonly { readonly constraint: string; readonly expr: Expr }[];
  /** Column number and expression of GENERATED … STORED columns. */
  readonly generated: readonly { readonly number: number; readonly expr: Expr }[];
  /** Expression and partial indexes: what the planner cannot derive from the record. */
  readonly indexes: readonly {
    readonly index: IndexObject;
    readonly keys: readonly Expr[];
    readonly predicate: Expr | undefined;
  }[];
  /** For a partition: what keeps its rows in it; empty = nothing, or it is seen to elsewhere. */
  readonly partition: readonly PartitionLevel[];
}
/** One of the tables that a partition lies below: what it is divided by, over the row, and where it has the partition. */
export interface PartitionLevel {
  readonly bounds: PartitionBounds;
  readonly keys: readonly Expr[];
  /** In `bounds`: the partition that the row must belong to. */
  readonly position: number;
}
/** How the rows of a partitioned table find their place: per partition in `bounds` what is below it, or its number among the leaves. */
export interface Routing {
  readonly table: TableObject;
  readonly bounds: PartitionBounds;
  readonly keys: readonly Expr[];
  readonly children: readonly (Routing | number)[];
}
/** A change of a partitioned table: a change of each table that holds its rows. */
export interface PartitionTargets {
  readonly routing: Routing;
  readonly leaves: readonly PartitionTarget[];
}
export interface PartitionTarget {
  readonly table: TableObject;
  /** Over the ids of the partitioned table's row. */
  readonly rules: RowRules;
  /** What keeps a row in this partition. */
  readonly levels: readonly PartitionLevel[];
  readonly arbiters: readonly IndexObject[];
}
/** RETURNING: computed over ids `row` (new row; the old one for DELETE) and any column of the source. */
export interface Returning {
  readonly columns: readonly Column[];
  readonly exprs: readonly Expr[];
  /** For a partitioned table: the id that stands for the oid of the partition that a row is in. */
  readonly leafOid: ColumnId | undefined;
}
export interface OnConflict {
  /** The unique indexes whose conflict is meant; empty = any (DO NOTHING only). */
  readonly arbiters: readonly IndexObject[];
  readonly action: 'nothing' | 'update';
  /** Ids of the existing row's live columns, in column order, as SET and WHERE see it; `excluded` are RowRules.row. */
  readonly existing: readonly Column[];
  readonly set: readonly { readonly number: number; readonly expr: Expr }[];
  readonly where: Expr | undefined;
}
/** `source` puts out one column per `targets[i]` (column numbers); the others get `defaults` (or NULL). */
export interface InsertNode extends NodeBase {
  readonly kind: 'insert';
  readonly table: TableObject;
  readonly source: Logical;
  readonly targets: readonly number[];
  /** For columns that `targets` leaves out and have one. */
  readonly defaults: readonly { readonly number: number; readonly expr: Expr }[];
  readonly rules: RowRules;
  readonly onConflict: OnConflict | undefined;
  /** Set for a partitioned table. */
  readonly partitions?: PartitionTargets | undefined;
  readonly returning: Returning | undefined;
}
/** `input` joins `target` with the other tables and is filtered; SET expressions are over its columns. */
export interface UpdateNode extends NodeBase {
  readonly kind: 'update';
  readonly table: TableObject;
  /** The scan inside `input` whose rows change; it puts out all live columns. */
  readonly target: ScanNode;
  readonly input: Logical;
  readonly set: readonly { readonly number: number; readonly expr: Expr }[];
  readonly rules: RowRules;
  /** Set for a partitioned table. */
  readonly partitions?: PartitionTargets | undefined;
  readonly returning: Returning | undefined;
}
export interface DeleteNode extends NodeBase {
  readonly kind: 'delete';
  readonly table: TableObject;
  readonly target: ScanNode;
  readonly input: Logical;
  readonly rules: RowRules;
  /** Set for a partitioned table. */
  readonly partitions?: PartitionTargets | undefined;
  readonly returning: Returning | undefined;
}
/** SELECT … FOR UPDATE and its kin: locks the rows of the named scans that produced each row. */
export interface LockNode extends NodeBase {
  readonly kind: 'lock';
  readonly input: Logical;
  readonly targets: readonly {
    readonly scan: ScanNode;
    readonly strength: 'key share' | 'share' | 'no key update' | 'update';
    readonly wait: 'wait' | 'nowait' | 'skip';
  }[];
}
