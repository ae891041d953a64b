/** ALTER of every kind of object; what is done to columns and tables is in `alter-table.ts`. */

import type { AlterDatabaseStatement, AlterRoleStatement, ObjectKind, Option } from '../ast/definitions.ts';
import type { Name, QualifiedName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { parseAlterRelation } from './alter-table.ts';
import { parseDatabaseOptions, parseRoleOptions } from './create.ts';
import type { Cursor } from './cursor.ts';
import { parseObjectKind, refusal } from './drop.ts';
import { parseIndexMaintenance } from './indexes.ts';
import { parseOptionValue, parseStorageOptions } from './options.ts';
import { parseSequenceOptions } from './sequences.ts';
import { parseSetting, parseSettingName } from './settings.ts';

const RELATIONS = new Set<ObjectKind>(['table', 'index', 'view', 'sequence', 'materialized view', 'foreign table']);

export function parseAlter(c: Cursor): Statement {
  const at = c.offset;
  c.expect('alter');
  if (c.accept('system')) return { ...emptyDatabase(at, null), system: true, setting: parseSettingChange(c) };
  if (c.are('default', 'privileges')) return refusal(c, 'ALTER DEFAULT PRIVILEGES FOR', 'role', at);
  const object = parseObjectKind(c);
  if (object === 'index') {
    const maintenance = parseMaintenance(c, at);
    if (maintenance !== null) return maintenance;
  }
  if (RELATIONS.has(object)) return parseRelation(c, object, at);
  switch (object) {
    case 'schema':
      return parseSchema(c, at);
    case 'database':
      return parseDatabase(c, at);
    case 'role':
      return parseRole(c, at);
    default:
      return refusal(c, 'ALTER', object, at);
  }
}

/** ALTER INDEX {name | ALL} [ON table] REORGANIZE | REBUILD; steps back when it is another ALTER INDEX. */
function parseMaintenance(c: Cursor, at: number): Statement | null {
  const start = c.at;
  const isAll = c.accept('all');
  const index = isAll ? null : c.is('if') ? null : c.qualifiedName();
  const table = (isAll || index !== null) && c.accept('on') ? c.qualifiedName() : null;
  const isTarget = isAll ? table !== null : index !== null;
  const statement = isTarget ? parseIndexMaintenance(c, { at, index, table }) : null;
  if (statement !== null) return statement;
  if (table !== null && c.is('set')) return { kind: 'setIndexOptions', at, index, table, options: parseSetOptions(c) };
  if (table !== null) throw c.syntaxError();
  c.at = start;
  return null;
}

function parseSetOptions(c: Cursor): Option[] {
  c.expect('set');
  return parseStorageOptions(c);
}

function parseRelation(c: Cursor, object: ObjectKind, at: number): Statement {
  if (c.are('all', 'in', 'tablespace')) return refusal(c, 'ALTER ALL IN TABLESPACE FOR', object, at);
  const ifExists = c.acceptAll('if', 'exists');
  const only = c.accept('only');
  const name = c.qualifiedName();
  if (c.isStar) c.at++;
  if (c.accept('rename')) return parseRename(c, object, name, ifExists, at);
  if (object === 'table' && c.isBareWord('reorganize')) {
    const statement = parseIndexMaintenance(c, { at, index: null, table: name }, true);
    if (statement !== null) return statement;
  }
  if (c.are('set', 'schema')) {
    c.at += 2;
    return { kind: 'setSchema', at, object, name, ifExists, schema: c.name() };
  }
  if (object === 'sequence') {
    const options = parseSequenceOptions(c, false);
    if (options.length > 0) return { kind: 'alterSequence', at, name, ifExists, options };
  }
  return parseAlterRelation(c, { at, object: relationKind(object), name, only, ifExists });
}

function relationKind(
  object: ObjectKind,
): 'table' | 'index' | 'view' | 'sequence' | 'materialized view' | 'foreign table' {
  switch (object) {
    case 'index':
    case 'view':
    case 'sequence':
    case 'materialized view':
    case 'foreign table':
      return object;
    default:
      return 'table';
  }
}

function parseRename(
  c: Cursor,
  relationKindOf: ObjectKind,
  name: QualifiedName,
  ifExists: boolean,
  at: number,
): Statement {
  const head = { kind: 'rename' as const, at, name, ifExists };
  if (c.accept('to')) return { ...head, object: relationKindOf, relationKind: null, member: null, to: c.name() };
  if (relationKindOf === 'index' || relationKindOf === 'sequence') throw c.syntaxError();
  const object: ObjectKind = relationKindOf === 'table' && c.accept('constraint') ? 'constraint' : 'column';
  if (object === 'column') c.accept('column');
  const member = c.name();
  c.expect('to');
  return { ...head, object, relationKind: relationKindOf, member, to: c.name() };
}

function asQualified(name: Name): QualifiedName {
  return { catalog: null, schema: null, name: name.text, at: name.at };
}

function parseSchema(c: Cursor, at: number): Statement {
  const name = asQualified(c.name());
  if (c.acceptAll('owner', 'to')) return { kind: 'alterOwner', at, object: 'schema', name, owner: c.role() };
  c.expect('rename', 'to');
  return {
    kind: 'rename',
    at,
    object: 'schema',
    name,
    relationKind: null,
    member: null,
    ifExists: false,
    to: c.name(),
  };
}

function emptyDatabase(at: number, name: Name | null): AlterDatabaseStatement {
  return { kind: 'alterDatabase', at, system: false, name, options: [], setting: null };
}

function parseDatabase(c: Cursor, at: number): Statement {
  const name = c.name();
  const object = 'database';
  if (c.acceptAll('owner', 'to')) return { kind: 'alterOwner', at, object, name: asQualified(name), owner: c.role() };
  if (c.acceptAll('rename', 'to')) {
    return {
      kind: 'rename',
      at,
      object,
      name: asQualified(name),
      relationKind: null,
      member: null,
      ifExists: false,
      to: c.name(),
    };
  }
  for (const action of ['resize', 'shrink'] as const) {
    if (c.isBareWord(action)) {
      c.at++;
      return { kind: 'resizeDatabase', at, name, action, size: c.accept('to') ? parseOptionValue(c) : null };
    }
  }
  if (c.is('set') || c.is('reset')) return { ...emptyDatabase(at, name), setting: parseSettingChange(c) };
  c.accept('with');
  return { ...emptyDatabase(at, name), options: parseDatabaseOptions(c) };
}

/** `SET x = …` or `RESET x`; RESET ALL has the name `all`. */
function parseSettingChange(c: Cursor) {
  if (c.accept('set')) return parseSetting(c);
  c.expect('reset');
  if (c.accept('all')) return { name: 'all', value: null };
  return { name: parseSettingName(c), value: null };
}

function parseRole(c: Cursor, at: number): Statement {
  const name = c.accept('all') ? null : c.role();
  const head: AlterRoleStatement = { kind: 'alterRole', at, name, options: [], setting: null, renameTo: null };
  if (c.acceptAll('rename', 'to')) return { ...head, renameTo: c.role() };
  const database = c.acceptAll('in', 'database') ? c.name() : null;
  if (c.is('set') || c.is('reset')) return { ...head, setting: { ...parseSettingChange(c), database } };
  if (database !== null) throw c.syntaxError();
  c.accept('with');
  return { ...head, options: parseRoleOptions(c) };
}
