/**
 * What happens to the disk when most of a table goes: ExtentDB beside SQLite and PostgreSQL, the same rows, in one run.
 *
 *   npm run bench:space -- [--patterns "oldest first,all but each tenth,random"]
 *
 * 200,000 rows with a secondary index and long values; 90 % are deleted; then each rival's ways of giving space back, one after
 * the other. A row says after each part: bytes on disk, length of the file (of all files for PostgreSQL), time, and the most
 * disk that the part took beyond what was there before it. Logs are counted apart. Every figure goes to bench/results/.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { postgresPrograms, startPostgres } from '../compare/servers.ts';
import { PATTERNS } from './rows.ts';

const POLL_MS = 5;

const { values } = parseArgs({ options: { patterns: { type: 'string', default: Object.keys(PATTERNS).join(',') } } });

interface Disk {
  readonly data: number;
  readonly length: number;
  readonly log: number;
}

interface Part {
  readonly rival: string;
  readonly pattern: string;
  readonly name: string;
  readonly ms: number;
  readonly disk: Disk;
  /** Most bytes of data and temporary files during the part, less those at its beginning. */
  readonly peakExtra: number;
}

/** Adds up a folder; files for which `isLog` holds count as log. Files that vanish meanwhile count no more. */
function measure(directory: string, isLog: (path: string) => boolean): Disk {
  let data = 0;
  let length = 0;
  let log = 0;
  const visit = (folder: string): void => {
    // A folder may go while it is read: the log's does when the database is closed.
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else {
        const facts = statSync(path, { throwIfNoEntry: false });
        if (facts === undefined) continue;
        if (isLog(path)) log += facts.blocks * 512;
        else {
          data += facts.blocks * 512;
          length += facts.size;
        }
      }
    }
  };
  visit(directory);
  return { data, length, log };
}

/** Runs a rival through all its parts. */
async function run(
  rival: string,
  pattern: string,
  place: string,
  directory: string,
  isLog: (path: string) => boolean,
): Promise<Part[]> {
  const script = new URL('./rival.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, rival, pattern, place], { stdio: ['pipe', 'pipe', 'inherit'] });
  const parts: Part[] = [];
  let before: Disk = { data: 0, length: 0, log: 0 };
  let peak = 0;
  const poll = setInterval(() => {
    peak = Math.max(peak, measure(directory, isLog).data);
  }, POLL_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const told: { begin?: string; end?: string; ms?: number } = JSON.parse(line);
      const disk = measure(directory, isLog);
      if (told.begin !== undefined) {
        before = disk;
        peak = disk.data;
      } else {
        peak = Math.max(peak, disk.data);
        parts.push({
          rival,
          pattern,
          name: told.end ?? '',
          ms: told.ms ?? 0,
          disk,
          peakExtra: Math.max(0, peak - before.data),
        });
      }
      child.stdin.write('\n');
    }
  } finally {
    clearInterval(poll);
  }
  return parts;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function table(parts: readonly Part[]): string {
  const lines = [
    '| deleted | rival | after | on disk MiB | length MiB | log MiB | time ms | peak extra MiB |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const p of parts) {
    const { data, length, log } = p.disk;
    const sizes = [data, length, log].map(mebibytes).join(' | ');
    lines.push(
      `| ${p.pattern} | ${p.rival} | ${p.name} | ${sizes} | ${Math.round(p.ms)} | ${mebibytes(p.peakExtra)} |`,
    );
  }
  return lines.join('\n');
}

const parts: Part[] = [];
const programs = postgresPrograms();
if (programs === undefined) process.stdout.write('PostgreSQL 15 is not installed: its rows are left out.\n');
for (const pattern of values.patterns.split(',')) {
  for (const rival of ['ExtentDB', 'SQLite', 'SQLite, incremental']) {
    const directory = mkdtempSync(join(tmpdir(), 'space-'));
    const found = await run(
      rival,
      pattern,
      directory,
      directory,
      (path) => path.includes('-log/') || /-(wal|shm|journal)$/.test(path),
    );
    parts.push(...found);
    rmSync(directory, { recursive: true, force: true });
  }
  if (programs !== undefined) {
    const server = await startPostgres(programs);
    const data = join(server.directory, 'data');
    parts.push(...(await run('PostgreSQL', pattern, String(server.port), data, (path) => path.includes('/pg_wal/'))));
    await server.stop();
  }
}
const text = table(parts);
process.stdout.write(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? ''}, Node ${process.version}\n\n${text}\n`,
);
mkdirSync('bench/results', { recursive: true });
writeFileSync(`bench/results/space-${new Date().toISOString()}.json`, `${JSON.stringify(parts, null, 2)}\n`);
