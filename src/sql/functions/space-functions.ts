/** Functions that report on space: SQL Server's physical stats, PostgreSQL's pgstattuple and pg_freespacemap, and a summary. */
import { maintenanceAdvice } from '../../engine/maintenance-advice.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import { contextual, contextualSet, type Definition } from './definition.ts';

function physicalStats({ system }: EvalContext, ...args: SqlValue[]) {
  return system.space.physicalStats(args);
}

export const SPACE_FUNCTIONS: readonly Definition[] = [
  {
    // Databases, objects and indexes are taken by id and by name.
    signature: 'dm_db_index_physical_stats(any,any,any,int4,text)',
    schema: 'sys',
    setImpl: physicalStats,
    defaults: [null, null, null, null, null],
  },
  { signature: 'trim()', schema: 'extentdb', setImpl: ({ system }) => system.space.trim() },
  {
    signature: 'maintenance_advice(float8,int8)',
    schema: 'extentdb',
    impl: (_context, fragmentation, pages) =>
      fragmentation === null || fragmentation === undefined
        ? null
        : maintenanceAdvice(Number(fragmentation), pages === null || pages === undefined ? undefined : Number(pages)),
    defaults: [null],
  },
  contextualSet('extent_stats(regclass)', ({ system }, oid: Oid) => system.space.extentStats(oid)),
  contextualSet('pgstattuple(regclass)', ({ system }, oid: Oid) => system.space.tupleStats(oid)),
  contextualSet('pgstatindex(regclass)', ({ system }, oid: Oid) => system.space.indexStats(oid)),
  contextualSet('pg_freespace(regclass)', ({ system }, oid: Oid) => system.space.freeSpace(oid)),
  contextual('pg_freespace(regclass,int8)', ({ system }, oid: Oid, page: number | bigint) =>
    system.space.freeSpaceOf(oid, Number(page)),
  ),
];
