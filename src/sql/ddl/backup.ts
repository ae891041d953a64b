/**
 * `BACKUP DATABASE name TO DISK = 'path' [WITH COPY_ONLY | CHECKSUM | STOP_ON_ERROR | NO_COMPRESSION | STATS [= percent], …]`.
 *
 * The path is the server's. What the options ask for is what always happens (a backup is a copy, checksums are verified, a damaged
 * page ends it, nothing is compressed), but for STATS, which tells of each so many percent. Everything else is refused.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { BACKUP_COMMAND, type BackupReport } from '../../engine/backups.ts';
import type { Database } from '../../engine/database.ts';
import type { BackupStatement, Option } from '../ast/definitions.ts';
import type { Definer } from './definer.ts';

/** What STATS without a number means in SQL Server. */
const STATS_PERCENT = 10;
/** Options that say what happens anyway. */
const ALWAYS: readonly string[] = ['copy_only', 'checksum', 'stop_on_error', 'no_compression'];
/** Absolute on some system: `/…`, `C:\…`, `\\server\…`. */
const ABSOLUTE = /^(?:\/|[A-Za-z]:[\\/]|\\\\)/;

/** @throws 42501, 42602 for a relative path, 22023, 0A000, 58P01, 58P02, 53100, XX001, 57014 */
export function* backupDatabase(d: Definer, s: BackupStatement, database: Database): Task<void> {
  const stats = readOptions(d, s.options);
  if (!ABSOLUTE.test(s.path.text))
    throw d.error('invalid_name', 'relative path not allowed for BACKUP DATABASE', s.path.at);
  let told = 0;
  const report = yield* database.backups.run({
    target: s.path.text,
    owner: d.engine.processId,
    onProgress: ({ percent }) => {
      const reached = stats === 0 ? 0 : Math.floor(percent / stats) * stats;
      if (reached <= told) return;
      told = reached;
      d.sql.tell(`${reached} percent processed.`);
    },
  });
  tellReport(d, s, database, report);
}

function tellReport(d: Definer, s: BackupStatement, { name }: Database, { bytes, logBytes, lsn }: BackupReport): void {
  d.sql.tell(`database "${name}" was backed up to "${s.path.text}": ${bytes} bytes`, {
    detail: `It is as of log position ${lsn}; ${logBytes} bytes of log were replayed.`,
  });
}

/** @returns the percent of STATS; 0 without. @throws 22023, 0A000 */
function readOptions(d: Definer, options: readonly Option[]): number {
  let stats = 0;
  for (const { namespace, name, value, at } of options) {
    if (namespace === null && name === 'stats') {
      stats = value === null ? STATS_PERCENT : Number(value.text);
      if (!Number.isInteger(stats) || stats < 1 || stats > 100)
        throw d.error('invalid_parameter_value', 'STATS is a percentage from 1 to 100', value?.at ?? at, {
          detail: 'Msg 153.',
        });
    } else if (namespace !== null || !ALWAYS.includes(name))
      throw d.unsupported(`BACKUP DATABASE WITH ${name.toUpperCase()}`, at);
    else if (value !== null)
      throw d.error('invalid_parameter_value', `${name.toUpperCase()} takes no value`, value.at, {
        detail: 'Msg 153.',
      });
  }
  return stats;
}

/** Files of the server are the business of those who run it. @throws 42501 */
export function requireSuperuser(d: Definer): void {
  for (const o of d.catalog.objects())
    if (o.kind === 'role' && o.name === d.sql.user && !o.superuser)
      throw fail('insufficient_privilege', `must be superuser to run ${BACKUP_COMMAND}`);
}
