/** What a partitioned table is divided by, and which part of it a partition holds. */
import type { PhysicalKind } from '../base/physical.ts';
import type { Oid } from './catalog.ts';

/** One of the things that a partitioned table is divided by. */
export interface PartitionKey {
  /** Column number, or 0 when `expression` says what it is divided by. */
  readonly column: number;
  readonly expression?: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly physical: { readonly kind: PhysicalKind; readonly scale: number };
}

/** PARTITION BY. */
export interface Partitioning {
  readonly strategy: 'range' | 'list' | 'hash';
  readonly keys: readonly PartitionKey[];
}

/** A value of a partition's bound: its stored bytes in base64, or what stands for none. NULL is for lists only. */
export type BoundDatum = { readonly stored: string } | 'null' | 'minvalue' | 'maxvalue';

/** FOR VALUES … of a partition. */
export type PartitionBound =
  | { readonly kind: 'default' }
  | { readonly kind: 'list'; readonly values: readonly BoundDatum[] }
  | { readonly kind: 'range'; readonly from: readonly BoundDatum[]; readonly to: readonly BoundDatum[] }
  | { readonly kind: 'hash'; readonly modulus: number; readonly remainder: number };
