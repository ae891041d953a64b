/**
 * `ALTER DATABASE name SET | RESET …` and `ALTER SYSTEM SET | RESET …`, for the settings that a database keeps in its file.
 *
 *   extentdb.online_defragmentation   on, space_trees, off (JET_paramEnableOnlineDefrag)
 *
 * They hold at once, for all sessions, and are durable. ALTER SYSTEM gives them to all databases that the server has now.
 */
import type { Task } from '../../base/task.ts';
import type { Database } from '../../engine/database.ts';
import type { DefragmentMode } from '../../engine/defragmentation.ts';
import type { AlterDatabaseStatement } from '../ast/definitions.ts';
import type { Definer } from './definer.ts';

export const ONLINE_DEFRAGMENTATION = 'extentdb.online_defragmentation';

const MODES: Readonly<Record<string, DefragmentMode>> = {
  on: 'all',
  true: 'all',
  all: 'all',
  space_trees: 'space trees',
  off: 'off',
  false: 'off',
};

/** As SHOW prints it. */
export function shownMode(mode: DefragmentMode): string {
  return mode === 'all' ? 'on' : mode === 'space trees' ? 'space_trees' : 'off';
}

/** The setting that the statement changes, if it is one of those; undefined for all others. */
export function databaseSetting(s: AlterDatabaseStatement): AlterDatabaseStatement['setting'] | undefined {
  return s.setting?.name === ONLINE_DEFRAGMENTATION ? s.setting : undefined;
}

/** @param databases - those that get it. @throws 22023 */
export function* alterDatabaseSetting(
  d: Definer,
  s: AlterDatabaseStatement,
  databases: readonly Database[],
): Task<void> {
  const value = s.setting?.value;
  let mode: DefragmentMode | undefined;
  if (value !== null && value !== undefined) {
    const [written, ...more] = value;
    const word = written?.text.toLowerCase() ?? '';
    mode = Object.hasOwn(MODES, word) && more.length === 0 ? MODES[word] : undefined;
    if (mode === undefined) {
      throw d.error(
        'invalid_parameter_value',
        `invalid value for parameter "${ONLINE_DEFRAGMENTATION}": "${written?.text ?? ''}"`,
        written?.at,
        { hint: 'Available values: on, space_trees, off.' },
      );
    }
  }
  for (const database of databases) yield* database.setOnlineDefragmentation(mode);
}
