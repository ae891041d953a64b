/**
 * ExtentDB beside PostgreSQL: the same statements in both, over the same protocol, in the text form of every value.
 *
 *   Course ── case ──> step ──┬─> ExtentDB, in this process, on a disk in memory
 *                             └─> PostgreSQL 15, in a database `answers` that is made anew
 *
 * A case's verdict is that of its first step that is not equal; the rest runs all the same, so that transactions end.
 */
import pg from 'pg';
import { type Served, serve } from '../server/support.ts';
import { type Answer, described, judged, type Verdict, written } from './comparison.ts';
import { type Case, type Step, setup } from './course.ts';

const DATABASE = 'answers';
const STATEMENT_TIMEOUT = '5s';

const asText = { getTypeParser: () => (text: string | Buffer) => text.toString() };

export interface Finding {
  readonly verdict: Verdict;
  /** What both answered and to what; empty when they agree. */
  readonly lines: readonly string[];
}

export class Beside {
  #served: Served;
  #ours: pg.Client;
  readonly #theirs: pg.Client;
  #statements = 0;

  private constructor(served: Served, ours: pg.Client, theirs: pg.Client) {
    this.#served = served;
    this.#ours = ours;
    this.#theirs = theirs;
  }

  /** @param url - a PostgreSQL 15 whose database `answers` may be dropped. */
  static async open(url: string): Promise<Beside> {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(`drop database if exists ${DATABASE} with (force)`);
    await admin.query(`create database ${DATABASE} template template0 encoding 'UTF8' locale 'C.UTF-8'`);
    await admin.end();
    const own = new URL(url);
    own.pathname = `/${DATABASE}`;
    const theirs = new pg.Client({ connectionString: own.href });
    await theirs.connect();
    const served = await serve();
    return new Beside(served, await served.client(), theirs);
  }

  /** Makes the tables of `seed` anew in both; ExtentDB on a new disk, for its old one is memory. */
  async begin(seed: number): Promise<void> {
    await this.#ours.end();
    await this.#served.close();
    this.#served = await serve();
    this.#ours = await this.#served.client();
    await this.#both('set timezone = UTC');
    await this.#both(`set statement_timeout = '${STATEMENT_TIMEOUT}'`);
    await this.#both('drop schema public cascade');
    await this.#both('create schema public');
    for (const statement of setup(seed)) await this.#both(statement);
  }

  /** Asks both, and compares. */
  async ask(asked: Case): Promise<Finding> {
    let finding: Finding = { verdict: 'equal', lines: [] };
    for (const step of asked.steps) {
      const found = await this.#step(step, asked);
      if (finding.verdict === 'equal') finding = found;
    }
    for (const statement of asked.after) await this.#both(statement);
    return finding;
  }

  async close(): Promise<void> {
    await this.#theirs.end();
    await this.#ours.end();
    await this.#served.close();
  }

  async #step(step: Step, asked: Case): Promise<Finding> {
    const executions = step.parameters?.length ?? 1;
    const name = step.parameters === undefined ? undefined : `s${++this.#statements}`;
    let finding: Finding = { verdict: 'equal', lines: [] };
    for (let i = 0; i < executions && finding.verdict === 'equal'; i++) {
      const values = step.parameters?.[i];
      const [ours, theirs] = await Promise.all([
        answered(this.#ours, step.sql, name, values),
        answered(this.#theirs, step.sql, name, values),
      ]);
      const verdict = judged(ours, theirs, step.ordered ?? false);
      if (verdict === 'equal') continue;
      const before = asked.steps.slice(0, asked.steps.indexOf(step)).map((s) => `   ${s.sql};`);
      finding = { verdict, lines: [...before, `   ${written(step, i)};`, ...described(ours, theirs)] };
    }
    if (name !== undefined) await this.#both('deallocate all');
    return finding;
  }

  async #both(sql: string): Promise<void> {
    await Promise.all([this.#ours.query(sql), this.#theirs.query(sql)]);
  }
}

async function answered(
  client: pg.Client,
  text: string,
  name: string | undefined,
  values: readonly string[] | undefined,
): Promise<Answer> {
  try {
    const query = { text, rowMode: 'array' as const, types: asText };
    const result = await client.query<(string | null)[]>(
      name === undefined ? query : { ...query, name, values: [...(values ?? [])] },
    );
    return { rows: result.rows.map((row) => JSON.stringify(row)), count: result.rowCount };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { sqlstate: error.code ?? '', message: error.message };
  }
}
