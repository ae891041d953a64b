/** The view of who keeps the database's log, and from where on. */
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const LOG_RELATIONS: readonly string[] = [
  '14031|extentdb|log_holders|v|holder text, pid int4, position int8, generation int8, bytes int8',
];

export function logViews(): [string, RowMaker][] {
  return [['extentdb.log_holders', holderRows]];
}

/** `bytes` is the log from the position to its end. */
function* holderRows({ session }: ViewSource): Iterable<NamedRow> {
  for (const { name, owner, position, generation, bytes } of session.engine.database.logHolders())
    yield { holder: name, pid: owner, position, generation, bytes };
}
