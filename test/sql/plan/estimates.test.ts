/** What ANALYZE found decides which way a table is read. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

const ROWS = 20_000;

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  await s.run('create table orders (id int primary key, status text, amount int, note text)');
  // 2 in 1000 rows are 'open', the rest 'done'; amounts are even over 0 … 9999; a quarter of the notes is null.
  await s.run(`insert into orders select g, case when g % 500 = 0 then 'open' else 'done' end, (g * 7) % 10000,
    case when g % 4 = 0 then null else 'n' || g end from generate_series(1, ${ROWS}) g`);
  await s.run('create index orders_status on orders (status)');
  await s.run('create index orders_amount on orders (amount)');
});

async function plan(sql: string): Promise<string> {
  return (await s.rows(`explain ${sql}`)).flat().join('\n');
}

/** Rows that the plan's scan expects. */
async function expected(condition: string): Promise<number> {
  return Number(/rows=(\d+)/.exec(await plan(`select * from orders where ${condition}`))![1]);
}

async function actual(condition: string): Promise<number> {
  return Number((await s.rows(`select count(*) from orders where ${condition}`))[0]![0]);
}

describe('with statistics', () => {
  beforeAll(() => s.run('analyze orders'));

  test('a rare value is looked up, a common one is scanned for', async () => {
    expect(await plan("select * from orders where status = 'open'")).toContain('orders_status');
    expect(await plan("select * from orders where status = 'done' and note = 'x'")).toContain('Seq Scan');
  });

  test('a narrow range is looked up, a wide one is scanned for', async () => {
    expect(await plan('select * from orders where amount < 50')).toContain('orders_amount');
    expect(await plan('select * from orders where amount > 50')).toContain('Seq Scan');
    expect(await plan('select * from orders where amount between 4000 and 4040')).toContain('orders_amount');
  });

  test.each([
    "status = 'open'",
    "status <> 'open'",
    'amount < 2500',
    'amount <= 2500',
    'amount > 7500',
    '7500 <= amount',
    'amount between 2000 and 3000',
    'amount >= 9000 and amount < 9500',
    'note is null',
    'note is not null',
    'id <= 5000',
    "status >= 'e'",
  ])('%s is guessed within a fifth', async (condition) => {
    const rows = await actual(condition);
    const guess = await expected(condition);
    expect(Math.abs(guess - rows), `guess ${guess}, really ${rows}`).toBeLessThanOrEqual(rows / 5);
  });

  test('bounds beyond the table keep nothing or all', async () => {
    expect(await expected('amount < 0')).toBeLessThanOrEqual(1);
    expect(await expected('amount < 100000')).toBe(ROWS);
    expect(await expected('amount > 5000 and amount < 4000')).toBeLessThanOrEqual(2);
  });

  test('a literal that its type does not take is the error of the statement', async () => {
    const error = await s.failure("select * from orders where amount < 'many'");
    expect(error.sqlstate).toBe('22P02');
  });
});
