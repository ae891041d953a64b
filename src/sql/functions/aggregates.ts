/** Aggregates by signature. */

import type { AggregateEntry } from '../types/contracts.ts';

export type AggregateDefinition = { readonly signature: string } & Pick<
  AggregateEntry,
  'strict' | 'orderInsensitive' | 'specialize' | 'compiled'
>;

export const ALL_AGGREGATES: readonly AggregateDefinition[] = [];
