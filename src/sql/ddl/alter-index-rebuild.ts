/**
 * `ALTER INDEX { name | ALL } ON table { REBUILD [PARTITION = ALL] [WITH (…)] | DISABLE }`, with SQL Server's options.
 *
 *   enabled ── DISABLE ──> disabled (definition kept, tree empty) ── REBUILD, REINDEX ──> enabled, checked for duplicates
 *
 * A disabled index is neither written nor read, and its uniqueness is not enforced. A primary key cannot be disabled: it is the
 * table. REBUILD locks the table for itself, or with ONLINE = ON keeps writers waiting for a moment at its end; options that it is given are stored. Messages name SQL Server's number in the detail.
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { Option, RebuildStatement } from '../ast/definitions.ts';
import { partOf } from '../partitions/bounds.ts';
import type { Definer } from './definer.ts';
import { disableIndex, isClustered } from './rebuild.ts';
import { forbidBlock, rebuildAll, rebuildOne, rebuildOnline } from './rebuild-statements.ts';
import { chosenPartitions, onOff, tableOf } from './reorganize.ts';
import { primarySpaceOptions } from './space-options.ts';
import { changeTableSpace, primaryOptions } from './tree-space.ts';

const FILL_FACTOR = { min: 1, max: 100 } as const;

/** Options that have one value here; the other one is refused. */
const FIXED: Readonly<Record<string, 'on' | 'off'>> = {
  resumable: 'off',
  pad_index: 'off',
  ignore_dup_key: 'off',
  xml_compression: 'off',
  statistics_incremental: 'off',
  allow_row_locks: 'on',
};
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['sort_in_tempdb', 'statistics_norecompute', 'maxdop']);

interface RebuildSettings {
  isOnline: boolean;
  fillFactor: Option | undefined;
  pageLocks: boolean | undefined;
}

/** @throws 42P01, 42704, 42809, 22023, 0A000, 23505 */
export function* rebuildIndexes(d: Definer, s: RebuildStatement): Task<void> {
  const settings = readOptions(d, s.options);
  const named = tableOf(d, s);
  if (named.partitioning === undefined) {
    if (!s.disable) refusePartition(d, s, indexesOf(d, s, named));
    yield* rebuildOf(d, s, named.oid, settings, (table) => indexesOf(d, s, table));
    return;
  }
  const wanted = indexesOf(d, s, named);
  for (const leaf of chosenPartitions(d, named, s.partition))
    yield* rebuildOf(d, s, leaf.oid, settings, (table) =>
      s.index === null
        ? d.catalog.indexesOf(table.oid)
        : wanted.flatMap((index) => partOf(d.catalog, table, index) ?? []),
    );
}

/** The indexes of one table that holds rows. */
function* rebuildOf(
  d: Definer,
  s: RebuildStatement,
  oid: Oid,
  settings: RebuildSettings,
  indexesIn: (table: TableObject) => readonly IndexObject[],
): Task<void> {
  yield* d.lock(oid, settings.isOnline ? TABLE_SHARE_UPDATE_EXCLUSIVE : TABLE_ACCESS_EXCLUSIVE);
  const table = d.catalog.table(oid);
  const indexes = indexesIn(table);
  if (settings.isOnline) forbidBlock(d, 'ALTER INDEX … REBUILD WITH (ONLINE = ON)');
  if (s.disable) {
    yield* disable(d, s, indexes);
    return;
  }
  for (const index of indexes) yield* store(d, index, settings);
  if (settings.isOnline) {
    yield* rebuildOnline(d, indexes, 'ALTER INDEX REBUILD');
    return;
  }
  if (s.index === null) {
    yield* rebuildAll(d, d.catalog.table(oid), 'ALTER INDEX REBUILD');
    return;
  }
  for (const { oid: index } of indexes) {
    const now = d.catalog.object(index);
    if (now?.kind === 'index') yield* rebuildOne(d, now, 'ALTER INDEX REBUILD');
  }
}

function indexesOf(d: Definer, s: RebuildStatement, table: TableObject): readonly IndexObject[] {
  const all = d.catalog.indexesOf(table.oid);
  if (s.index === null) return all;
  const { name, at } = s.index;
  const index = all.find((i) => i.name === name);
  if (index !== undefined) return [index];
  throw d.error('undefined_object', `index "${name}" for table "${table.name}" does not exist`, at, {
    detail: 'Msg 2727.',
  });
}

function refusePartition(d: Definer, s: RebuildStatement, indexes: readonly IndexObject[]): void {
  if (s.partition === null) return;
  throw d.error(
    'wrong_object_type',
    `"${indexes[0]?.name ?? s.table?.name ?? ''}" is not partitioned`,
    s.partition.at,
    {
      detail: s.index === null ? 'Msg 7735.' : 'Msg 7729.',
    },
  );
}

/** All are judged before the first one is disabled. */
function* disable(d: Definer, s: RebuildStatement, indexes: readonly IndexObject[]): Task<void> {
  for (const index of indexes) {
    const table = d.catalog.table(index.table);
    if (isClustered(table, index)) {
      throw d.error('feature_not_supported', `primary key "${index.name}" cannot be disabled`, s.at, {
        detail: `The rows of "${table.name}" are kept in it.`,
      });
    }
    const [key] = d.catalog.referencesTo(table.oid).filter((c) => c.index === index.oid);
    if (key === undefined) continue;
    throw d.error('dependent_objects_still_exist', `cannot disable index "${index.name}"`, s.at, {
      detail: `Foreign key "${key.name}" on table "${d.catalog.table(key.table).name}" needs it.`,
      hint: 'Drop the foreign key first.',
    });
  }
  for (const index of indexes) {
    if (index.disabled === true) d.sql.tell(`index "${index.name}" is disabled already`);
    else yield* disableIndex(d, index);
  }
}

// ── options ──

function readOptions(d: Definer, options: readonly Option[]): RebuildSettings {
  const settings: RebuildSettings = { isOnline: false, fillFactor: undefined, pageLocks: undefined };
  for (const option of options) {
    const name = option.namespace === null ? option.name : '';
    const fixed = FIXED[name];
    if (fixed !== undefined) {
      if (onOff(d, option) !== (fixed === 'on')) throw refused(d, option);
    } else if (name === 'online') settings.isOnline = onOff(d, option);
    else if (name === 'fillfactor') settings.fillFactor = fillFactor(d, option);
    else if (name === 'allow_page_locks') settings.pageLocks = onOff(d, option);
    else if (name === 'data_compression') {
      if (option.value?.text.toLowerCase() !== 'none') throw refused(d, option);
    } else if (name === 'max_duration') {
      throw d.error('invalid_parameter_value', 'MAX_DURATION needs RESUMABLE = ON', option.at, {
        detail: 'Msg 11431.',
      });
    } else if (WITHOUT_EFFECT.has(name)) d.sql.tell(`${name.toUpperCase()} has no effect`);
    else {
      throw d.error(
        'invalid_parameter_value',
        `"${option.name}" is not a recognized ALTER INDEX REBUILD option`,
        option.at,
        { detail: 'Msg 155.' },
      );
    }
  }
  return settings;
}

function refused(d: Definer, option: Option): Error {
  const what = `${option.name.toUpperCase()} = ${(option.value?.text ?? '').toUpperCase()}`;
  return d.error('feature_not_supported', `${what} is not supported`, option.value?.at ?? option.at);
}

function fillFactor(d: Definer, option: Option): Option {
  const percent = Number(option.value?.text ?? '');
  if (Number.isInteger(percent) && percent >= FILL_FACTOR.min && percent <= FILL_FACTOR.max) return option;
  throw d.error('invalid_parameter_value', 'FILLFACTOR is a percentage from 1 to 100', option.value?.at ?? option.at, {
    detail: 'Msg 129.',
  });
}

/** Keeps what the options say in the catalog, before the new tree is made by it. */
function* store(d: Definer, index: IndexObject, { fillFactor, pageLocks }: RebuildSettings): Task<void> {
  if (fillFactor === undefined && pageLocks === undefined) return;
  const { pageLocks: before, ...rest } = index;
  const keepsAway = pageLocks === undefined ? before === false : !pageLocks;
  const options = fillFactor === undefined ? index.options : d.storageOptions([fillFactor], 'index', index.options);
  yield* d.put({ ...rest, options, ...(keepsAway ? { pageLocks: false } : {}), version: index.version + 1 });
  const table = d.catalog.table(index.table);
  if (isClustered(table, index)) {
    primarySpaceOptions(d, table.options, primaryOptions(d, table), []);
    yield* changeTableSpace(d, table);
  }
  yield* d.putTable(table);
}
