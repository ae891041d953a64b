/**
 * Indexes that INCLUDE columns change nothing but speed: random statements on a table with them and on one without give the same
 * rows and errors, old snapshots keep what they saw, and in the end entries, rows and long values agree.
 */
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { settle } from '../support/sound.ts';

const STATEMENTS = 200;
const KEYS = 40;
const LONG = 9000;

const KEYED: Readonly<Record<string, string>> = {
  'a primary key': 'id int primary key',
  'hidden row ids': 'id int',
  'a wide primary key': 'id int, primary key (c0, id), c0 text collate "C" default repeat(\'k\', 60)',
};

const INDEXES: readonly string[] = [
  'create index @_a on @ (a) include (b, n)',
  'create unique index @_g on @ (g) include (c, b, b)',
  'create index @_x on @ (lower(left(b, 10))) include (c, f) where a > 3',
  'create index @_d on @ (a desc, g) include (f, a, id)',
  'create index @_n on @ (n) include (n)',
];

class Model {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  get #k(): number {
    return this.#prng.below(KEYS);
  }

  #text(): string {
    const kind = this.#prng.below(10);
    if (kind === 0) return 'null';
    if (kind < 3) return `repeat('${'abc'[this.#prng.below(3)]}', ${LONG + this.#k})`;
    return kind < 5 ? `repeat('w${this.#k}', ${this.#prng.below(900)})` : `'v${this.#k}'`;
  }

  #where(): string {
    const [a, b] = [this.#k, this.#k];
    const all = [
      `id = ${a}`,
      `a = ${a % 9}`,
      `a between ${a % 9} and ${b % 9}`,
      `a in (1, ${a % 9})`,
      `g = ${a}`,
      `g < ${a}`,
      `n = ${a}.50`,
      `b like 'v%'`,
      `length(c) > 100`,
    ];
    return all[this.#prng.below(all.length)] ?? 'true';
  }

  #values(): string {
    return `(${this.#k}, ${this.#k % 9}, ${this.#text()}, ${this.#text()}, ${this.#k}.50, ${this.#k} / 3.0, ${this.#k})`;
  }

  /** A statement on the table named @. */
  statement(): string {
    const columns = 'id, a, b, c, n, f, g';
    const all = [
      `insert into @ (${columns}) values ${this.#values()}`,
      `insert into @ (${columns}) values ${this.#values()}, ${this.#values()} on conflict do nothing`,
      `insert into @ (${columns}) values ${this.#values()} on conflict (g) do update set b = excluded.b, c = @.b returning id, md5(b), md5(c)`,
      `insert into @ (${columns}) select i + 100, i % 9, 'bulk' || i, null, i, i, i + 100 from generate_series(${this.#k}, ${this.#k + 9}) i on conflict do nothing`,
      `update @ set b = ${this.#text()} where ${this.#where()}`,
      `update @ set c = ${this.#text()}, n = n + 1 where ${this.#where()}`,
      `update @ set b = c, c = b where ${this.#where()}`,
      `update @ set a = ${this.#k % 9} where ${this.#where()}`,
      `update @ set f = f + 1, n = round(n, 3) where ${this.#where()}`,
      `update @ set id = id + ${this.#k}, b = b || '!' where id = ${this.#k}`,
      `update @ set g = ${this.#k} where id = ${this.#k}`,
      `delete from @ where ${this.#where()} and id % 3 = 0`,
      `select a, md5(b), n from @ where a = ${this.#k % 9} order by 1, 2, 3`,
      `select g, md5(c), length(b) from @ where g between ${this.#k} and ${this.#k + 9} order by 1`,
      `select a, g, f, id from @ where a > 4 order by a desc, g, f, id`,
      `select n from @ where n = ${this.#k}.50 order by 1`,
      `select x.a, md5(y.b) from @ x join @ y on y.g = x.a where x.g < 9 order by 1, 2`,
    ];
    return all[this.#prng.below(all.length)] ?? '';
  }

  get maintenance(): string {
    const all = ['vacuum @', 'reindex index @_g', 'reindex table @', 'vacuum full @', 'alter table @ reorganize'];
    return all[this.#prng.below(all.length)] ?? '';
  }
}

const SEED = seedOf(412_000);
const CASES = Object.entries(KEYED).flatMap(([name, keyed]) => [0, 1].map((n) => [name, SEED + n, keyed] as const));

test.each(CASES)('with %s, seed %i', { timeout: 60_000 }, async (name, seed, keyed) => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  for (const table of ['plain', 'own'])
    await s.run(`create table ${table} (${keyed}, a int, b text, c text, n numeric, f float8, g int)`);
  await s.run('create unique index on plain (g)');
  const prng = new Prng(seed);
  const model = new Model(prng);
  const late = prng.below(STATEMENTS);
  const outcome = async (sql: string): Promise<unknown> => {
    try {
      return (await s.run(sql)).map((o) => [o.tag, o.rows]);
    } catch (error) {
      return (error as { sqlstate?: string }).sqlstate ?? String(error);
    }
  };
  await s.run('create unique index own_g on own (g) include (c, b, b)');
  const reader = new TestSession(instance);
  const SEEN =
    'select a, md5(b), n from own where a >= 0 order by 1, 2, 3; select g, md5(c) from own where g >= 0 order by 1';
  let seen: unknown;
  for (let n = 0; n < STATEMENTS; n++) {
    // Most indexes are built of rows that are there.
    if (n === late)
      for (const index of INDEXES)
        await s.run(index.replaceAll('@', 'own').replace('index own', 'index if not exists own'));
    const text = model.statement();
    const undone = prng.chance(0.2);
    const run = async (table: string): Promise<unknown> => {
      const sql = text.replaceAll('@', table);
      if (!undone) return outcome(sql);
      await s.run(`begin; savepoint a`);
      const result = await outcome(sql);
      await s.run('rollback to a; commit');
      return result;
    };
    const where = `${name} seed=${seed} #${n}: ${text}`;
    expect(await run('own'), where).toEqual(await run('plain'));
    if (n % 8 === 3) {
      if (seen === undefined) {
        await reader.run('begin isolation level repeatable read');
        seen = (await reader.run(SEEN)).map((o) => o.rows);
      } else {
        expect(
          (await reader.run(SEEN)).map((o) => o.rows),
          `${where}, old snapshot`,
        ).toEqual(seen);
        await reader.run('commit');
        seen = undefined;
      }
    }
    if (n % 20 === 11 && seen === undefined) await outcome(model.maintenance.replaceAll('@', 'own'));
    if (n % 10 === 0) expect(await runTask(checkIndexes(new TestSession(instance).sql)), where).toEqual([]);
  }
  expect(await s.rows('select id, a, md5(b), md5(c), n, f, g from own order by 1, 2, 3, 4, 5, 6, 7')).toEqual(
    await s.rows('select id, a, md5(b), md5(c), n, f, g from plain order by 1, 2, 3, 4, 5, 6, 7'),
  );
  await reader.run('commit');
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  await s.run('delete from own');
  settle(instance);
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  // No entry and no chunk of a long value is left behind.
  const records = `select sum(record_count), sum(ghost_record_count + version_ghost_record_count)
    from sys.dm_db_index_physical_stats(current_database(), 'own', null, null, 'DETAILED') where index_level = 0`;
  expect(await s.rows(records)).toEqual([['0', '0']]);
  await s.run('drop table own');
  settle(instance);
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
});
