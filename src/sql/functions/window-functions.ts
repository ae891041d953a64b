/**
 * Window functions: known by name and type here, computed by the executor from a whole partition.
 *
 * Their definitions have no implementation; `FunctionEntry.kind` is `w`.
 */

import type { Definition } from './definition.ts';

export const WINDOW_FUNCTIONS: readonly Definition[] = [
  'row_number()',
  'rank()',
  'dense_rank()',
  'percent_rank()',
  'cume_dist()',
  'ntile(int4)',
  'lag(anyelement)',
  'lag(anyelement,int4)',
  'lag(anycompatible,int4,anycompatible)',
  'lead(anyelement)',
  'lead(anyelement,int4)',
  'lead(anycompatible,int4,anycompatible)',
  'first_value(anyelement)',
  'last_value(anyelement)',
  'nth_value(anyelement,int4)',
].map((signature) => ({ signature }));
