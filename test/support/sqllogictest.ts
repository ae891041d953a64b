/**
 * Runs sqllogictest scripts (SQLite's format) against a session, as PostgreSQL's records say (`skipif postgresql`).
 *
 * I is shown as an integer, R with three decimals, NULL as NULL, an empty text as (empty), unprintable characters as @.
 * Long results are compared by the MD5 of their values, each followed by a newline.
 */
import { createHash } from 'node:crypto';
import type { TestSession } from './in-process.ts';

export interface LogicResult {
  readonly records: number;
  readonly failures: { readonly line: number; readonly sql: string; readonly why: string }[];
}

interface Record {
  readonly line: number;
  readonly head: string[];
  readonly sql: string;
  readonly expected: string[];
}

/** Records that apply to PostgreSQL, in order. */
function* parse(text: string): Generator<Record> {
  const lines = text.split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    let applies = true;
    while (i < lines.length && /^(skipif|onlyif)\b/.test(lines[i]!)) {
      const [word, name] = lines[i]!.split(/\s+/);
      if ((word === 'skipif') === (name === 'postgresql')) applies = false;
      i++;
    }
    const head = (lines[i] ?? '').replace(/#.*$/, '').trim().split(/\s+/);
    if (head[0] === 'halt' && applies) return;
    if (head[0] !== 'statement' && head[0] !== 'query') continue;
    const line = i + 1;
    const sql: string[] = [];
    const expected: string[] = [];
    for (i++; i < lines.length && lines[i] !== '' && lines[i] !== '----'; i++) sql.push(lines[i]!);
    if (lines[i] === '----') for (i++; i < lines.length && lines[i] !== ''; i++) expected.push(lines[i]!);
    if (applies) yield { line, head, sql: sql.join('\n'), expected };
  }
}

function shown(value: string | null, type: string): string {
  if (value === null) return 'NULL';
  if (type === 'I') {
    const n = Number(value);
    return value === 't' ? '1' : value === 'f' ? '0' : Number.isNaN(n) ? '0' : String(Math.trunc(n));
  }
  if (type === 'R') return Number(value).toFixed(3);
  if (value === '') return '(empty)';
  return value.replace(/[^\x20-\x7e]/g, '@');
}

function matches(record: Record, rows: (string | null)[][]): string | undefined {
  const types = record.head[1] ?? '';
  const mode = record.head[2] ?? 'nosort';
  const table = rows.map((row) => row.map((v, i) => shown(v, types[i] ?? 'T')));
  if (mode === 'rowsort')
    table.sort((a, b) => (a.join('\n') < b.join('\n') ? -1 : a.join('\n') > b.join('\n') ? 1 : 0));
  const values = table.flat();
  if (mode === 'valuesort') values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const hashed = /^(\d+) values hashing to ([0-9a-f]{32})$/.exec(record.expected[0] ?? '');
  if (hashed !== null) {
    const md5 = createHash('md5')
      .update(values.map((v) => `${v}\n`).join(''))
      .digest('hex');
    return values.length === Number(hashed[1]) && md5 === hashed[2]
      ? undefined
      : `${values.length} values hash to ${md5}`;
  }
  return values.join('\n') === record.expected.join('\n')
    ? undefined
    : `got ${values.slice(0, 12).join(' ')}, expected ${record.expected.slice(0, 12).join(' ')}`;
}

/** @param skip - line numbers that PostgreSQL itself fails. */
export async function runLogicTest(
  session: TestSession,
  text: string,
  skip: ReadonlySet<number>,
): Promise<LogicResult> {
  const failures: LogicResult['failures'] = [];
  let records = 0;
  for (const record of parse(text)) {
    if (skip.has(record.line)) {
      await session.run(record.sql).catch(() => undefined);
      continue;
    }
    records++;
    const wantsError = record.head[0] === 'statement' && record.head[1] === 'error';
    try {
      const outcomes = await session.run(record.sql);
      if (wantsError) failures.push({ line: record.line, sql: record.sql, why: 'no error' });
      else if (record.head[0] === 'query') {
        const why = matches(record, outcomes[outcomes.length - 1]?.rows ?? []);
        if (why !== undefined) failures.push({ line: record.line, sql: record.sql, why });
      }
    } catch (error) {
      if (!wantsError)
        failures.push({
          line: record.line,
          sql: record.sql,
          why: String((error as Error).stack ?? error).slice(0, 400),
        });
    }
  }
  return { records, failures };
}
