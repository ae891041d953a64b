/**
 * Where `extentdb space` and `extentdb map` get their rows.
 *
 *   nobody has the file open ──> it is opened (after a crash: recovered) and asked here
 *   in use ──> its owner is asked, at the socket that the lock names; the file itself is not read
 *   in use, and nobody answers ──> 55006
 */
import { SystemClock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import { answeringHolder } from '../io/lock-file.ts';
import { ask, type TextRows } from '../server/text-client.ts';
import { hostOptions } from './host.ts';
import { LocalSession, OWNER } from './local-session.ts';
import { RowsSink } from './rows-sink.ts';

/** A process that has just opened the file names its socket a moment later; one that closes it, is gone a moment later. */
const HOLDER_WAIT_MS = 1000;
const ROUNDS_MAX = 5;
/** A walk over a large file takes its time. */
const PATIENCE_MS = 120_000;

/** A row by its columns' names; what looks like a number in a column of numbers is one. */
export type SpaceRow = Readonly<Record<string, string | number | null>>;

export interface SpaceAnswer {
  /** Process that has the file open; undefined = nobody had. */
  readonly owner: number | undefined;
  /** The rows of each statement. */
  readonly results: readonly SpaceRow[][];
}

/**
 * Runs queries on a database file, whoever has it open.
 *
 * @param patienceMs - so long an owner may say nothing.
 * @throws 58P01, 55006
 */
export async function askAboutFile(path: string, text: string, patienceMs = PATIENCE_MS): Promise<SpaceAnswer> {
  for (let round = 1; ; round++) {
    try {
      return { owner: undefined, results: (await askHere(path, text)).map(namedRows) };
    } catch (error) {
      if (!(error instanceof ExtentError && error.code === 'object_in_use')) throw error;
      const answer = await askOwner(path, text, patienceMs);
      if (typeof answer === 'object') return answer;
      if (answer === 'gone' && round < ROUNDS_MAX) continue;
      throw fail('object_in_use', error.message, {
        hint: 'It answers no questions about the file: it runs another command, or its system has no local sockets.',
      });
    }
  }
}

async function askHere(path: string, text: string): Promise<TextRows[]> {
  // Space is looked at, not given back.
  const options = hostOptions(new SystemClock(), undefined, 'off');
  if (!options.vfs.exists(path)) throw fail('undefined_file', `there is no file "${path}"`);
  const session = await LocalSession.open(path, () => {}, options);
  try {
    return await textRows(session, text);
  } finally {
    await session.close();
  }
}

async function textRows(session: LocalSession, text: string): Promise<TextRows[]> {
  const sink = new RowsSink();
  const error = await session.run(text, sink);
  if (error !== undefined) throw error;
  return sink.results.map(({ columns, rows }) => ({ columns: columns.map((c) => c.name), rows }));
}

/** As {@link askAboutFile}, of a session that stays open. */
export async function askSession(session: LocalSession, text: string): Promise<SpaceRow[][]> {
  return (await textRows(session, text)).map(namedRows);
}

/** Asks whoever has the file open, who may be closing it just now, or say nowhere where it answers. */
async function askOwner(path: string, text: string, patienceMs: number): Promise<SpaceAnswer | 'gone' | 'silent'> {
  const holder = await answeringHolder(path, HOLDER_WAIT_MS);
  if (holder === undefined) return 'gone';
  const { socket, database, pid } = holder;
  if (socket === undefined) return 'silent';
  try {
    const results = await ask({ socket, database, user: OWNER, text, patienceMs }, new SystemClock());
    return { owner: pid, results: results.map(namedRows) };
  } catch (error) {
    if (isGone(error)) return 'gone';
    throw error;
  }
}

/** Nobody listens any more, or the database is being closed. */
function isGone(error: unknown): boolean {
  if (error instanceof ExtentError) return error.code === 'admin_shutdown' || error.code === 'cannot_connect_now';
  return (
    error instanceof Error && 'code' in error && ['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(String(error.code))
  );
}

/** Columns of the views of space, and of those of the online task, that hold texts. */
const TEXTS: ReadonlySet<string> = new Set([
  ...['database', 'object', 'kind', 'hints', 'space', 'state'],
  ...['mode', 'phase', 'status', 'errormessage', 'extendedinfo', 'message', 'sqlstate'],
]);

function namedRows({ columns, rows }: TextRows): SpaceRow[] {
  return rows.map((row) =>
    Object.fromEntries(
      columns.map((name, i) => {
        const value = row[i] ?? null;
        return [name, value === null || TEXTS.has(name) ? value : Number(value)];
      }),
    ),
  );
}

/** A number of a row. */
export function count(row: SpaceRow, column: string): number {
  return Number(row[column] ?? 0);
}

/** A text of a row; empty when there is none. */
export function label(row: SpaceRow, column: string): string {
  return String(row[column] ?? '');
}
