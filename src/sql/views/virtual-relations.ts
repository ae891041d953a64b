/**
 * Catalog relations by name and oid. Each file of this folder lists some; nothing is computed before it is asked for.
 */
import type { ExecState } from '../exec/state.ts';
import type { VirtualRelation } from '../plan/logical.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';
import type { ViewDefinition } from './definition.ts';
import { OBJECT_VIEWS } from './object-views.ts';

let byName: Map<string, ViewDefinition> | undefined;
let byOid: Map<Oid, ViewDefinition> | undefined;

/** All catalog relations. */
export function allViews(): readonly ViewDefinition[] {
  return OBJECT_VIEWS;
}

function names(): Map<string, ViewDefinition> {
  byName ??= new Map(allViews().map((v) => [`${v.schema}.${v.name}`, v]));
  return byName;
}

function oids(): Map<Oid, ViewDefinition> {
  byOid ??= new Map(allViews().map((v) => [v.oid, v]));
  return byOid;
}

export function virtualRelation(schema: string, name: string): VirtualRelation | undefined {
  return names().get(`${schema}.${name}`);
}

/** Oid of a catalog relation; without a schema it is looked for in pg_catalog. 0 = none. */
export function virtualOid(schema: string | undefined, name: string): Oid {
  return names().get(`${schema ?? 'pg_catalog'}.${name}`)?.oid ?? 0;
}

/** Its name as regclass prints it. */
export function virtualName(oid: Oid): string | undefined {
  const view = oids().get(oid);
  return view === undefined ? undefined : view.schema === 'pg_catalog' ? view.name : `${view.schema}.${view.name}`;
}

export function virtualRows(relation: VirtualRelation, _state: ExecState, session: SqlSession): Iterable<readonly SqlValue[]> {
  return oids().get(relation.oid)!.rows({ catalog: session.engine.catalog, session });
}
