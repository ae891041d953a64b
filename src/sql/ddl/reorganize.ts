/**
 * `ALTER INDEX { name | ALL } ON table REORGANIZE [PARTITION = n | ALL] [WITH (LOB_COMPACTION = ON | OFF, …)]`, and the shorter
 * `ALTER INDEX name REORGANIZE` and `ALTER TABLE name REORGANIZE` (everything of a table, its rows without primary key too).
 *
 * It runs beside all other work and holds no lock between its steps. Inside a transaction block it warns, takes the table for
 * itself until the transaction ends, and a rollback does not put pages back. Messages name SQL Server's number in the detail.
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { WorkTarget } from '../../engine/maintenance.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { Option, ReorganizeStatement, SetIndexOptionsStatement } from '../ast/definitions.ts';
import { leavesOf, partOf } from '../partitions/bounds.ts';
import type { Definer } from './definer.ts';
import { disabledError } from './disabled-index.ts';
import { reorganizeOne } from './reorganize-run.ts';

interface ReorganizeSettings {
  lobCompaction: boolean;
  durationMs: number | undefined;
  pagesMax: number | undefined;
  dryRun: boolean;
  verbose: boolean;
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 60_000, min: 60_000, minutes: 60_000, h: 3_600_000 };

/** @throws 42P01, 42704, 42809, 22023, 55000, 55006, 57014 */
export function* reorganize(d: Definer, s: ReorganizeStatement): Task<void> {
  const settings = readOptions(d, s.options);
  const { table, targets } = chooseTargets(d, s);
  if (settings.dryRun && settings.durationMs !== undefined)
    d.sql.tell('MAX_DURATION has no effect on a dry run: a plan knows no pace');
  if (!settings.dryRun) yield* beginRun(d, table, targets);
  const { maintenance } = d.engine.database;
  const began = maintenance.nowMs();
  for (const [done, target] of targets.entries()) {
    const left = settings.durationMs === undefined ? undefined : settings.durationMs - (maintenance.nowMs() - began);
    const owner = d.catalog.table(target.table);
    yield* reorganizeOne(d, owner, target, {
      ...settings,
      durationMs: left === undefined ? undefined : Math.max(0, left),
      command: 'ALTER INDEX REORGANIZE',
      treesTotal: targets.length,
      treesDone: done,
    });
  }
}

/** What a statement is about, if that can be reorganized at all. @throws 42P01, 42704, 42809, 55000 */
export function chooseTargets(d: Definer, s: ReorganizeStatement): { table: TableObject; targets: WorkTarget[] } {
  const table = tableOf(d, s);
  const targets = partitionTargets(d, s, table) ?? targetsOf(d, s, table);
  if (table.partitioning === undefined) refusePartition(d, s, table, targets);
  refuseDisabled(d, s, targets);
  refuseLocked(d, s, targets);
  return { table, targets };
}

/** Before the first step: nobody else may be at work on one of them; a transaction block keeps the table. @throws 55006 */
export function* beginRun(d: Definer, table: TableObject, targets: readonly WorkTarget[]): Task<void> {
  for (const target of targets) d.engine.database.maintenance.requireFree(target);
  if (d.sql.block.state !== 'block') return;
  d.sql.warn('REORGANIZE inside a transaction block keeps the table locked until the transaction ends');
  yield* d.lock(table.oid, TABLE_ACCESS_EXCLUSIVE);
}

/** `ALTER INDEX { name | ALL } ON table SET (ALLOW_PAGE_LOCKS = ON | OFF, ALLOW_ROW_LOCKS = ON)`. @throws 22023, 0A000 */
export function* setIndexOptions(d: Definer, s: SetIndexOptionsStatement): Task<void> {
  const table = tableOf(d, s);
  const whole = { at: s.at, index: s.index, wholeTable: false, partition: null };
  const targets = [...targetsOf(d, whole, table), ...(partitionTargets(d, whole, table) ?? [])];
  yield* d.lock(table.oid, TABLE_SHARE_UPDATE_EXCLUSIVE);
  for (const option of s.options) {
    const isOn = onOff(d, option);
    if (option.namespace === null && option.name === 'allow_row_locks') {
      if (!isOn) throw d.unsupported('ALLOW_ROW_LOCKS = OFF', option.at);
    } else if (option.namespace === null && option.name === 'allow_page_locks') {
      for (const target of targets) {
        const index = d.catalog.object(target.index);
        if (index?.kind !== 'index') continue;
        const { pageLocks: _, ...rest } = index;
        const next = isOn ? rest : { ...rest, pageLocks: false as const };
        yield* d.put({ ...next, version: index.version + 1 });
      }
    } else {
      throw d.error(
        'invalid_parameter_value',
        `"${option.name}" is not a recognized ALTER INDEX SET option`,
        option.at,
        {
          detail: 'Msg 155. Options are ALLOW_PAGE_LOCKS and ALLOW_ROW_LOCKS.',
          hint: 'ALTER INDEX name SET (…) without ON takes storage options.',
        },
      );
    }
  }
  yield* d.putTable(d.catalog.table(table.oid));
}

// ── options ──

function readOptions(d: Definer, options: readonly Option[]): ReorganizeSettings {
  const settings: ReorganizeSettings = {
    lobCompaction: true,
    durationMs: undefined,
    pagesMax: undefined,
    dryRun: false,
    verbose: false,
  };
  for (const option of options) {
    switch (option.namespace === null ? option.name : '') {
      case 'lob_compaction':
        settings.lobCompaction = onOff(d, option);
        break;
      case 'compress_all_row_groups':
        onOff(d, option);
        d.sql.tell('COMPRESS_ALL_ROW_GROUPS has no effect: rows are not stored by column');
        break;
      case 'verbose':
        settings.verbose = option.value === null || onOff(d, option);
        break;
      case 'dry_run':
        settings.dryRun = option.value === null || onOff(d, option);
        break;
      case 'max_duration':
        settings.durationMs = duration(d, option);
        break;
      case 'max_pages':
        settings.pagesMax = positive(d, option);
        break;
      default:
        throw d.error(
          'invalid_parameter_value',
          `"${option.name}" is not a recognized ALTER INDEX REORGANIZE option`,
          option.at,
          { detail: 'Msg 155. Options are LOB_COMPACTION, MAX_DURATION, MAX_PAGES, DRY_RUN and VERBOSE.' },
        );
    }
  }
  return settings;
}

/** ON or OFF. @throws 22023 */
export function onOff(d: Definer, option: Option): boolean {
  const text = option.value?.kind === 'word' ? option.value.text : '';
  if (text === 'on' || text === 'off') return text === 'on';
  throw d.error('invalid_parameter_value', `${option.name.toUpperCase()} is ON or OFF`, option.value?.at ?? option.at, {
    detail: 'Msg 153.',
  });
}

/** Minutes, as SQL Server counts MAX_DURATION, unless a unit is written. */
function duration(d: Definer, option: Option): number {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|min|minutes|h|)$/i.exec(option.value?.text ?? '');
  const unit = match === null ? undefined : MS[match[2]!.toLowerCase()];
  if (match !== null && unit !== undefined) return Number(match[1]) * unit;
  throw d.error(
    'invalid_parameter_value',
    'MAX_DURATION is a number of minutes, or has a unit: ms, s, min, h',
    option.at,
  );
}

function positive(d: Definer, option: Option): number {
  const value = Number(option.value?.text ?? '');
  if (Number.isInteger(value) && value > 0) return value;
  throw d.error('invalid_parameter_value', `${option.name.toUpperCase()} is a positive number of pages`, option.at);
}

// ── targets ──

/** The table that a statement on indexes names, or whose index it names. @throws 42P01, 42704, 42809 */
export function tableOf(d: Definer, s: Pick<ReorganizeStatement, 'at' | 'index' | 'table'>): TableObject {
  if (s.table !== null) {
    const found = d.findRelation(s.table);
    if (found === undefined) {
      throw d.error('undefined_table', `relation "${d.shown(s.table)}" does not exist`, s.table.at, {
        detail: 'Msg 1088.',
      });
    }
    return d.table(s.table);
  }
  const { index } = s;
  const found = index === null ? undefined : d.findRelation(index);
  if (index === null || found === undefined)
    throw d.error('undefined_object', `index "${index === null ? '' : d.shown(index)}" does not exist`, s.at);
  if (found.kind !== 'index') throw d.error('wrong_object_type', `"${found.name}" is not an index`, index.at);
  return d.catalog.table(found.table);
}

function targetsOf(d: Definer, s: Pick<ReorganizeStatement, 'index' | 'wholeTable'>, table: TableObject): WorkTarget[] {
  const indexes = d.catalog.indexesOf(table.oid);
  const owner = d.engine.processId;
  const target = (index: IndexObject): WorkTarget => ({
    tree: index.oid === table.primaryIndex ? table.tree : index.tree,
    table: table.oid,
    index: index.oid,
    name: index.name,
    owner,
  });
  if (s.index !== null) {
    const name = s.index.name;
    const index = indexes.find((i) => i.name === name);
    if (index === undefined) {
      throw d.error('undefined_object', `index "${name}" for table "${table.name}" does not exist`, s.index.at, {
        detail: 'Msg 2727.',
      });
    }
    return [target(index)];
  }
  const clustered = indexes.filter((i) => i.oid === table.primaryIndex);
  // ALL steps over what is disabled.
  const others = indexes.filter((i) => i.oid !== table.primaryIndex && i.disabled !== true);
  const targets = [...clustered, ...others].map(target);
  // The rows of a table without primary key belong to no index; ALTER TABLE means them too.
  if (s.wholeTable && clustered.length === 0)
    targets.unshift({ tree: table.tree, table: table.oid, index: 0, name: table.name, owner });
  return targets;
}

/** The trees of a partitioned table's chosen partitions; undefined for a table that is not partitioned. */
function partitionTargets(
  d: Definer,
  s: Pick<ReorganizeStatement, 'at' | 'index' | 'partition' | 'wholeTable'>,
  table: TableObject,
): WorkTarget[] | undefined {
  if (table.partitioning === undefined) return undefined;
  const index = s.index === null ? undefined : d.catalog.object(targetsOf(d, s, table)[0]?.index ?? 0);
  return chosenPartitions(d, table, s.partition).flatMap((leaf) => {
    if (index?.kind !== 'index') return targetsOf(d, { index: null, wholeTable: s.wholeTable }, leaf);
    const part = partOf(d.catalog, leaf, index);
    if (part === undefined) return [];
    return targetsOf(d, { index: { catalog: null, schema: null, name: part.name, at: s.at }, wholeTable: false }, leaf);
  });
}

/** The tables behind `PARTITION = n`, or all of them, in the order of their numbers. @throws 22023 */
export function chosenPartitions(
  d: Definer,
  table: TableObject,
  chosen: ReorganizeStatement['partition'],
): readonly TableObject[] {
  const leaves = leavesOf(d.catalog, table);
  if (chosen === null) return leaves;
  const leaf = leaves[chosen.number - 1];
  if (leaf !== undefined) return [leaf];
  throw d.error('invalid_parameter_value', `partition ${chosen.number} of "${table.name}" does not exist`, chosen.at, {
    detail: `Msg 7730. It has partitions 1 to ${leaves.length}.`,
  });
}

function refusePartition(d: Definer, s: ReorganizeStatement, table: TableObject, targets: readonly WorkTarget[]): void {
  if (s.partition === null) return;
  const name = targets[0]?.name ?? table.name;
  throw d.error('wrong_object_type', `"${name}" is not partitioned`, s.partition.at, {
    detail: s.index === null ? 'Msg 7735.' : 'Msg 7729.',
  });
}

function refuseDisabled(d: Definer, s: ReorganizeStatement, targets: readonly WorkTarget[]): void {
  for (const target of targets) {
    const index = d.catalog.object(target.index);
    if (index?.kind === 'index' && index.disabled === true) throw disabledError(d, index, s.at);
  }
}

/** An index whose pages must not be locked cannot be reorganized; then ALL does nothing either. */
function refuseLocked(d: Definer, s: ReorganizeStatement, targets: readonly WorkTarget[]): void {
  for (const target of targets) {
    const index = d.catalog.object(target.index);
    if (index?.kind !== 'index' || index.pageLocks !== false) continue;
    throw d.error(
      'object_not_in_prerequisite_state',
      `index "${index.name}" cannot be reorganized: page locks are off`,
      s.at,
      {
        detail: 'Msg 2552.',
        hint: `ALTER INDEX ${index.name} SET (ALLOW_PAGE_LOCKS = ON)`,
      },
    );
  }
}
