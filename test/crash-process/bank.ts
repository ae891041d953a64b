/**
 * The bank: work whose every effect can be recomputed from what it leaves behind.
 *
 * Each transaction of each client writes one row of the ledger, numbered without gaps per client, that says what else the
 * transaction did. So after any crash the ledger *is* the set of surviving transactions: per client it must be 1 … n with n
 * at least the last acknowledged number, and folding it must give exactly what the other tables hold.
 *
 *   ledger   (client, seq) → kind, a, b, n
 *   transfer   account a −n, account b +n                  accounts: 200, constant sum
 *   letter     a letter (client, seq) of n characters      long values, of an index too; the text is a function of client, seq, n
 *   discard    the client's letters with seq ≤ n are gone
 *   create     table side_<client>_<seq> with n rows       rows, index and catalog in one transaction
 *   drop       table side_<client>_<a> is gone
 */
import pg from 'pg';
import type { Prng } from '../../src/base/prng.ts';

export const ACCOUNTS = 200;
export const BALANCE = 1000;
const LETTER_LONGEST = 60_000;
const SIDE_ROWS_MOST = 400;
const LETTERS_KEPT = 15;
const SIDES_KEPT = 2;

export type Kind = 'transfer' | 'letter' | 'discard' | 'create' | 'drop';

export interface Entry {
  readonly client: number;
  readonly seq: number;
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

export function connect(port: number): pg.Client {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  // A killed server is reported twice: by the query that waits, which counts, and by this event.
  client.on('error', () => {});
  return client;
}

/** Opens the bank in an empty database. */
export async function foundBank(port: number): Promise<void> {
  const db = connect(port);
  await db.connect();
  await db.query(`
    create table account (id int primary key, balance bigint not null, check (balance > -1000000000));
    create table ledger (client int, seq int, kind text not null, a int, b int, n int, primary key (client, seq));
    create table letter (client int, seq int, body text not null, primary key (client, seq));
    create index ledger_kind on ledger (kind, seq) include (n);
    create index letter_seq on letter (seq) include (body);`);
  await db.query(`insert into account select i, ${BALANCE} from generate_series(1, ${ACCOUNTS}) i`);
  await db.end();
}

/** A letter's text. */
export function letterBody(client: number, seq: number, length: number): string {
  const piece = `${client}.${seq}: dear friend, `;
  return piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
}

/** One client: transactions one after the other until the server is gone. */
export class BankClient {
  readonly id: number;
  readonly #prng: Prng;
  /** Number of the last transaction whose COMMIT was answered. */
  acknowledged = 0;
  #letters: number[] = [];
  #sides: number[] = [];
  commits = 0;

  constructor(id: number, prng: Prng) {
    this.id = id;
    this.#prng = prng;
  }

  /** Takes what survived as its past. */
  resume(own: readonly Entry[]): void {
    this.acknowledged = own.length;
    this.#letters = [];
    this.#sides = [];
    for (const entry of own) this.#remember(entry);
  }

  #remember({ kind, seq, a, n }: Entry): void {
    if (kind === 'letter') this.#letters.push(seq);
    if (kind === 'discard') this.#letters = this.#letters.filter((s) => s > n);
    if (kind === 'create') this.#sides.push(seq);
    if (kind === 'drop') this.#sides = this.#sides.filter((s) => s !== a);
  }

  /** Works until the connection breaks. @throws for every error that is not the connection's end or a lost deadlock. */
  async work(port: number, synchronousCommit: boolean, announce: (kind: Kind) => void): Promise<void> {
    const db = connect(port);
    try {
      await db.connect();
      await db.query(`set synchronous_commit = ${synchronousCommit ? 'on' : 'off'}`);
      for (;;) {
        const entry = this.#choose();
        if (!(await this.#attempt(db, entry, announce))) continue;
        this.acknowledged = entry.seq;
        this.commits++;
        this.#remember(entry);
      }
    } catch (error) {
      if (!connectionEnded(error)) throw error;
    } finally {
      await db.end().catch(() => {});
    }
  }

  #choose(): Entry {
    const { id: client } = this;
    const roll = (n: number): number => this.#prng.below(n);
    const seq = this.acknowledged + 1;
    const entry = { client, seq, a: 0, b: 0, n: 0 };
    const what = roll(100);
    if (what < 12) return { ...entry, kind: 'letter', n: 1 + roll(roll(4) === 0 ? LETTER_LONGEST : 3000) };
    if (this.#letters.length > LETTERS_KEPT)
      return { ...entry, kind: 'discard', n: this.#letters[(LETTERS_KEPT / 2) | 0]! };
    if (what < 16 && this.#sides.length < SIDES_KEPT) return { ...entry, kind: 'create', n: 1 + roll(SIDE_ROWS_MOST) };
    if (what < 20 && this.#sides.length > 0) return { ...entry, kind: 'drop', a: this.#sides[0]! };
    const a = 1 + roll(ACCOUNTS);
    const b = 1 + ((a + roll(ACCOUNTS - 1)) % ACCOUNTS);
    return { ...entry, kind: 'transfer', a, b, n: 1 + roll(50) };
  }

  /** One transaction; false when it lost a deadlock and was rolled back. */
  async #attempt(db: pg.Client, entry: Entry, announce: (kind: Kind) => void): Promise<boolean> {
    const { client, seq, kind, a, b, n } = entry;
    try {
      await db.query('begin');
      await this.#act(db, entry);
      await db.query('insert into ledger values ($1, $2, $3, $4, $5, $6)', [client, seq, kind, a, b, n]);
      if (this.#prng.below(20) === 0) await this.#detour(db, entry);
      announce(kind);
      await db.query('commit');
      return true;
    } catch (error) {
      if (!lostDeadlock(error)) throw error;
      await db.query('rollback');
      return false;
    }
  }

  async #act(db: pg.Client, { client, seq, kind, a, b, n }: Entry): Promise<void> {
    switch (kind) {
      case 'transfer':
        await db.query('update account set balance = balance - $2 where id = $1', [a, n]);
        await db.query('update account set balance = balance + $2 where id = $1', [b, n]);
        return;
      case 'letter':
        await db.query('insert into letter values ($1, $2, $3)', [client, seq, letterBody(client, seq, n)]);
        return;
      case 'discard':
        await db.query('delete from letter where client = $1 and seq <= $2', [client, n]);
        return;
      case 'create':
        await db.query(`create table side_${client}_${seq} (id int primary key, word text)`);
        await db.query(`insert into side_${client}_${seq} select i, 'word ' || i from generate_series(1, ${n}) i`);
        await db.query(`create index on side_${client}_${seq} (word)`);
        return;
      case 'drop':
        await db.query(`drop table side_${client}_${a}`);
    }
  }

  /** Work that a savepoint takes back before the commit. */
  async #detour(db: pg.Client, { client, seq }: Entry): Promise<void> {
    await db.query('savepoint detour');
    await db.query('update account set balance = balance + 7 where id = $1', [1 + this.#prng.below(ACCOUNTS)]);
    await db.query('insert into letter values ($1, $2, $3)', [client, -seq, letterBody(client, -seq, 5000)]);
    await db.query('rollback to savepoint detour');
  }
}

function lostDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001');
}

function connectionEnded(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.code === '57P01';
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code === 'ECONNREFUSED' ||
    /^Connection terminated|not queryable/.test(error.message)
  );
}
