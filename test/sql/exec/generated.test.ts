/** Generated code gives what the interpreter gives, on the same plans and whatever the memory. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { allowCode } from '../../../src/sql/exec/codegen/code.ts';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_120);
const RANDOM_QUERIES = 150;

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  for (const [name, rows] of [
    ['l', 1500],
    ['r', 1100],
  ] as const) {
    await s.run(`create table ${name} (id int not null, i2 int2, i4 int4, i8 int8, t text, v varchar(40), d date, ts timestamp,
      n numeric(10,2), f float8, o bool, u uuid)`);
    await s.run(`insert into ${name} select g, nullif(g % 23, 5)::int2, case when g % 11 = 0 then null else g % 57 - 20 end,
      case when g % 13 = 0 then null when g % 7 = 0 then 9007199254740993 + g % 3 else g % 40 - 20 end,
      case when g % 17 = 0 then null else 'text ' || g % 31 end, 'text ' || g % 29, date '2020-01-01' + g % 19,
      timestamp '2020-01-01' + (g % 21) * interval '1 hour', (g % 100) * 0.25 - 9, case when g % 9 = 0 then '-0' else (g % 8) * 0.5 end,
      case when g % 5 = 0 then null else g % 3 = 0 end, md5((g % 37)::text)::uuid from generate_series(1, ${rows}) g`);
    // Long values: some texts lie outside their records.
    await s.run(`update ${name} set t = repeat('long ' || id % 3, 3000) where id % 400 = 7`);
  }
});

afterEach(() => allowCode(undefined));

/** Rows in an order of their own, so that both ways of running may put them out as they like. */
async function answer(query: string): Promise<string[]> {
  return (await s.rows(query)).map((row) => row.map((v) => (v ?? '∅').slice(0, 60)).join('|')).sort();
}

async function compare(query: string): Promise<void> {
  await s.run("set work_mem = '64MB'");
  allowCode(false);
  const interpreted = await outcome(query);
  allowCode(undefined);
  // The plan is kept: another text is another plan.
  expect(await outcome(`${query} `), `${query} (seed ${SEED})`).toEqual(interpreted);
  await s.run("set work_mem = '64kB'");
  expect(await outcome(`${query}  `), `${query} in 64 kB (seed ${SEED})`).toEqual(interpreted);
}

async function outcome(query: string): Promise<string[]> {
  try {
    return await answer(query);
  } catch (error) {
    return [`error ${(error as { sqlstate?: string }).sqlstate ?? error}`];
  }
}

/** A query, and the generated function that must run it. */
const COVERED: readonly (readonly [string, string])[] = [
  ['joinGroups', 'select count(*) from l join r on l.i4 = r.i4'],
  ['joinGroups', 'select count(*), sum(l.i4), min(r.i8), max(r.id), avg(r.n), sum(l.i8) from l join r on l.i2 = r.i4'],
  ['joinGroups', 'select l.t, r.o, count(*), sum(r.f) from l join r on l.i8 = r.i8 and l.t = r.t group by 1, 2'],
  [
    'joinGroups',
    'select r.i4, count(*), count(r.id), max(l.id) from l left join r on l.t = r.v and l.id < r.id group by 1',
  ],
  ['joinGroups', 'select count(*), sum(id) from l where exists (select from r where r.i4 = l.i4 and r.id > l.id)'],
  [
    'joinGroups',
    'select i2, count(*) from l where not exists (select from r where r.i4 = l.i4 and r.i2 = l.i2) group by i2',
  ],
  ['joinGroups', 'select count(*) from l join r on l.u = r.u and l.n = r.n and l.d = r.d'],
  ['joinProbe', 'select l.id, r.id, r.t from l join r on l.i4 = r.i4 and l.i2 = r.i2'],
  ['joinProbe', 'select l.id, r.id, r.v, r.n from l full join r on l.v = r.t'],
  ['joinProbe', 'select l.id, r.id from r right join l on l.i8 = r.id'],
  ['aggregateRows', 'select i4, t, count(*) from (select i4, t from l union all select i4, t from r) s group by 1, 2'],
  ['aggregateRows', 'select f, count(*), sum(n) from (select f, n from l union all select f, n from r) s group by 1'],
  ['aggregateLeaf', 'select i4 % 10, o, count(*), min(i8), sum(i8), avg(i8) from l group by 1, 2'],
  ['aggregateLeaf', 'select d, ts, u, count(*) from l group by 1, 2, 3'],
  ['aggregateLeaf', 'select t, count(*) from l where i4 > 0 or i4 is null group by 1'],
  ['aggregateLeaf', 'select distinct t, v from l'],
  ['projectRows', 'select id * 2, i8 + 1, f * 2, o and i4 > 3, t, i4 from l'],
  [
    'projectRows',
    "select a + 1, upper(t), n * 2 from (select i4 * 3 as a, t, n from l offset 0) s where a > 5 and t like '%1%'",
  ],
  [
    'projectRows',
    'select a, b, c from (select i4 as a, o as b, t as c from l union all select i2, i4 > 0, v from r) s where a > 1 or b',
  ],
];

describe('what is covered', () => {
  test.each(COVERED)('%s: %s', async (name, query) => {
    await s.run("set work_mem = '64MB'");
    const lines = (await s.rows(`explain (analyze, codegen) ${query}`)).map((row) => row[0]);
    expect(lines.filter((line) => line!.includes(`return function ${name}(`))).not.toEqual([]);
    await compare(query);
  });
});

test('no text of the statement is in generated code', async () => {
  const rows = await s.rows(
    "explain (analyze, codegen) select l.t as secret_name, count(*) from l join r on l.t = r.v and r.t <> 'secret value' group by 1",
  );
  const code = rows.map((r) => r[0]!).slice(rows.findIndex((r) => r[0]!.startsWith('Code of')));
  expect(code.length).toBeGreaterThan(20);
  expect(code.filter((line) => line.includes('secret'))).toEqual([]);
});

/** Random joins, groups and aggregates over columns of all types. */
class QueryMaker {
  readonly #prng = new Prng(SEED);

  #pick<T>(from: readonly T[]): T {
    return from[this.#prng.below(from.length)]!;
  }

  #some<T>(from: readonly T[], most: number): T[] {
    return Array.from({ length: this.#prng.below(most + 1) }, () => this.#pick(from));
  }

  #key(): string {
    const pairs = [
      ['i4', 'i4'],
      ['i2', 'i4'],
      ['i8', 'i4'],
      ['i8', 'i8'],
      ['t', 't'],
      ['t', 'v'],
      ['d', 'd'],
      ['ts', 'ts'],
      ['n', 'n'],
      ['u', 'u'],
      ['o', 'o'],
      ['f', 'f'],
      ['id', 'i8'],
    ] as const;
    const [a, b] = this.#pick(pairs);
    return this.#pick([`l.${a} = r.${b}`, `l.${b} = r.${a}`, `l.${a} = r.${b}`, `l.i4 + 1 = r.i4 - 1`]);
  }

  #from(): string {
    // A second key keeps the number of pairs down.
    const on = [
      this.#key(),
      ...this.#some([this.#key(), 'l.id % 50 = r.id % 50', 'l.id < r.id', 'l.i4 > r.i2'], 2),
      'l.id % 20 = r.i2',
    ];
    const type = this.#pick(['join', 'left join', 'join', 'full join', 'right join']);
    if (type === 'full join') return `l full join r on ${this.#key()} and l.id = r.id`;
    return `l ${type} r on ${on.join(' and ')}`;
  }

  query(): string {
    const columns = [
      'l.i2',
      'l.i4',
      'r.i4',
      'r.i8',
      'l.t',
      'r.v',
      'r.d',
      'l.ts',
      'r.n',
      'l.f',
      'r.o',
      'l.u',
      'l.id',
      'r.id',
    ];
    const from = this.#prng.below(4) === 0 ? this.#semi() : `from ${this.#from()}`;
    const single = from.startsWith('from l where');
    const usable = single ? columns.filter((c) => c.startsWith('l.')) : columns;
    if (this.#prng.below(4) === 0) return `select ${['l.id', ...this.#some(usable, 4)].join(', ')} ${from}`;
    const groups = this.#some([...usable, 'l.i4 % 7', 'l.i4 > 3', ...(single ? [] : ['l.id - r.id'])], 3);
    const calls = this.#some(['count(*)', ...usable.flatMap((c) => this.#callsOf(c))], 4);
    const list = [...groups, ...calls, 'count(*)'];
    const where = this.#prng.below(3) === 0 && !single ? ' where l.i4 > -10' : '';
    return `select ${list.join(', ')} ${from}${where}${groups.length > 0 ? ` group by ${groups.map((_, i) => i + 1).join(', ')}` : ''}`;
  }

  #semi(): string {
    return `from l where ${this.#pick(['', 'not '])}exists (select from r where ${this.#key()} and ${this.#pick(['l.id > r.id', 'l.i2 = r.i2', 'true'])})`;
  }

  #callsOf(column: string): string[] {
    const type = column.split('.')[1]!;
    const filter = this.#pick(['', '', ' filter (where l.i4 > 5)']);
    if (['i2', 'i4', 'i8', 'n', 'id'].includes(type))
      return ['sum', 'avg', 'min', 'max', 'count'].map((f) => `${f}(${column})${filter}`);
    return type === 'o'
      ? [`count(${column})`]
      : [`count(${column})${filter}`, ...(type === 'u' ? [] : [`max(${column})`])];
  }
}

test(`random joins and aggregations (seed ${SEED})`, async () => {
  const maker = new QueryMaker();
  for (let i = 0; i < RANDOM_QUERIES; i++) await compare(maker.query());
}, 240_000);
