/** CREATE SCHEMA, renaming, moving between schemas, owners, comments. */
import type { Task } from '../../base/task.ts';
import type { CatalogObject, Oid, SchemaObject, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type {
  AlterOwnerStatement,
  CommentStatement,
  CreateSchemaStatement,
  RenameStatement,
  SetSchemaStatement,
} from '../ast/definitions.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { Definer } from './definer.ts';
import { keepingNames } from './kept-names.ts';
import { isInKey } from './partition-alter.ts';
import { passByLeaving } from './partition-leaving.ts';

export function* createSchema(d: Definer, s: CreateSchemaStatement): Task<void> {
  const name = s.name?.text ?? s.owner!.text;
  if (d.catalog.schemaNamed(name) !== undefined) {
    if (!s.ifNotExists) throw d.error('duplicate_schema', `schema "${name}" already exists`, undefined);
    d.sql.tell(`schema "${name}" already exists, skipping`, { sqlstate: '42P06' });
    return;
  }
  if (name.startsWith('pg_'))
    throw d.error('reserved_name', `unacceptable schema name "${name}"`, undefined, {
      detail: 'The prefix "pg_" is reserved for system schemas.',
    });
  const schema: SchemaObject = { kind: 'schema', oid: yield* d.takeOid(), name, schema: 0, owner: d.owner, version: 1 };
  yield* d.put(schema);
}

/** An object of one of the kinds that can be named in a statement, or undefined for IF EXISTS. */
function named(d: Definer, kind: string, name: QualifiedName, ifExists: boolean): CatalogObject | undefined {
  const found = kind === 'schema' ? d.catalog.schemaNamed(name.name) : d.findRelation(name);
  if (found === undefined) {
    if (kind === 'schema') throw d.error('invalid_schema_name', `schema "${name.name}" does not exist`, undefined);
    if (!ifExists) throw d.error('undefined_table', `relation "${d.shown(name)}" does not exist`, undefined);
    d.sql.tell(`relation "${d.shown(name)}" does not exist, skipping`);
  }
  return found;
}

export function* rename(d: Definer, s: RenameStatement): Task<void> {
  const found = named(
    d,
    s.object === 'column' || s.object === 'constraint' ? (s.relationKind ?? 'table') : s.object,
    s.name,
    s.ifExists,
  );
  if (found === undefined) return;
  const to = s.to.text;
  if (s.object === 'column') {
    refuseInheritedName(d, found, s.member!.text);
    yield* renameColumn(d, found, s.member!.text, to);
    return;
  }
  if (s.object === 'constraint') {
    const constraint = d.catalog.constraintsOf(found.oid).find((c) => c.name === s.member!.text);
    if (constraint === undefined)
      throw d.error(
        'undefined_object',
        `constraint "${s.member!.text}" for table "${found.name}" does not exist`,
        undefined,
      );
    if (d.catalog.constraintsOf(found.oid).some((c) => c.name === to))
      throw d.error('duplicate_object', `constraint "${to}" for relation "${found.name}" already exists`, undefined);
    if (constraint.type === 'check' && constraint.parent !== undefined)
      throw d.error('invalid_table_definition', `cannot rename inherited constraint "${constraint.name}"`, undefined);
    for (const oid of [constraint.table, ...[...d.catalog.descendantsOf(constraint.table)].map((t) => t.oid)])
      yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
    yield* d.put({ ...constraint, name: to, version: constraint.version + 1 });
    const index = d.catalog.object(constraint.index);
    if (index?.kind === 'index' && constraint.type !== 'foreign')
      yield* d.put({ ...index, name: to, version: index.version + 1 });
    // A check is known to partitions by its name.
    if (constraint.type === 'check')
      for (const { oid } of d.catalog.descendantsOf(constraint.table))
        for (const own of d.catalog.constraintsOf(oid))
          if (own.type === 'check' && own.name === constraint.name)
            yield* d.put({ ...own, name: to, version: own.version + 1 });
    return;
  }
  if (found.kind === 'schema') {
    if (d.catalog.schemaNamed(to) !== undefined)
      throw d.error('duplicate_schema', `schema "${to}" already exists`, undefined);
  } else d.requireFree(found.schema, to);
  yield* d.lockOwner(found, found.kind === 'table' ? TABLE_ACCESS_EXCLUSIVE : TABLE_SHARE_UPDATE_EXCLUSIVE);
  yield* keepingNames(d, renamedWith(d, found), () => d.put({ ...found, name: to, version: found.version + 1 }));
  if (found.kind === 'index' && found.constraint !== 0) {
    const constraint = d.catalog.object(found.constraint);
    if (constraint !== undefined) yield* d.put({ ...constraint, name: to, version: constraint.version + 1 });
  }
}

/** The tables and views that have another name when an object has: itself, or all that lie in a schema. */
function renamedWith(d: Definer, object: CatalogObject): Set<Oid> {
  const relations = [...d.catalog.objects()].filter((o) => o.kind === 'table' || o.kind === 'view');
  return new Set(relations.filter((o) => o.oid === object.oid || o.schema === object.oid).map((o) => o.oid));
}

function* renameColumn(d: Definer, relation: CatalogObject, from: string, to: string): Task<void> {
  if (relation.kind === 'view') {
    if (!relation.columns.some((c) => c.name === from))
      throw d.error('undefined_column', `column "${from}" does not exist`, undefined);
    if (relation.columns.some((c) => c.name === to))
      throw d.error('duplicate_column', `column "${to}" of relation "${relation.name}" already exists`, undefined);
    const columns = relation.columns.map((c) => (c.name === from ? { ...c, name: to } : c));
    const next = { ...relation, columns, version: relation.version + 1 };
    yield* keepingNames(d, new Set([relation.oid]), () => d.put(next));
    return;
  }
  if (relation.kind === 'sequence')
    throw d.error('wrong_object_type', `cannot rename columns of relation "${relation.name}"`, undefined, {
      detail: 'This operation is not supported for sequences.',
    });
  if (relation.kind !== 'table') throw d.unsupported('renaming a column of an index', undefined);
  // The columns of partitions are called the same. Those that are leaving follow where their bounds are written with the name.
  const all = [relation, ...d.catalog.descendantsOf(relation.oid, true)];
  const isBound = all.some((table) => isInKey(d, table, from));
  const tables = (isBound ? all : [relation, ...d.catalog.descendantsOf(relation.oid)]).map(({ oid }) => oid);
  for (const oid of tables) {
    yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
    requireRenamable(d, d.catalog.table(oid), from, to);
  }
  yield* keepingNames(d, new Set(tables), function* () {
    for (const oid of tables) {
      const table = d.catalog.table(oid);
      const columns = table.columns.map((c) => (!c.dropped && c.name === from ? { ...c, name: to } : c));
      yield* d.putTable({ ...table, columns });
    }
  });
  yield* passByLeaving(d, relation.oid);
}

/** @throws 42703, 42701 */
function requireRenamable(d: Definer, table: TableObject, from: string, to: string): void {
  const has = (name: string): boolean => table.columns.some((c) => !c.dropped && c.name === name);
  if (!has(from)) throw d.error('undefined_column', `column "${from}" does not exist`, undefined);
  if (has(to))
    throw d.error('duplicate_column', `column "${to}" of relation "${table.name}" already exists`, undefined);
}

/** The columns of a partition are called what its partitioned table calls them. @throws 42P16 */
function refuseInheritedName(d: Definer, relation: CatalogObject, name: string): void {
  if (relation.kind === 'table' && relation.partition !== undefined)
    throw d.error('invalid_table_definition', `cannot rename inherited column "${name}"`, undefined);
}

export function* setSchema(d: Definer, s: SetSchemaStatement): Task<void> {
  const found = named(d, s.object, s.name, s.ifExists);
  if (found === undefined) return;
  const schema = d.schemaNamed(s.schema.text, s.schema.at);
  if (found.kind !== 'table' && found.kind !== 'view' && found.kind !== 'sequence')
    throw d.unsupported(`ALTER ${s.object.toUpperCase()} … SET SCHEMA`, s.at);
  d.requireFree(schema.oid, found.name);
  yield* d.lockOwner(found, TABLE_ACCESS_EXCLUSIVE);
  yield* keepingNames(d, renamedWith(d, found), () => moveTo(d, found, schema.oid));
}

/** Moves an object; a table takes its indexes, constraints and sequences along. */
function* moveTo(d: Definer, object: CatalogObject, schema: Oid): Task<void> {
  const { oid } = object;
  const own =
    object.kind === 'table'
      ? [
          ...d.catalog.indexesOf(oid),
          ...d.catalog.constraintsOf(oid),
          ...[...d.catalog.objects()].filter((o) => o.kind === 'sequence' && o.ownedBy?.table === oid),
        ]
      : [];
  for (const o of [...own, object]) yield* d.put({ ...o, schema, version: o.version + 1 });
}

/** Everything has one owner; naming that one changes nothing. */
export function alterOwner(d: Definer, s: AlterOwnerStatement): void {
  named(d, s.object, s.name, false);
  const role = s.owner.text;
  if (role !== d.sql.user && d.sql.context.roleOid(role) === 0)
    throw d.error('undefined_object', `role "${role}" does not exist`, undefined);
}

export function* comment(d: Definer, s: CommentStatement): Task<void> {
  const text = s.text === null || s.text === '' ? undefined : s.text;
  if (s.object === 'column') {
    const table = d.table(s.name);
    const column = d.column(table, s.member!);
    const { comment: _old, ...rest } = column;
    const next = { ...rest, ...(text === undefined ? {} : { comment: text }) };
    yield* d.putTable({ ...table, columns: table.columns.map((c) => (c.number === column.number ? next : c)) });
    return;
  }
  if (s.object === 'database') throw d.unsupported('COMMENT ON DATABASE', s.at);
  let target: CatalogObject | undefined;
  if (s.object === 'constraint') {
    const table = d.table(s.name);
    target = d.catalog.constraintsOf(table.oid).find((c) => c.name === s.member!.text);
    if (target === undefined)
      throw d.error(
        'undefined_object',
        `constraint "${s.member!.text}" for table "${table.name}" does not exist`,
        undefined,
      );
  } else if (['table', 'index', 'view', 'sequence', 'schema'].includes(s.object))
    target = named(d, s.object, s.name, false);
  else throw d.unsupported(`COMMENT ON ${s.object.toUpperCase()}`, s.at);
  if (target === undefined) return;
  yield* d.lockOwner(target, TABLE_SHARE_UPDATE_EXCLUSIVE);
  const { comment: _old, ...rest } = target;
  yield* d.put({
    ...rest,
    ...(text === undefined ? {} : { comment: text }),
    version: target.version + 1,
  } as CatalogObject);
}
