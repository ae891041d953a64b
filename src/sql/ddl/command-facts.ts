/** What history calls a command and the object that it worked on (`engine/history.ts`). */
import type { TableObject } from '../../engine/catalog.ts';
import type { CommandFacts, CommandOutcome } from '../../engine/history.ts';
import { partitionNumber } from '../partitions/bounds.ts';
import { quoteIdentifier } from '../session/names.ts';
import type { Definer } from './definer.ts';

/** Facts of a command on a table as a whole. */
export function tableFacts(d: Definer, table: TableObject, command: string, commandType: string): CommandFacts {
  const { database, processId } = d.engine;
  return {
    database: database.name,
    schema: d.catalog.object(table.schema)?.name ?? '',
    object: table.name,
    objectType: 'U',
    partition: table.partition === undefined ? undefined : partitionNumber(d.catalog, table),
    command,
    commandType,
    processId,
  };
}

/** Facts of a command on an index, or on a table's rows (index 0). */
export function indexFacts(
  d: Definer,
  table: TableObject,
  index: { readonly index: number; readonly name: string },
  command: string,
  commandType: string,
): CommandFacts {
  const facts = tableFacts(d, table, command, commandType);
  if (index.index === 0) return { ...facts, indexType: 0 };
  return {
    ...facts,
    index: d.catalog.object(index.index)?.name ?? index.name,
    indexType: index.index === table.primaryIndex ? 1 : 2,
  };
}

/** A table's name, with its schema, as SQL. */
export function sqlName(d: Definer, table: TableObject): string {
  const schema = d.catalog.object(table.schema)?.name;
  return schema === undefined
    ? quoteIdentifier(table.name)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(table.name)}`;
}

/** The outcome of what wrote trees anew. In a transaction block it stands under the reserve that the transaction commits. */
export function rebuiltOutcome(d: Definer, before: number, after: number): CommandOutcome {
  return {
    status: 'done',
    actual: { scanned: before, removed: before - after },
    ...(d.sql.block.state === 'block' ? { reason: 'in a transaction block: a rollback leaves the old trees' } : {}),
  };
}

/** CommandLog's word for what the progress views call a command. */
export function commandType(command: string): string {
  return command === 'ALTER INDEX REBUILD' ? 'ALTER_INDEX' : command.replaceAll(' ', '_');
}
