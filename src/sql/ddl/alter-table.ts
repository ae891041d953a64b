/**
 * ALTER TABLE: actions in the order written, each on the table as the one before left it.
 *
 * Adding a column makes a new layout and keeps its default as evaluated now; rows of older layouts answer with it until they
 * are written again. Dropping one makes a layout without it. A primary key on a table with rows, a volatile default, and a
 * new type rebuild the table: its rows are read, changed and written to new trees.
 */
import { ERRORS, ExtentError, fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, ConstraintObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction, AlterTableStatement } from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { canCoerce } from '../bind/coerce.ts';
import { type BoundTableExpression, bindTableExpression } from '../bind/table-rules.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import { typeEntry } from '../exec/values.ts';
import { quoteIdentifier } from '../session/names.ts';
import { registry } from '../types/registry.ts';
import { type AddedColumn, addColumn } from './add-column.ts';
import { alterIndex, changeTableOptions } from './alter-options.ts';
import { viewsReading } from './column-uses.ts';
import { makeCheck, makeForeignKey } from './constraints.ts';
import { defaultOf } from './create-table.ts';
import type { Definer } from './definer.ts';
import { dropColumn, removeConstraintObject } from './drop-column.ts';
import { inheritColumns, inheritMembers, isForEach, refuseInherited, refuseOnly } from './partition-alter.ts';
import { attachPartition, detachPartition } from './partitions.ts';
import { rebuildTable } from './rebuild-table.ts';
import { changeSequence, makeSequence, sequenceValues } from './sequences.ts';
import { addKeyConstraint, dropPrimaryKey, setNotNull } from './table-keys.ts';

export function* alterTable(d: Definer, s: AlterTableStatement): Task<void> {
  const found = d.findRelation(s.name);
  if (found === undefined && s.ifExists) {
    d.sql.tell(`relation "${d.shown(s.name)}" does not exist, skipping`);
    return;
  }
  // As in PostgreSQL, options of an index may be changed through ALTER TABLE.
  const changesOptions = s.actions.every((action) => action.kind === 'setOptions' || action.kind === 'resetOptions');
  if (s.object === 'index' || (found?.kind === 'index' && changesOptions)) {
    yield* alterIndex(d, s);
    return;
  }
  if (s.object !== 'table') {
    for (const action of s.actions)
      if (action.kind !== 'ownerTo') throw d.unsupported(`ALTER ${s.object.toUpperCase()} … ${action.kind}`, action.at);
    return;
  }
  const { oid } = d.table(s.name);
  yield* d.lock(oid, 8);
  for (const action of s.actions) {
    const table = d.catalog.table(oid);
    d.requireNothingPending(table, 'ALTER TABLE');
    refuseInherited(d, table, action);
    refuseOnly(d, table, action, s.only);
    yield* applyTo(d, oid, action, s.only);
  }
}

/** Carries an action out on a table and, unless it is meant ONLY, on what lies below it. */
function* applyTo(d: Definer, oid: Oid, action: AlterTableAction, only: boolean): Task<void> {
  const before = d.catalog.table(oid);
  yield* d.lock(oid, 8);
  yield* apply(d, before, action);
  d.engine.nextCommand();
  if (only || before.partitioning === undefined) return;
  for (const { oid: partition } of d.catalog.partitionsOf(oid)) {
    if (isForEach(action)) yield* applyTo(d, partition, action, false);
    else if (action.kind === 'addColumn') yield* inheritColumns(d, oid, partition);
    yield* inheritMembers(d, oid, partition);
    d.engine.nextCommand();
  }
}

function* apply(d: Definer, table: TableObject, action: AlterTableAction): Task<void> {
  switch (action.kind) {
    case 'addColumn': {
      const made = yield* addColumn(d, table, action);
      if (made !== undefined) yield* addConstraintsOf(d, table.oid, made, action.column.name);
      return;
    }
    case 'dropColumn':
      yield* dropColumn(d, table, action);
      return;
    case 'setDefault': {
      const column = d.column(table, action.name);
      const { defaultSql: _before, ...rest } = column;
      yield* replaceColumn(d, table, { ...rest, ...defaultOf(d, table, column, action.text, action.expression) });
      return;
    }
    case 'dropDefault': {
      const { defaultSql: _gone, ...rest } = d.column(table, action.name);
      yield* replaceColumn(d, table, rest);
      return;
    }
    case 'setNotNull':
      yield* setNotNull(d, table, d.column(table, action.name));
      return;
    case 'dropNotNull': {
      const column = d.column(table, action.name);
      const primary = d.catalog.constraintsOf(table.oid).find((c) => c.type === 'primary');
      if (primary?.columns.includes(column.number))
        throw d.error('invalid_table_definition', `column "${column.name}" is in a primary key`, undefined);
      if (column.identity !== undefined)
        throw d.error(
          'syntax_error',
          `column "${column.name}" of relation "${table.name}" is an identity column`,
          undefined,
        );
      yield* changeColumn(d, table, column, { notNull: false });
      return;
    }
    case 'alterType':
      yield* alterType(d, table, action);
      return;
    case 'addConstraint':
      yield* addConstraint(d, table, action);
      return;
    case 'dropConstraint':
      yield* removeConstraint(d, table, action);
      return;
    case 'validateConstraint': {
      const constraint = constraintNamed(d, table, action.name.text);
      yield* validate(d, table, constraint);
      yield* d.put({ ...constraint, validated: true, version: constraint.version + 1 });
      return;
    }
    case 'alterConstraint': {
      const constraint = constraintNamed(d, table, action.name.text);
      if (constraint.type !== 'foreign')
        throw d.error(
          'wrong_object_type',
          `constraint "${constraint.name}" of relation "${table.name}" is not a foreign key constraint`,
          undefined,
        );
      yield* d.put({
        ...constraint,
        deferrable: action.deferrable || action.initiallyDeferred,
        initiallyDeferred: action.initiallyDeferred,
        version: constraint.version + 1,
      });
      return;
    }
    case 'setOptions':
    case 'resetOptions':
      yield* changeTableOptions(d, table, action);
      return;
    case 'addIdentity':
    case 'setIdentity':
    case 'dropIdentity':
      yield* changeIdentity(d, table, action);
      return;
    case 'dropExpression':
      yield* dropExpression(d, table, action);
      return;
    case 'attachPartition':
      yield* attachPartition(d, table, action);
      return;
    case 'detachPartition':
      yield* detachPartition(d, table, action);
      return;
    case 'ownerTo':
      if (action.owner.text !== 'postgres' && action.owner.text !== 'current_user' && action.owner.text !== d.sql.user)
        throw d.error('undefined_object', `role "${action.owner.text}" does not exist`, undefined);
      return;
    default:
      throw d.unsupported(
        `ALTER TABLE … ${action.kind === 'other' ? action.what.toUpperCase() : action.kind}`,
        action.at,
      );
  }
}

function* replaceColumn(d: Definer, table: TableObject, column: ColumnObject): Task<TableObject> {
  return yield* d.putTable({ ...table, columns: table.columns.map((c) => (c.number === column.number ? column : c)) });
}

function* changeColumn(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
  more: Partial<ColumnObject>,
): Task<TableObject> {
  return yield* replaceColumn(d, table, { ...column, ...more });
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The constraints that were written with a new column. */
function* addConstraintsOf(d: Definer, table: Oid, made: AddedColumn, name: Name): Task<void> {
  const columns = [name];
  for (const c of [...made.keys, ...made.foreign])
    yield* addConstraint(d, d.catalog.table(table), {
      kind: 'addConstraint',
      at: c.at,
      constraint: { ...c, columns },
    });
  for (const check of made.checks)
    yield* addConstraint(d, d.catalog.table(table), { kind: 'addConstraint', at: check.at, constraint: check });
}

function notCast(column: string, type: Oid, using: boolean): string {
  return `${using ? 'result of USING clause for ' : ''}column "${column}" cannot be cast automatically to type ${typeEntry(type).displayName}`;
}

/** The default of a column whose type changes: what it gave must go into the new type by assignment. @throws 42804 */
function defaultAs(d: Definer, table: TableObject, column: ColumnObject, type: Oid): Pick<ColumnObject, 'defaultSql'> {
  const { defaultSql, typmod } = column;
  if (defaultSql === undefined) return {};
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, defaultSql, undefined, defaultSql, column.type, 'DEFAULT', typmod);
  let { expr } = bound;
  while ((expr.kind === 'cast' || expr.kind === 'typmod') && !expr.explicit) expr = expr.arg;
  if (!canCoerce(d.binding(), expr.type, type, 'assignment')) {
    const text = `default for column "${column.name}" cannot be cast automatically to type ${typeEntry(type).displayName}`;
    throw d.error('datatype_mismatch', text, undefined);
  }
  // A literal is of the old type, and must not be read anew as one of the new type.
  const isLiteral = /^'(?:[^']|'')*'$/.test(defaultSql) && expr.type !== type;
  return { defaultSql: isLiteral ? `${defaultSql}::${typeEntry(expr.type).displayName}` : defaultSql };
}

function* alterType(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'alterType' }>,
): Task<void> {
  const column = d.column(table, action.name);
  const { oid, typmod } = lookUpType(d.binding(), action.type);
  const physical = registry.type(oid)?.physical(typmod);
  if (physical === undefined)
    throw d.error(
      'invalid_table_definition',
      `column "${column.name}" has pseudo-type ${typeEntry(oid).displayName}`,
      undefined,
    );
  const changed: ColumnObject = { ...column, type: oid, typmod, physical };
  const [view] = viewsReading(d, table, column.number);
  if (view !== undefined)
    throw d.error('feature_not_supported', 'cannot alter type of a column used by a view or rule', undefined, {
      detail: `rule _RETURN on view ${view.name} depends on column "${column.name}"`,
    });
  const text = action.using === null ? quote(column.name) : undefined;
  let convert: BoundTableExpression;
  try {
    convert = bindTableExpression(
      d.sql.bindContext(),
      table,
      text ?? d.text,
      action.using ?? undefined,
      text ?? d.text,
      oid,
      'USING',
      typmod,
    );
  } catch (error) {
    if (!(error instanceof ExtentError) || error.sqlstate !== ERRORS.datatype_mismatch) throw error;
    throw d.error('datatype_mismatch', notCast(column.name, oid, action.using !== null), undefined, {
      hint:
        action.using === null
          ? `You might need to specify "USING ${quoteIdentifier(column.name)}::${typeEntry(oid).displayName}".`
          : 'You might need to add an explicit cast.',
    });
  }
  const withDefault = { ...changed, ...defaultAs(d, table, column, oid) };
  const columns = table.columns.map((c) => (c.number === column.number ? withDefault : c));
  yield* rebuildTable(d, table, { ...table, columns }, (row) => row, { number: column.number, convert });
}

function* addConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'addConstraint' }>,
): Task<void> {
  const c = action.constraint;
  if (c.kind === 'exclude') throw d.unsupported('EXCLUDE', c.at);
  if (c.kind === 'check') {
    const constraint = yield* makeCheck(d, table, c, new Set());
    yield* d.put(constraint);
    yield* d.putTable(table);
    if (constraint.validated) yield* validate(d, d.catalog.table(table.oid), constraint);
    return;
  }
  if (c.kind === 'foreignKey') {
    const constraint = yield* makeForeignKey(d, table, c, c.columns, (t) => d.catalog.liveIndexesOf(t.oid), new Set());
    yield* d.put(constraint);
    yield* d.putTable(table);
    if (constraint.validated) yield* validate(d, d.catalog.table(table.oid), constraint);
    return;
  }
  yield* addKeyConstraint(d, table, c);
}

function constraintNamed(d: Definer, table: TableObject, name: string): ConstraintObject {
  const constraint = d.catalog.constraintsOf(table.oid).find((c) => c.name === name);
  if (constraint === undefined)
    throw fail('undefined_object', `constraint "${name}" of relation "${table.name}" does not exist`);
  return constraint;
}

function* removeConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'dropConstraint' }>,
): Task<void> {
  const constraint = d.catalog.constraintsOf(table.oid).find((c) => c.name === action.name.text);
  if (constraint === undefined) {
    if (!action.ifExists)
      throw d.error(
        'undefined_object',
        `constraint "${action.name.text}" of relation "${table.name}" does not exist`,
        undefined,
      );
    d.sql.tell(`constraint "${action.name.text}" of relation "${table.name}" does not exist, skipping`);
    return;
  }
  if (constraint.type === 'primary') {
    yield* dropPrimaryKey(d, constraint, action.cascade);
    return;
  }
  yield* removeConstraintObject(d, constraint, action.cascade);
  yield* d.putTable(d.catalog.table(table.oid));
}

/** Looks for a row that a new constraint does not allow. @throws 23514, 23503. */
function* validate(d: Definer, table: TableObject, constraint: ConstraintObject): Task<void> {
  const schema = d.catalog.object(table.schema)!.name;
  const relation = `${quote(schema)}.${quote(table.name)}`;
  if (constraint.type === 'check') {
    const bad = yield* d.sql.runInternal(`SELECT 1 FROM ${relation} WHERE NOT (${constraint.expression}) LIMIT 1`, []);
    if (bad > 0)
      throw fail(
        'check_violation',
        `check constraint "${constraint.name}" of relation "${table.name}" is violated by some row`,
        { schema, table: table.name, constraint: constraint.name },
      );
    return;
  }
  if (constraint.type !== 'foreign') return;
  yield* d.sql.validateForeignKey(table, constraint);
}

/** A generated column becomes a plain one; its values stay. */
function* dropExpression(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'dropExpression' }>,
): Task<void> {
  const { generatedSql, ...rest } = d.column(table, action.name);
  if (generatedSql !== undefined) {
    yield* replaceColumn(d, table, rest);
    return;
  }
  const message = `column "${rest.name}" of relation "${table.name}" is not a stored generated column`;
  if (!action.ifExists) throw d.error('object_not_in_prerequisite_state', message, undefined);
  d.sql.tell(`${message}, skipping`);
}

function* changeIdentity(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'addIdentity' | 'setIdentity' | 'dropIdentity' }>,
): Task<void> {
  const column = d.column(table, action.name);
  const owned = [...d.catalog.objects()].find(
    (o) => o.kind === 'sequence' && o.ownedBy?.table === table.oid && o.ownedBy.column === column.number,
  );
  if (action.kind === 'addIdentity') {
    if (column.identity !== undefined)
      throw d.error(
        'object_not_in_prerequisite_state',
        `column "${column.name}" of relation "${table.name}" is already an identity column`,
        undefined,
      );
    if (!column.notNull)
      throw d.error(
        'object_not_in_prerequisite_state',
        `column "${column.name}" of relation "${table.name}" must be declared NOT NULL before identity can be added`,
        undefined,
      );
    const name = d.chooseName([table.name, column.name], 'seq', d.taken(table.schema, undefined, new Set()));
    yield* makeSequence(d, table.schema, name, sequenceValues(d, action.sequence, column.type, undefined), {
      table: table.oid,
      column: column.number,
    });
    const literal = `${quote(d.catalog.object(table.schema)!.name)}.${quote(name)}`.replaceAll("'", "''");
    yield* changeColumn(d, table, column, {
      identity: action.always ? 'always' : 'by default',
      defaultSql: `nextval('${literal}'::regclass)`,
    });
    return;
  }
  if (column.identity === undefined) {
    if (action.kind === 'dropIdentity' && action.ifExists) {
      d.sql.tell(`column "${column.name}" of relation "${table.name}" is not an identity column, skipping`);
      return;
    }
    throw d.error(
      'object_not_in_prerequisite_state',
      `column "${column.name}" of relation "${table.name}" is not an identity column`,
      undefined,
    );
  }
  if (action.kind === 'setIdentity') {
    if (owned?.kind === 'sequence' && action.sequence.length > 0) yield* changeSequence(d, owned, action.sequence);
    if (action.always !== null)
      yield* changeColumn(d, table, column, { identity: action.always ? 'always' : 'by default' });
    return;
  }
  const { identity: _identity, defaultSql: _default, ...rest } = column;
  yield* replaceColumn(d, table, rest);
  if (owned !== undefined) yield* d.remove(owned.oid);
}
