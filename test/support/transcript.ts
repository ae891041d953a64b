/**
 * Transcripts: what several sessions see of a script, as text that can be compared with PostgreSQL's.
 *
 *     ## title of a scenario             a scenario begins with an empty database
 *     select 1;                          a step ends with a semicolon at a line's end; it is session s1's …
 *     s2: update t set a = 2;            … unless it names another
 *     s2!: lock table t;                 `!` = the step waits and ends by itself (a timeout)
 *
 * Transcript of a step: the step, then indented its notices, columns, rows (`∅` = NULL), tag or error. A step that waits for
 * a lock says so; what it gives later stands, with its session's name, below the step that let it go on.
 */
import { readFileSync } from 'node:fs';

/** What a session tells about one statement, in lines. */
export type Lines = readonly string[];

/** A server under test. Sessions are made when they are first named. */
export interface Subject {
  /** Starts a statement. */
  start(session: string, sql: string): Promise<Lines>;
  /** Resolves when every started statement has ended or waits for a lock; when `ending` is given, that one has ended. */
  settled(ending: Promise<Lines> | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface Step {
  readonly session: string;
  readonly sql: string;
  readonly endsByItself: boolean;
}

export interface Scenario {
  readonly title: string;
  readonly steps: readonly Step[];
}

const STEP = /^(s\d)(!?): /;

/** Takes a script apart. */
export function scenarios(script: string): Scenario[] {
  return script
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const steps = part
        .slice(end + 1)
        .split(/;[ \t]*$/m)
        .map((s) => s.trim())
        .filter((s) => s !== '')
        .map((text) => {
          const named = STEP.exec(text);
          return {
            session: named?.[1] ?? 's1',
            sql: text.slice(named?.[0].length ?? 0),
            endsByItself: named?.[2] === '!',
          };
        });
      return { title: part.slice(0, end).trim(), steps };
    });
}

/** Runs a scenario and writes down what is seen. */
export async function transcript(scenario: Scenario, subject: Subject): Promise<string> {
  const lines: string[] = [];
  const waiting = new Map<string, { lines: Lines | undefined }>();
  const write = (texts: Lines, session?: string): void => {
    if (session !== undefined) lines.push(`  ${session} goes on:`);
    for (const text of texts) lines.push(`  ${session === undefined ? '' : '  '}${text}`);
  };
  for (const step of scenario.steps) {
    lines.push(`${step.session}: ${step.sql};`);
    const outcome: { lines: Lines | undefined } = { lines: undefined };
    const ended = subject.start(step.session, step.sql).then((text) => {
      outcome.lines = text;
      return text;
    });
    await subject.settled(step.endsByItself ? ended : undefined);
    if (outcome.lines === undefined) {
      lines.push('  waits');
      waiting.set(step.session, outcome);
    } else write(outcome.lines);
    for (const [session, earlier] of [...waiting].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (earlier.lines === undefined || earlier === outcome) continue;
      write(earlier.lines, session);
      waiting.delete(session);
    }
  }
  await subject.close();
  return `${lines.join('\n')}\n`;
}

/** A script's scenarios, each with the transcript that was recorded from PostgreSQL. */
export function recordedScenarios(name: string): { title: string; scenario: Scenario; expected: string }[] {
  const read = (end: string): string =>
    readFileSync(new URL(`../sql/transcripts/${name}.${end}`, import.meta.url), 'utf8');
  const expected = new Map(
    read('expected')
      .split(/^## /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()]),
  );
  return scenarios(read('sql')).map((scenario) => ({
    title: scenario.title,
    scenario,
    expected: expected.get(scenario.title) ?? '',
  }));
}

/** The facts of an error or notice that clients see. */
export interface Report {
  readonly severity: string;
  readonly sqlstate: string | undefined;
  readonly message: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly position?: number | string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
}

/** Lines of an error or notice. Of a deadlock only the message: process numbers differ, and where it was found. */
export function reportLines(report: Report): string[] {
  const lines = [`${report.severity} ${report.sqlstate}: ${report.message}`];
  for (const key of ['detail', 'hint', 'position', 'table', 'column', 'constraint'] as const) {
    if (report.sqlstate === '40P01') continue;
    const value = report[key];
    if (value !== undefined && value !== '') lines.push(`  ${key}: ${value}`);
  }
  return lines;
}

/** Lines of a result. */
export function resultLines(
  columns: readonly { readonly name: string; readonly type: number }[],
  rows: readonly (readonly (string | null)[])[],
  tag: string,
): string[] {
  return [
    ...(columns.length > 0 ? [columns.map((c) => `${c.name}:${c.type}`).join('|')] : []),
    ...rows.map((row) => `> ${row.map((v) => v ?? '∅').join('|')}`),
    tag,
  ];
}
