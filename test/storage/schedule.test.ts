/**
 * Law 3 at work: many tasks on one store, a random one goes on at each suspension, and everything clean is evicted then.
 *
 * Bank: transfers between accounts under row locks while readers sum all accounts in one snapshot; rows come and go beside
 * the accounts, so that pages split, are purged and merge all the time; and now and then the tree is
 * reorganized, and the file trimmed and shortened.
 */
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { REQUEST_ROW_LOCK, type Request, runNow, type Task } from '../../src/base/task.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { LOCK_WAIT, NEED, OK, ROW_NO_KEY_UPDATE } from '../../src/storage/contracts.ts';
import { makeRow } from '../../src/storage/row-versions.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { sliceRequest } from '../../src/storage/transactions.ts';
import { commit, encode, makeTree, seedOf, type TextTree } from './open.ts';

const ACCOUNTS = 60;
const START = 1000;

function accountKey(i: number): string {
  return `account${String(i).padStart(4, '0')}`;
}

/** An attempt as a task that also suspends after it: the most that may happen between two steps does happen. */
function* attempt(store: FileStore, act: () => number): Task<number> {
  for (;;) {
    const status = act();
    if (status !== NEED) {
      return status;
    }
    yield store.need;
  }
}

function* transfer(store: FileStore, tree: TextTree, prng: Prng, serial: number): Task<void> {
  const t = store.begin(serial);
  const row = makeRow();
  const [a, b] = [prng.below(ACCOUNTS), prng.below(ACCOUNTS)].sort((x, y) => x - y) as [number, number];
  const amount = prng.below(50);
  for (const [account, sign] of a === b
    ? []
    : ([
        [a, -1],
        [b, 1],
      ] as const)) {
    const key = encode(accountKey(account));
    for (;;) {
      yield* attempt(store, () =>
        store.lockRow(t, tree.tree, key, key.length, ROW_NO_KEY_UPDATE, LOCK_WAIT, true, row),
      );
      const balance = Number(
        new TextDecoder().decode(row.bytes.subarray(row.start, row.start + row.length).slice()).trim(),
      );
      const record = encode(`${balance + sign * amount}${' '.repeat(prng.below(60))}`);
      yield* attempt(store, () =>
        store.update(t, tree.tree, key, key.length, record, 0, record.length, ROW_NO_KEY_UPDATE),
      );
      break;
    }
    yield sliceRequest(store.parts.core);
  }
  if (prng.chance(0.3)) yield* t.rollback();
  else yield* t.commit();
}

function* churn(store: FileStore, tree: TextTree, prng: Prng, serial: number): Task<void> {
  const keys = Array.from({ length: 40 }, (_, i) =>
    encode(`account${String(prng.below(ACCOUNTS)).padStart(4, '0')}/${serial}/${i}`),
  );
  const t = store.begin(serial);
  for (const key of keys) {
    const record = encode(`0${' '.repeat(prng.below(300))}`);
    yield* attempt(store, () => store.insert(t, tree.tree, key, key.length, record, 0, record.length));
    if (prng.chance(0.3)) yield sliceRequest(store.parts.core);
  }
  yield* t.commit();
  const u = store.begin(serial);
  for (const key of keys) {
    yield* attempt(store, () => store.remove(u, tree.tree, key, key.length, undefined));
    if (prng.chance(0.3)) yield sliceRequest(store.parts.core);
  }
  if (prng.chance(0.2)) yield* u.rollback();
  else yield* u.commit();
}

function* sum(store: FileStore, tree: TextTree, prng: Prng, backward: boolean): Task<void> {
  const t = store.begin(1);
  const snapshot = t.snapshot();
  const scan = store.scan();
  scan.open(tree.tree, undefined, undefined, backward, snapshot);
  let total = 0;
  let accounts = 0;
  while ((yield* attempt(store, () => scan.next())) === OK) {
    const { from, to } = scan;
    for (let n = 0; n < to - from; n++) {
      const slot = backward ? to - 1 - n : from + n;
      if (scan.resolve(slot)) {
        const key = new TextDecoder().decode(scan.key.subarray(0, scan.keyAt(slot)));
        if (!key.includes('/')) accounts++;
        const { bytes, start, length } = scan.row;
        total += Number(new TextDecoder().decode(bytes.subarray(start, start + length)).trim());
      }
      if (prng.chance(0.1)) {
        scan.park(slot, true);
        yield sliceRequest(store.parts.core);
        break;
      }
    }
    if (prng.chance(0.5)) yield sliceRequest(store.parts.core);
  }
  scan.close();
  t.release(snapshot);
  yield* t.commit();
  expect(accounts).toBe(ACCOUNTS);
  expect(total).toBe(ACCOUNTS * START);
}

/** Compacts and orders the tree, gives space back and moves pages to the front of the file, while the others are in the middle of theirs. */
function* movePages(opened: DatabaseFile, tree: TextTree): Task<void> {
  yield* new Reorganizer(opened, tree.tree, { lobCompaction: true }).run();
  yield* opened.space.trimmer.trim();
  yield* opened.shorten();
}

/** Runs tasks to their end, in an order that the seed decides; lock waits go through `start`, all others are answered at once. */
class Schedule {
  readonly #prng: Prng;
  readonly #opened: DatabaseFile;
  readonly #ready: { readonly task: Task<void>; error?: unknown }[] = [];
  waiting = 0;

  constructor(prng: Prng, opened: DatabaseFile) {
    this.#prng = prng;
    this.#opened = opened;
  }

  add(task: Task<void>): void {
    this.#ready.push({ task });
  }

  get isDone(): boolean {
    return this.#ready.length === 0 && this.waiting === 0;
  }

  step(): void {
    const core = this.#opened.store.parts.core;
    if (this.#prng.chance(0.3)) core.cache.evictClean();
    const entry = this.#ready.splice(this.#prng.below(this.#ready.length), 1)[0];
    if (entry === undefined) return;
    const step = entry.error === undefined ? entry.task.next() : entry.task.throw(entry.error);
    if (step.done !== true) this.#answer(entry.task, step.value);
  }

  #answer(task: Task<void>, request: Request): void {
    if (request.kind === REQUEST_ROW_LOCK) {
      this.waiting++;
      request.start((error) => {
        this.waiting--;
        this.#ready.push({ task, error });
      });
      return;
    }
    request.answerNow();
    this.#ready.push({ task });
  }
}

test('readers see a constant sum while everything moves, splits and is evicted', async () => {
  const seed = seedOf(99);
  for (let run = 0; run < 6; run++) {
    const prng = new Prng(seed + run);
    const opened = runNow(
      openDatabaseFile({
        vfs: new MemoryVfs(),
        clock: new ManualClock(),
        prng,
        path: 'db/bank.extent',
        pageBytes: 4096,
        cacheBytes: 1,
      }),
    );
    const { store } = opened;
    const tree = makeTree(store);
    commit(store, (t) => {
      for (let i = 0; i < ACCOUNTS; i++) tree.insert(t, accountKey(i), String(START));
    });
    const schedule = new Schedule(prng, opened);
    for (let i = 0; i < 120; i++) {
      schedule.add(transfer(store, tree, prng, 1000 + i));
      if (i % 4 === 0) schedule.add(churn(store, tree, prng, 5000 + i));
      if (i % 4 === 1) schedule.add(sum(store, tree, prng, i % 8 === 1));
      if (i % 10 === 2) schedule.add(movePages(opened, tree));
      for (let n = prng.below(60); n > 0 && !schedule.isDone; n--) schedule.step();
      if (prng.chance(0.5)) runNow(store.background());
      if (prng.chance(0.05)) runNow(store.checkpoint());
      await Promise.resolve();
    }
    for (let n = 0; !schedule.isDone && n < 1_000_000; n++) {
      schedule.step();
      if (n % 50 === 0) await Promise.resolve();
    }
    expect(schedule.isDone, `seed=${seed + run}`).toBe(true);
    while (runNow(store.background()));
    expect(store.parts.core.versions.entries, `seed=${seed + run}`).toBe(0);
    expect(checkStoreNow(store, opened.space.audit()), `seed=${seed + run}`).toEqual([]);
    await store.close();
  }
});
