/** pg_locks: who holds and who waits for tables, advisory keys and transactions, in all open databases. */
import type { Database } from '../../engine/database.ts';
import type { LockFacts } from '../../engine/record-port.ts';
import type { NamedRow, ViewSource } from './definition.ts';

/** The catalog of relations: what has no number yet is locked by a number of its name. */
const PG_CLASS = 1259;
const MODES = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

export function* locks({ session }: ViewSource): Iterable<NamedRow> {
  for (const database of session.instance.databases())
    for (const lock of database.store.lockFacts())
      yield {
        ...target(database, lock),
        virtualtransaction: `${lock.owner}/0`,
        pid: lock.owner,
        mode: MODES[lock.mode - 1]!,
        granted: lock.isGranted,
        fastpath: false,
      };
}

/** What is locked, in the columns that PostgreSQL has for its kind. */
function target(database: Database, { kind, name }: LockFacts): NamedRow {
  if (kind === 'transaction') return { locktype: 'transactionid', transactionid: Number(name) };
  if (kind === 'advisory') return { locktype: 'advisory', database: database.oid, ...advisoryKey(String(name)) };
  const number = Number(name);
  return number > 0
    ? { locktype: 'relation', database: database.oid, relation: number }
    : { locktype: 'object', database: database.oid, classid: PG_CLASS, objid: -number, objsubid: 0 };
}

/** One key of 64 bits is shown in its halves. */
function advisoryKey(key: string): NamedRow {
  const [high = '0', low] = key.split(',');
  const whole = BigInt(high);
  return low === undefined
    ? { classid: unsigned(whole >> 32n), objid: unsigned(whole), objsubid: 1 }
    : { classid: unsigned(whole), objid: unsigned(BigInt(low)), objsubid: 2 };
}

function unsigned(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}
