/**
 * The audit: what a server holds after a crash, against what its own ledger says it must hold.
 */
import type pg from 'pg';
import { ACCOUNTS, BALANCE, type BankClient, connect, type Entry, type Kind, letterBody } from './bank.ts';

/** What an audit found wrong, in words; and the ledger as it stands. */
export interface Findings {
  readonly problems: string[];
  readonly ledger: ReadonlyMap<number, Entry[]>;
}

interface LedgerRow {
  client: number;
  seq: number;
  kind: Kind;
  a: number;
  b: number;
  n: number;
}

/**
 * Reads everything and compares.
 *
 * @param lossAllowed commits of `synchronous_commit = off` may be missing at the end, nothing else.
 */
export async function audit(port: number, clients: readonly BankClient[], lossAllowed: boolean): Promise<Findings> {
  const db = connect(port);
  await db.connect();
  const problems: string[] = [];
  const ledger = await readLedger(db);
  for (const client of clients) {
    const own = ledger.get(client.id) ?? [];
    own.forEach((entry, i) => {
      if (entry.seq !== i + 1)
        problems.push(`client ${client.id}: transaction ${i + 1} is missing, ${entry.seq} is there`);
    });
    if (!lossAllowed && own.length < client.acknowledged)
      problems.push(`client ${client.id}: ${client.acknowledged} commits acknowledged, ${own.length} there`);
    // One commit per client can have been under way.
    if (own.length > client.acknowledged + 1)
      problems.push(`client ${client.id}: ${own.length} transactions there, ${client.acknowledged} acknowledged`);
  }
  const entries = [...ledger.values()].flat();
  await auditAccounts(db, entries, problems);
  await auditLetters(db, entries, problems);
  await auditSides(db, entries, problems);
  await db.end();
  return { problems, ledger };
}

async function readLedger(db: pg.Client): Promise<Map<number, Entry[]>> {
  const { rows } = await db.query<LedgerRow>('select client, seq, kind, a, b, n from ledger order by client, seq');
  const ledger = new Map<number, Entry[]>();
  for (const row of rows) {
    const own = ledger.get(row.client) ?? [];
    own.push(row);
    ledger.set(row.client, own);
  }
  return ledger;
}

async function auditAccounts(db: pg.Client, entries: readonly Entry[], problems: string[]): Promise<void> {
  const expected = new Array<number>(ACCOUNTS + 1).fill(BALANCE);
  for (const { kind, a, b, n } of entries) {
    if (kind !== 'transfer') continue;
    expected[a]! -= n;
    expected[b]! += n;
  }
  const { rows } = await db.query<{ id: number; balance: string }>('select id, balance from account order by id');
  if (rows.length !== ACCOUNTS) problems.push(`${rows.length} accounts instead of ${ACCOUNTS}`);
  for (const { id, balance } of rows)
    if (Number(balance) !== expected[id]) problems.push(`account ${id}: ${balance} instead of ${expected[id]}`);
  const total = await db.query<{ total: string }>('select sum(balance) as total from account');
  if (Number(total.rows[0]!.total) !== ACCOUNTS * BALANCE) problems.push(`the sum is ${total.rows[0]!.total}`);
}

async function auditLetters(db: pg.Client, entries: readonly Entry[], problems: string[]): Promise<void> {
  const expected = new Map<string, string>();
  for (const { client, seq, kind, n } of entries) {
    if (kind === 'letter') expected.set(`${client}.${seq}`, letterBody(client, seq, n));
    if (kind === 'discard')
      for (const key of [...expected.keys()])
        if (Number(key.split('.')[0]) === client && Number(key.split('.')[1]) <= n) expected.delete(key);
  }
  const { rows } = await db.query<{ client: number; seq: number; body: string }>(
    'select client, seq, body from letter',
  );
  if (rows.length !== expected.size) problems.push(`${rows.length} letters instead of ${expected.size}`);
  for (const { client, seq, body } of rows)
    if (body !== expected.get(`${client}.${seq}`))
      problems.push(`letter ${client}.${seq} is wrong (${body.length} characters)`);
}

async function auditSides(db: pg.Client, entries: readonly Entry[], problems: string[]): Promise<void> {
  const expected = new Map<string, number>();
  for (const { client, seq, kind, a, n } of entries) {
    if (kind === 'create') expected.set(`side_${client}_${seq}`, n);
    if (kind === 'drop') expected.delete(`side_${client}_${a}`);
  }
  const { rows } = await db.query<{ relname: string }>(
    `select relname from pg_class where relkind = 'r' and relname like 'side%' order by relname`,
  );
  const there = rows.map((r) => r.relname);
  const missing = [...expected.keys()].filter((name) => !there.includes(name));
  const surplus = there.filter((name) => !expected.has(name));
  if (missing.length + surplus.length > 0) problems.push(`tables missing: ${missing}; too many: ${surplus}`);
  for (const name of there) {
    const n = expected.get(name);
    if (n === undefined) continue;
    const all = await db.query<{ n: string; last: string }>(`select count(*) as n, max(id) as last from ${name}`);
    const byWord = await db.query(`select id from ${name} where word = 'word ${n}'`);
    if (Number(all.rows[0]!.n) !== n || Number(all.rows[0]!.last) !== n || byWord.rows.length !== 1)
      problems.push(`${name}: ${all.rows[0]!.n} rows instead of ${n}, ${byWord.rows.length} by its index`);
  }
}
