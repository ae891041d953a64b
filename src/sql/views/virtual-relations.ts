/**
 * Catalog relations by name and oid. `catalog-relations.ts` lists PostgreSQL's, the files beside it make their rows; those of things
 * that ExtentDB does not have are empty. Nothing is computed before it is asked for.
 */

import type { Task } from '../../base/task.ts';
import type { VirtualRelation } from '../plan/logical.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';
import { CATALOG_RELATIONS } from './catalog-relations.ts';
import { definitionOf, type RowMaker, type ViewDefinition } from './definition.ts';
import { dependencyCatalogs } from './dependency-catalogs.ts';
import { ENGINE_RELATIONS, engineViews } from './engine-views.ts';
import { HISTORY_RELATIONS, historyViews } from './history-view.ts';
import { informationSchema } from './information-schema.ts';
import { LOG_RELATIONS, logViews } from './log-views.ts';
import { objectCatalogs } from './object-catalogs.ts';
import { partitionCatalogs } from './partition-catalogs.ts';
import { PROGRESS_RELATIONS, progressViews } from './progress-views.ts';
import { registryCatalogs } from './registry-catalogs.ts';
import { serverViews } from './server-views.ts';
import { SPACE_RELATIONS, spaceViews } from './space-views.ts';
import { statisticsViews } from './statistics-views.ts';
import { STEP_RELATIONS, stepViews } from './step-views.ts';

let views: readonly ViewDefinition[] | undefined;
let byName: ReadonlyMap<string, ViewDefinition> = new Map();
let byOid: ReadonlyMap<Oid, ViewDefinition> = new Map();

/** All catalog relations, read when first needed. */
export function allViews(): readonly ViewDefinition[] {
  if (views === undefined) {
    const makers = new Map<string, RowMaker>([
      ...objectCatalogs(allViews),
      ...dependencyCatalogs(allViews),
      ...partitionCatalogs(),
      ...registryCatalogs(),
      ...serverViews(),
      ...statisticsViews(),
      ...informationSchema(),
      ...progressViews(),
      ...stepViews(),
      ...logViews(),
      ...engineViews(),
    ]);
    const gatherers = new Map([...spaceViews(), ...historyViews()]);
    views = [
      ...CATALOG_RELATIONS,
      ...SPACE_RELATIONS,
      ...PROGRESS_RELATIONS,
      ...HISTORY_RELATIONS,
      ...STEP_RELATIONS,
      ...LOG_RELATIONS,
      ...ENGINE_RELATIONS,
    ].map((line) => definitionOf(line, makers, gatherers));
    byName = new Map(views.map((v) => [`${v.schema}.${v.name}`, v]));
    byOid = new Map(views.map((v) => [v.oid, v]));
  }
  return views;
}

export function virtualRelation(schema: string, name: string): VirtualRelation | undefined {
  allViews();
  return byName.get(`${schema}.${name}`);
}

/** Oid of a catalog relation; without a schema it is looked for in pg_catalog. 0 = none. */
export function virtualOid(schema: string | undefined, name: string): Oid {
  allViews();
  return byName.get(`${schema ?? 'pg_catalog'}.${name}`)?.oid ?? 0;
}

/** Its name as regclass prints it. */
export function virtualName(oid: Oid): string | undefined {
  allViews();
  const view = byOid.get(oid);
  return view === undefined ? undefined : view.schema === 'pg_catalog' ? view.name : `${view.schema}.${view.name}`;
}

export function virtualRows(relation: VirtualRelation, session: SqlSession): Task<Iterable<readonly SqlValue[]>> {
  allViews();
  return byOid.get(relation.oid)!.rows({ catalog: session.engine.catalog, session });
}
