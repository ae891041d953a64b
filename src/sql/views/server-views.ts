/** Views of the server: databases, roles, settings, sessions, prepared statements, cursors. */

import { PgArray } from '../types/array.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';
import { locks } from './lock-view.ts';

const UTF8 = 6;
const OWNER = 10;
const REGTYPE = 2206;
const TABLESPACE = 1663;
/** Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;
/** Characters of a statement that are shown; PostgreSQL's track_activity_query_size is 1024 bytes. */
const QUERY_MAX = 1024;

function sinceEpoch(micros: number | undefined): number | null {
  return micros === undefined ? null : micros - EPOCH_MICROS;
}

function* roles({ catalog }: ViewSource): Iterable<{
  oid: number;
  name: string;
  superuser: boolean;
  login: boolean;
  createDb: boolean;
  createRole: boolean;
}> {
  for (const o of catalog.objects()) if (o.kind === 'role') yield o;
}

function* settingRows({ session }: ViewSource): Iterable<Record<string, string | boolean | null>> {
  for (const s of session.settings.all()) {
    const number = /^-?\d+$/.test(s.setting);
    yield {
      name: s.name,
      setting: s.setting,
      unit: s.unit ?? null,
      category: 'Preset Options',
      short_desc: s.description,
      extra_desc: null,
      context: 'user',
      vartype: number ? 'integer' : s.setting === 'on' || s.setting === 'off' ? 'bool' : 'string',
      source: s.setting === s.reset ? 'default' : 'session',
      boot_val: s.reset,
      reset_val: s.reset,
      pending_restart: false,
    };
  }
}

function* databases({ session }: ViewSource): Iterable<NamedRow> {
  for (const { name, oid } of session.instance.databaseList()) {
    yield {
      oid,
      datname: name,
      datdba: OWNER,
      encoding: UTF8,
      datlocprovider: 'c',
      datistemplate: false,
      datallowconn: true,
      datconnlimit: -1,
      datfrozenxid: 0,
      datminmxid: 0,
      dattablespace: TABLESPACE,
      datcollate: 'C.UTF-8',
      datctype: 'C.UTF-8',
    };
  }
}

function* shownRoles(source: ViewSource): Iterable<NamedRow> {
  for (const r of roles(source))
    yield {
      rolname: r.name,
      rolsuper: r.superuser,
      rolinherit: true,
      rolcreaterole: r.createRole,
      rolcreatedb: r.createDb,
      rolcanlogin: r.login,
      rolreplication: r.superuser,
      rolconnlimit: -1,
      rolpassword: '********',
      rolbypassrls: r.superuser,
      oid: r.oid,
    };
}

function* authIds(source: ViewSource): Iterable<NamedRow> {
  for (const r of roles(source))
    yield {
      oid: r.oid,
      rolname: r.name,
      rolsuper: r.superuser,
      rolinherit: true,
      rolcreaterole: r.createRole,
      rolcreatedb: r.createDb,
      rolcanlogin: r.login,
      rolreplication: r.superuser,
      rolbypassrls: r.superuser,
      rolconnlimit: -1,
    };
}

function* users(source: ViewSource): Iterable<NamedRow> {
  for (const r of roles(source))
    yield {
      usename: r.name,
      usesysid: r.oid,
      usecreatedb: r.createDb,
      usesuper: r.superuser,
      userepl: r.superuser,
      usebypassrls: r.superuser,
      passwd: '********',
    };
}

/** The sessions of every open database, and what each does. */
function* activity({ session }: ViewSource): Iterable<NamedRow> {
  for (const database of session.instance.databases()) {
    for (const s of database.sessions.values()) {
      const { activity } = s;
      yield {
        datid: database.oid,
        datname: database.name,
        pid: s.processId,
        usesysid: OWNER,
        usename: activity.user,
        application_name: activity.applicationName(),
        backend_start: sinceEpoch(activity.startedMicros),
        xact_start: sinceEpoch(activity.transactionMicros()),
        query_start: sinceEpoch(activity.queryMicros),
        state_change: sinceEpoch(activity.changedMicros),
        wait_event_type: activity.wait?.type ?? null,
        wait_event: activity.wait?.event ?? null,
        state: activity.state,
        query: activity.query.slice(0, QUERY_MAX),
        backend_xmin: database.file.store.oldestSeenBy(s.processId) ?? null,
        backend_type: 'client backend',
      };
    }
  }
}

function* preparedStatements({ session }: ViewSource): Iterable<NamedRow> {
  for (const [name, p] of session.prepared) {
    if (name === '') continue;
    yield {
      name,
      statement: p.text,
      parameter_types: new PgArray(REGTYPE, session.parameterTypes(p)),
      from_sql: p.bySql,
    };
  }
}

function* cursors({ session }: ViewSource): Iterable<NamedRow> {
  for (const [name, p] of session.portals)
    if (p.cursor)
      yield { name, statement: p.prepared.text, is_holdable: p.hold === true, is_binary: false, is_scrollable: false };
}

export function serverViews(): [string, RowMaker][] {
  return [
    ['pg_catalog.pg_database', databases],
    ['pg_catalog.pg_roles', shownRoles],
    ['pg_catalog.pg_authid', authIds],
    ['pg_catalog.pg_user', users],
    [
      'pg_catalog.pg_tablespace',
      function* () {
        yield { oid: TABLESPACE, spcname: 'pg_default', spcowner: OWNER };
      },
    ],
    ['pg_catalog.pg_settings', settingRows],
    ['pg_catalog.pg_stat_activity', activity],
    ['pg_catalog.pg_prepared_statements', preparedStatements],
    ['pg_catalog.pg_cursors', cursors],
    ['pg_catalog.pg_locks', locks],
  ];
}
