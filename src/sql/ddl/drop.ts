/**
 * DROP, with what depends on what: a table takes its indexes, constraints, sequences and statistics along; views over it and
 * foreign keys to it stop the drop unless CASCADE takes them along too. DROP SCHEMA and TRUNCATE are here as well.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import {
  type CatalogObject,
  type ColumnObject,
  type ConstraintObject,
  type IndexObject,
  isSystemSchema,
  type Oid,
  type TableObject,
} from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE } from '../../engine/record-port.ts';
import type { DropStatement, ObjectKind } from '../ast/definitions.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { TruncateStatement } from '../ast/statements.ts';
import { displayName } from '../session/names.ts';
import type { Definer } from './definer.ts';
import { restartSequence } from './sequences.ts';
import { indexTreeFor, newTableTree, primaryOptions } from './tree-space.ts';

/** Words for an object in messages. */
export function describe(d: Definer, object: CatalogObject): string {
  if (object.kind === 'constraint')
    return `constraint ${object.name} on table ${displayName(d.catalog, d.schemas, d.catalog.table(object.table))}`;
  if (object.kind === 'table' || object.kind === 'index' || object.kind === 'view' || object.kind === 'sequence')
    return `${object.kind} ${displayName(d.catalog, d.schemas, object)}`;
  return `${object.kind} ${object.name}`;
}

/** Objects that cannot live without `oid`, nearest first: what goes along silently, and what only CASCADE takes. */
function dependents(d: Definer, oid: Oid): { own: CatalogObject[]; foreign: CatalogObject[] } {
  const own: CatalogObject[] = [];
  const foreign: CatalogObject[] = [];
  const table = d.catalog.object(oid);
  // Rows of a partition are referred to through the tables above it.
  const above = new Set(table?.kind === 'table' ? [...d.catalog.ancestorsOf(table)].map((t) => t.oid) : []);
  for (const object of d.catalog.objects()) {
    if (object.oid === oid) continue;
    if (object.kind === 'view' && object.uses.includes(oid)) foreign.push(object);
    else if (object.kind === 'constraint' && object.table !== oid && refersTo(object, oid, above)) {
      // What a partition has inherited goes with what it was inherited from.
      if (object.parent === undefined) foreign.push(object);
    } else if (object.kind === 'constraint' && object.type === 'foreign' && object.parent === oid) own.push(object);
    else if (
      (object.kind === 'index' || object.kind === 'constraint' || object.kind === 'statistics') &&
      object.table === oid
    )
      own.push(object);
    else if (object.kind === 'table' && object.partition?.parent === oid) own.push(object);
    else if (object.kind === 'index' && object.parent === oid) own.push(object);
    else if (object.kind === 'sequence' && object.ownedBy?.table === oid) own.push(object);
    else if (object.kind === 'table' && defaultsFrom(d, oid, object).length > 0) foreign.push(object);
  }
  return { own, foreign };
}

function refersTo({ foreign }: ConstraintObject, table: Oid, above: ReadonlySet<Oid>): boolean {
  return foreign !== undefined && (foreign.table === table || above.has(foreign.table));
}

function usesSequence(d: Definer, oid: Oid, sql: string): boolean {
  const sequence = d.catalog.object(oid);
  if (sequence?.kind !== 'sequence') return false;
  const name = sequenceOfDefault(sql);
  return name !== undefined && d.sql.context.relationOid(name) === oid;
}

/** The name of the sequence that a default draws from, as it is written there. */
export function sequenceOfDefault(sql: string): string | undefined {
  const match = /nextval\('((?:[^']|'')+)'(?:::regclass)?\)/i.exec(sql);
  return match?.[1]?.replaceAll("''", "'");
}

const RELATION_KINDS: ReadonlySet<ObjectKind> = new Set(['table', 'index', 'view', 'sequence']);

export function* drop(d: Definer, s: DropStatement): Task<void> {
  if (s.object === 'schema') {
    yield* dropSchemas(d, s);
    return;
  }
  if (!RELATION_KINDS.has(s.object)) {
    if (!s.ifExists) throw d.unsupported(`DROP ${s.object.toUpperCase()}`, s.at);
    for (const name of s.names) d.sql.tell(`${s.object} "${d.shown(name)}" does not exist, skipping`);
    return;
  }
  const targets: CatalogObject[] = [];
  for (const name of s.names) {
    const found = findForDrop(d, s, name);
    if (found !== undefined) targets.push(found);
  }
  yield* dropObjects(d, targets, s.cascade);
}

function findForDrop(d: Definer, s: DropStatement, name: QualifiedName): CatalogObject | undefined {
  if (name.schema !== null && d.catalog.schemaNamed(name.schema) === undefined) {
    if (!s.ifExists) throw d.error('invalid_schema_name', `schema "${name.schema}" does not exist`, undefined);
    d.sql.tell(`schema "${name.schema}" does not exist, skipping`);
    return undefined;
  }
  const found = d.findRelation(name);
  if (found === undefined) {
    if (!s.ifExists)
      throw d.error(
        s.object === 'index' ? 'undefined_object' : 'undefined_table',
        `${s.object} "${d.shown(name)}" does not exist`,
        undefined,
      );
    d.sql.tell(`${s.object} "${d.shown(name)}" does not exist, skipping`);
    return undefined;
  }
  if (found.kind !== s.object)
    throw d.error(
      'wrong_object_type',
      `"${found.name}" is not ${s.object === 'index' ? 'an' : 'a'} ${s.object}`,
      undefined,
      {
        hint: `Use DROP ${found.kind.toUpperCase()} to remove ${found.kind === 'index' ? 'an index' : `a ${found.kind}`}.`,
      },
    );
  if (found.kind === 'index' && found.parent !== undefined) {
    const above = d.catalog.object(found.parent)?.name ?? '';
    throw d.error(
      'dependent_objects_still_exist',
      `cannot drop index ${found.name} because index ${above} requires it`,
      undefined,
      {
        hint: `You can drop index ${above} instead.`,
      },
    );
  }
  if (found.kind === 'index' && found.constraint !== 0) {
    const constraint = d.catalog.object(found.constraint)!;
    throw d.error(
      'dependent_objects_still_exist',
      `cannot drop index ${found.name} because constraint ${constraint.name} on table ${d.catalog.table(found.table).name} requires it`,
      undefined,
      {
        hint: `You can drop constraint ${constraint.name} on table ${d.catalog.table(found.table).name} instead.`,
      },
    );
  }
  return found;
}

/**
 * Drops objects and what depends on them, and tells of the latter; of the former too when they depend on what the statement
 * names.
 *
 * @param alsoAlong - what else goes with them, to be told of together.
 * @throws 2BP01 without CASCADE.
 */
export function* dropObjects(
  d: Definer,
  targets: readonly CatalogObject[],
  cascade: boolean,
  areDependents = false,
  alsoAlong: readonly string[] = [],
): Task<void> {
  const going = new Map<Oid, CatalogObject>(targets.map((t) => [t.oid, t]));
  const queue = [...targets];
  const blocked: string[] = [];
  const along: string[] = [...alsoAlong, ...(areDependents ? targets.map((t) => describe(d, t)) : [])];
  const defaulted: { readonly table: Oid; readonly sequence: Oid }[] = [];
  for (let object = queue.shift(); object !== undefined; object = queue.shift()) {
    const { own, foreign } = dependents(d, object.oid);
    for (const o of own)
      if (!going.has(o.oid)) {
        going.set(o.oid, o);
        queue.push(o);
      }
    for (const f of foreign) {
      if (going.has(f.oid) || (f.kind === 'constraint' && going.has(f.table))) continue;
      if (f.kind === 'table') {
        for (const column of defaultsFrom(d, object.oid, f)) {
          if (column.identity !== undefined && !cascade) throw neededByIdentity(d, object, f, column.name);
          const text = `default value for column ${column.name} of ${describe(d, f)}`;
          blocked.push(`${text} depends on ${describe(d, object)}`);
          along.push(text);
        }
        defaulted.push({ table: f.oid, sequence: object.oid });
        continue;
      }
      const text = describe(d, f);
      blocked.push(`${text} depends on ${describe(d, object)}`);
      along.push(text);
      going.set(f.oid, f);
      queue.push(f);
    }
  }
  if (blocked.length > 0 && !cascade) {
    const what =
      targets.length === 1
        ? `cannot drop ${describe(d, targets[0]!)} because other objects depend on it`
        : 'cannot drop desired object(s) because other objects depend on them';
    throw fail('dependent_objects_still_exist', what, {
      detail: blocked.join('\n'),
      hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
    });
  }
  yield* lockGoing(d, going);
  if (along.length === 1) d.sql.tell(`drop cascades to ${along[0]}`);
  else if (along.length > 1)
    d.sql.tell(`drop cascades to ${along.length} other objects`, {
      detail: along.map((a) => `drop cascades to ${a}`).join('\n'),
    });
  for (const { table, sequence } of defaulted)
    if (!going.has(table)) yield* dropDefaults(d, d.catalog.table(table), sequence);
  for (const object of going.values()) yield* dropOne(d, object, going);
}

/** Columns whose default takes its values from a sequence. */
export function defaultsFrom(d: Definer, sequence: Oid, table: TableObject): ColumnObject[] {
  return table.columns.filter(
    (c) => !c.dropped && c.defaultSql !== undefined && usesSequence(d, sequence, c.defaultSql),
  );
}

function neededByIdentity(d: Definer, sequence: CatalogObject, table: TableObject, column: string): Error {
  const what = `column ${column} of ${describe(d, table)}`;
  return fail('dependent_objects_still_exist', `cannot drop ${describe(d, sequence)} because ${what} requires it`, {
    hint: `You can drop ${what} instead.`,
  });
}

/** Takes a table the defaults that it has from a sequence. */
export function* dropDefaults(d: Definer, table: TableObject, sequence: Oid): Task<void> {
  yield* d.lock(table.oid, TABLE_ACCESS_EXCLUSIVE);
  const gone = new Set(defaultsFrom(d, sequence, table).map((c) => c.number));
  const columns = table.columns.map((c) => {
    if (!gone.has(c.number)) return c;
    const { defaultSql: _gone, ...rest } = c;
    return rest;
  });
  yield* d.putTable({ ...table, columns });
}

/** Locks the tables that go, or that something of goes, before the first is changed. */
function* lockGoing(d: Definer, going: ReadonlyMap<Oid, CatalogObject>): Task<void> {
  for (const object of going.values()) {
    // Whoever reads the partitioned table counts on its partitions.
    if (object.kind === 'table' && object.partition !== undefined && !going.has(object.partition.parent))
      yield* d.lock(object.partition.parent, TABLE_ACCESS_EXCLUSIVE);
    yield* d.lockOwner(object, TABLE_ACCESS_EXCLUSIVE);
  }
}

function* dropOne(d: Definer, object: CatalogObject, going: ReadonlyMap<Oid, CatalogObject>): Task<void> {
  const { store, transaction } = d.engine;
  if (object.kind === 'table') {
    d.requireNothingPending(object, 'DROP TABLE');
    yield* store.dropTree(transaction, object.tree);
  }
  if (object.kind === 'index') {
    const table = d.catalog.object(object.table);
    if (table?.kind === 'table') {
      if (object.tree !== table.tree) yield* store.dropTree(transaction, object.tree);
      if (!going.has(table.oid)) yield* d.putTable(table);
    }
  }
  if (object.kind === 'constraint' && !going.has(object.table)) {
    yield* d.putTable(d.catalog.table(object.table));
  }
  yield* d.remove(object.oid);
}

function* dropSchemas(d: Definer, s: DropStatement): Task<void> {
  for (const name of s.names) {
    const schema = d.catalog.schemaNamed(name.name);
    if (schema === undefined) {
      if (!s.ifExists) throw d.error('invalid_schema_name', `schema "${name.name}" does not exist`, undefined);
      d.sql.tell(`schema "${name.name}" does not exist, skipping`);
      continue;
    }
    if (isSystemSchema(schema.oid))
      throw fail(
        'dependent_objects_still_exist',
        `cannot drop schema ${schema.name} because it is required by the database system`,
      );
    const inside = [...d.catalog.objects()].filter(
      (o) => o.schema === schema.oid && (o.kind === 'table' || o.kind === 'view' || o.kind === 'sequence'),
    );
    if (inside.length > 0 && !s.cascade) {
      throw fail(
        'dependent_objects_still_exist',
        `cannot drop schema ${schema.name} because other objects depend on it`,
        {
          detail: inside.map((o) => `${describe(d, o)} depends on schema ${schema.name}`).join('\n'),
          hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
        },
      );
    }
    yield* dropObjects(d, inside, true, true);
    yield* d.remove(schema.oid);
  }
}

/** Drops a constraint and the index behind it. @throws 2BP01 while a foreign key needs it. */
export function* dropConstraint(d: Definer, constraint: ConstraintObject, cascade: boolean): Task<void> {
  if (constraint.type === 'primary' || constraint.type === 'unique') {
    const needing = d.catalog
      .referencesTo(constraint.table)
      .filter((c) => c.index === constraint.index && c.parent === undefined);
    if (needing.length > 0 && !cascade) {
      const index = d.catalog.object(constraint.index) ?? constraint;
      throw fail(
        'dependent_objects_still_exist',
        `cannot drop ${describe(d, constraint)} because other objects depend on it`,
        {
          detail: needing.map((c) => `${describe(d, c)} depends on ${describe(d, index)}`).join('\n'),
          hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
        },
      );
    }
    yield* dropObjects(d, needing, true, true);
  }
  yield* d.remove(constraint.oid);
}

/** TRUNCATE: each table and index gets a new tree, and the old one is dropped. */
export function* truncate(d: Definer, s: TruncateStatement): Task<void> {
  const tables = new Map<Oid, TableObject>();
  for (const { name, only } of s.tables) {
    const table = d.table(name);
    if (only && table.partitioning !== undefined)
      throw d.error('wrong_object_type', 'cannot truncate only a partitioned table', undefined, {
        hint: 'Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.',
      });
    for (const each of [table, ...d.catalog.descendantsOf(table.oid)]) {
      yield* d.lock(each.oid, TABLE_ACCESS_EXCLUSIVE);
      tables.set(each.oid, each);
    }
  }
  const queue = [...tables.values()];
  for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
    for (const reference of d.catalog.referencesThrough(table)) {
      if (tables.has(reference.table)) continue;
      const child = d.catalog.table(reference.table);
      if (!s.cascade) {
        throw fail('feature_not_supported', 'cannot truncate a table referenced in a foreign key constraint', {
          detail: `Table "${child.name}" references "${table.name}".`,
          hint: `Truncate table "${child.name}" at the same time, or use TRUNCATE ... CASCADE.`,
        });
      }
      for (const each of [child, ...d.catalog.descendantsOf(child.oid, true)]) {
        if (tables.has(each.oid)) continue;
        yield* d.lock(each.oid, TABLE_ACCESS_EXCLUSIVE);
        d.sql.tell(`truncate cascades to table "${each.name}"`);
        tables.set(each.oid, each);
        queue.push(each);
      }
    }
  }
  for (const { oid } of tables.values()) {
    d.requireNothingPending(d.catalog.table(oid), 'TRUNCATE');
    yield* emptyTable(d, d.catalog.table(oid));
    if (s.restartIdentity) {
      for (const o of d.catalog.objects())
        if (o.kind === 'sequence' && o.ownedBy?.table === oid) yield* restartSequence(d, o, BigInt(o.start));
    }
  }
}

/** Gives a table and its indexes new, empty trees. @returns the table as it is now. */
export function* emptyTable(d: Definer, table: TableObject): Task<TableObject> {
  const { store, transaction } = d.engine;
  const tree = yield* newTableTree(d, table.options, primaryOptions(d, table));
  for (const index of d.catalog.indexesOf(table.oid)) {
    const clustered = index.oid === table.primaryIndex;
    const own = clustered ? tree : yield* indexTreeFor(d, tree, index);
    yield* d.put({ ...index, tree: own, version: index.version + 1 } satisfies IndexObject);
    if (!clustered) yield* store.dropTree(transaction, index.tree);
  }
  yield* store.dropTree(transaction, table.tree);
  return yield* d.putTable({ ...table, tree });
}
