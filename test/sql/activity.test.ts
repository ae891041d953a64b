/** pg_stat_activity and sys.dm_exec_requests: what sessions do, as others see it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ExtentDB, open } from '../../src/index.ts';

let folder: string;
let db: ExtentDB;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-activity-'));
  db = await open(join(folder, 'a.extent'));
  await db.exec(
    `create table t (id int primary key, v text); insert into t select i, 'v' from generate_series(1, 1000) i`,
  );
});

afterEach(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

const OTHERS = `select state, wait_event_type, wait_event, query, query_start is not null as q, xact_start is not null as x,
  state_change >= query_start as s, usename from pg_stat_activity where pid <> pg_backend_pid() order by pid`;

test('one sees oneself active, with the text of the statement', async () => {
  const text = `select state, query, wait_event, query_start = state_change as same, now() >= query_start - interval '1 s' as late
    from pg_stat_activity where pid = pg_backend_pid()`;
  const { rows } = await db.query(text);
  expect(rows).toEqual([{ state: 'active', query: text, wait_event: null, same: true, late: true }]);
});

test('idle, idle in transaction, and aborted sessions show their last statement and wait for the client', async () => {
  await db
    .transaction(async (tx) => {
      await tx.query('update t set v = $1 where id = 1', ['w']);
      expect((await db.query(OTHERS)).rows).toEqual([
        {
          state: 'idle in transaction',
          wait_event_type: 'Client',
          wait_event: 'ClientRead',
          query: 'update t set v = $1 where id = 1',
          q: true,
          x: true,
          s: true,
          usename: 'postgres',
        },
      ]);
      await tx.query('select 1 / 0').catch(() => {});
      expect((await db.query(OTHERS)).rows).toMatchObject([
        { state: 'idle in transaction (aborted)', query: 'select 1 / 0' },
      ]);
      await tx.query('rollback');
    })
    .catch(() => {});
  expect((await db.query(OTHERS)).rows).toMatchObject([{ state: 'idle', x: false }]);
});

test('R39: whoever waits for a lock is active, suspended, and shown with 0 percent; so is a plain SELECT', async () => {
  const text = '-- raise\n update t set v = v || 1 where id = 5';
  let waiting: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx) => {
    await tx.query('delete from t where id = 5');
    waiting = db.query(text);
    for (;;) {
      const { rows } = await db.query<{ wait_event_type: string; wait_event: string; state: string }>(
        'select state, wait_event_type, wait_event from pg_stat_activity where query = $1',
        [text],
      );
      if (rows[0]?.wait_event_type !== 'Lock') continue;
      expect(rows).toEqual([{ state: 'active', wait_event_type: 'Lock', wait_event: 'transactionid' }]);
      break;
    }
    const { rows } = await db.query(
      `select command, status, wait_type, percent_complete as p, estimated_completion_time::int as e, open_transaction_count as o
       from sys.dm_exec_requests order by command`,
    );
    expect(rows).toEqual([
      { command: 'SELECT', status: 'running', wait_type: null, p: 0, e: 0, o: 1 },
      { command: 'UPDATE', status: 'suspended', wait_type: 'transactionid', p: 0, e: 0, o: 1 },
    ]);
  });
  await waiting;
});

test('on the wire: prepared look-ups and cursors show their text too', async () => {
  const server = await db.listen();
  const { default: pg } = await import('pg');
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query("set application_name = 'shop'");
  for (let i = 0; i < 3; i++)
    await client.query({ name: 'one', text: 'select v from t where id = $1', values: [i + 1] });
  const look = `select application_name as a, state, query, wait_event from pg_stat_activity where application_name = 'shop'`;
  expect((await db.query(look)).rows).toEqual([
    { a: 'shop', state: 'idle', query: 'select v from t where id = $1', wait_event: 'ClientRead' },
  ]);
  await client.end();
  await server.close();
});
