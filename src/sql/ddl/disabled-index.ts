/** What is said of an index that `ALTER INDEX … DISABLE` took out of use. */
import type { IndexObject } from '../../engine/catalog.ts';
import type { Definer } from './definer.ts';

/** The error of what cannot be done to a disabled index. */
export function disabledError(d: Definer, index: IndexObject, at: number | undefined): Error {
  return d.error('object_not_in_prerequisite_state', `index "${index.name}" is disabled`, at, {
    detail: 'Msg 1973.',
    hint: `ALTER INDEX ${index.name} ON ${d.catalog.table(index.table).name} REBUILD`,
  });
}
