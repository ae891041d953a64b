/** A partitioned table behaves as one that is not: random statements on both give the same rows and the same errors. */
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';

const STATEMENTS = 160;
const KEYS = 60;

/** Ways to divide a table of (k, id, v, n): its partitions, and the key that makes rows unique. */
const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  range: [
    'partition by range (k)',
    'create table p_low partition of p for values from (minvalue) to (20)',
    'create table p_mid partition of p for values from (20) to (40)',
    'create table p_rest partition of p default',
  ],
  list: [
    'partition by list (k)',
    `create table p_a partition of p for values in (${[...Array(25).keys()].join(', ')})`,
    'create table p_b partition of p for values in (30, 31, 32)',
    'create table p_rest partition of p default',
  ],
  hash: [
    'partition by hash (k)',
    ...[0, 1, 2].map((r) => `create table p_${r} partition of p for values with (modulus 3, remainder ${r})`),
  ],
  nested: [
    'partition by range (k)',
    'create table p_low partition of p for values from (minvalue) to (30) partition by hash (id)',
    'create table p_low0 partition of p_low for values with (modulus 2, remainder 0)',
    'create table p_low1 (v text, n int, id int not null, k int not null, constraint p_n_check check (n > -1000))',
    'alter table p_low attach partition p_low1 for values with (modulus 2, remainder 1)',
    'create table p_high partition of p for values from (30) to (maxvalue)',
  ],
};

class Model {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  get #k(): number {
    return this.#prng.below(KEYS);
  }

  get #id(): number {
    return this.#prng.below(8);
  }

  get #text(): string {
    return this.#prng.chance(0.1) ? `repeat('${'abc'[this.#prng.below(3)]}', ${9000 + this.#id})` : `'v${this.#k}'`;
  }

  #where(): string {
    const [a, b] = [this.#k, this.#k];
    const conditions = [
      `k = ${a}`,
      `k >= ${a} and k < ${a + 9}`,
      `k in (${a}, ${b}, ${this.#k})`,
      `k = ${a} and id = ${this.#id}`,
      `id = ${this.#id}`,
      `n % 5 = ${this.#id}`,
      `v < 'v3'`,
      `k < ${a} or k > ${b}`,
      `k between ${a} and ${b}`,
      `k = (select max(k) from o where id < ${this.#id})`,
    ];
    return conditions[this.#prng.below(conditions.length)] ?? 'true';
  }

  #values(): string {
    return `(${this.#k}, ${this.#id}, ${this.#text}, ${this.#k})`;
  }

  /** A statement on the table named @. */
  statement(): string {
    const rows = Array.from({ length: 1 + this.#prng.below(5) }, () => this.#values()).join(', ');
    const all = [
      `insert into @ (k, id, v, n) values ${rows}`,
      `insert into @ (k, id, v, n) values ${rows} on conflict do nothing`,
      `insert into @ (k, id, v, n) values ${this.#values()} on conflict (k, id) do update set v = excluded.v, n = @.n + 1 returning k, id, n`,
      `insert into @ (k, id, v, n) select k + ${this.#id}, id, v, n from o on conflict (k, id) do nothing`,
      `insert into @ (k, id, v, n) select i, ${this.#id}, 'bulk', i from generate_series(${this.#k}, ${this.#k + 50}) i on conflict do nothing`,
      `update @ set n = n + 1 where ${this.#where()}`,
      `update @ set v = ${this.#text} where ${this.#where()}`,
      `update @ set k = k + ${1 + this.#id} where ${this.#where()}`,
      `update @ set k = ${this.#k}, v = v || '!' where k = ${this.#k} and id = ${this.#id}`,
      `update @ set n = o.n, k = o.k from o where o.id = @.id and @.k = ${this.#k} and o.k = ${this.#k}`,
      `with u as (update @ set n = -n where ${this.#where()} returning k, id, n) select * from u order by k, id`,
      `delete from @ where ${this.#where()}`,
      `with d as (delete from @ using o where o.k = @.k and o.id = @.id and o.n > ${this.#k} returning @.k, @.id) select * from d order by 1, 2`,
      `select k, id, n from @ where ${this.#where()} order by k, id`,
      `select count(*), sum(n), max(length(v)) from @ where ${this.#where()}`,
      `select @.k, o.n from @ join o on o.k = @.k and o.id = @.id where ${this.#where().replaceAll(/\b(k|id|n|v)\b/g, '@.$1')} order by 1, 2`,
      `select k, count(*) from @ group by k having count(*) > 2 order by k`,
      `select o.k, (select sum(n) from @ where @.k = o.k) from o order by o.k, o.id limit 20`,
      `select k, id from @ where ${this.#where()} order by k, id for update`,
    ];
    return all[this.#prng.below(all.length)] ?? '';
  }
}

test.each(
  Object.entries(LAYOUTS).flatMap(([name, layout]) => [0, 1].map((n) => [name, layout, seedOf(7300) + n] as const)),
)('%s, seed %#', { timeout: 60_000 }, async (name, [by = '', ...partitions], seed) => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  const columns = 'k int not null, id int not null, v text, n int, check (n > -1000), primary key (k, id)';
  await s.run(`create table plain (${columns}); create table p (${columns}) ${by}`);
  for (const statement of partitions) await s.run(statement);
  await s.run(
    'create index plain_n on plain (n); create index p_n on p (n); create index on p (left(v, 20)) where n > 3',
  );
  await s.run('create table o (k int, id int, n int, v text)');
  await s.run(`insert into o select i % ${KEYS}, i % 8, i, 'o' || i from generate_series(1, 90) i`);
  const prng = new Prng(seed);
  const model = new Model(prng);
  const outcome = async (sql: string): Promise<unknown> => {
    try {
      return (await s.run(sql)).map((o) => [o.tag, o.rows]);
    } catch (error) {
      return (error as { sqlstate?: string }).sqlstate ?? String(error);
    }
  };
  for (let n = 0; n < STATEMENTS; n++) {
    const text = model.statement();
    const undone = prng.chance(0.15);
    const [one, two] = [text.replaceAll('@', 'plain'), text.replaceAll('@', 'p')];
    const run = async (sql: string): Promise<unknown> => {
      if (!undone) return outcome(sql);
      await s.run('begin; savepoint a');
      const result = await outcome(sql);
      await s.run('rollback to a; commit');
      return result;
    };
    expect(await run(two), `${name} seed=${seed} #${n}: ${two}`).toEqual(await run(one));
    if (n % 10 !== 0) continue;
    const content = 'select k, id, md5(v), n from @ order by k, id';
    expect(await s.rows(content.replace('@', 'p')), `${name} seed=${seed} after #${n}: ${two}`).toEqual(
      await s.rows(content.replace('@', 'plain')),
    );
  }
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  for (const { oid } of [
    ...instance.single.catalog.descendantsOf(instance.single.catalog.relationNamed(2200, 'p')!.oid),
  ])
    expect(oid).toBeGreaterThan(0);
  await s.run('drop table p');
});
