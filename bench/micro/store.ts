/**
 * Nanoseconds per operation of the store's hot paths, on a memory disk: `node <built>/bench/micro/store.js [directory]`.
 */
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { NodeVfs } from '../../src/io/node-vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { NEED, OK } from '../../src/storage/contracts.ts';
import { NODE_RECORD_AT, SLOTS_AT } from '../../src/storage/layout.ts';
import { makeRow } from '../../src/storage/row-versions.ts';

const ROWS = 1_000_000;
const path = `${process.argv[2] ?? '/tmp'}/bench-${process.pid}.extent`;
const { store } = runNow(
  openDatabaseFile({
    vfs: new NodeVfs(),
    clock: new SystemClock(),
    prng: new Prng(1),
    path,
    cacheBytes: 512 << 20,
    versionBytes: 512 << 20,
  }),
);

function report(what: string, count: number, ms: number): void {
  console.log(`${what.padEnd(34)} ${((ms * 1e6) / count).toFixed(0).padStart(7)} ns`);
}

const key = new Uint8Array(8);
const keyView = new DataView(key.buffer);
const record = new Uint8Array(60);
const setup = store.begin(1);
const tree = runNow(store.createTree(setup, { kind: 0, parent: 0, fillPercent: 90 }));
const other = runNow(store.createTree(setup, { kind: 0, parent: 0, fillPercent: 90 }));
const bulk = runNow(store.createTree(setup, { kind: 0, parent: 0, fillPercent: 90 }));
runNow(setup.commit());

function setKey(n: number): void {
  keyView.setUint32(0, 0x80000000);
  keyView.setUint32(4, n);
}

function insertAll(into: number, count: number, keyOf: (i: number) => number): void {
  const t = store.begin(1);
  for (let i = 0; i < count; i++) {
    setKey(keyOf(i));
    while (store.insert(t, into, key, 8, record, 0, 60) === NEED) store.need.answerNow();
  }
  runNow(t.commit());
}

let at = performance.now();
insertAll(tree, ROWS, (i) => i);
report('insert, ascending', ROWS, performance.now() - at);

at = performance.now();
insertAll(other, ROWS / 4, (i) => Math.imul(i, 2654435761) >>> 0);
report('insert, random', ROWS / 4, performance.now() - at);

at = performance.now();
{
  const t = store.begin(1);
  const appender = store.appender(t, bulk);
  for (let i = 0; i < ROWS; i++) {
    setKey(i);
    while (appender.add(key, 8, record, 0, 60) === NEED) store.need.answerNow();
  }
  while (appender.flush() === NEED) store.need.answerNow();
  runNow(t.commit());
}
report('bulk append', ROWS, performance.now() - at);

at = performance.now();
let steps = 0;
while (runNow(store.background())) steps++;
report(`background, ${steps} steps, per step`, steps, performance.now() - at);

const row = makeRow();
const reader = store.begin(1);
const snapshot = reader.snapshot();
for (let round = 0; round < 2; round++) {
  at = performance.now();
  for (let i = 0; i < ROWS; i++) {
    setKey(Math.imul(i, 2654435761) % ROWS);
    while (store.find(tree, key, 8, snapshot, row) === NEED) store.need.answerNow();
  }
  report('find, random of 1 M', ROWS, performance.now() - at);
}
for (let round = 0; round < 3; round++) {
  at = performance.now();
  const scan = store.scan();
  scan.open(tree, undefined, undefined, false, snapshot);
  let leaves = 0;
  let sum = 0;
  for (;;) {
    const status = scan.next();
    if (status === NEED) {
      store.need.answerNow();
      continue;
    }
    if (status !== OK) break;
    leaves++;
    const view = scan.view;
    for (let slot = scan.from; slot < scan.to; slot++) {
      sum += view.getUint32(view.getUint16(SLOTS_AT + 2 * slot, true) + NODE_RECORD_AT, true);
    }
  }
  scan.close();
  report(`scan, per leaf (${leaves} leaves, sum ${sum})`, leaves, performance.now() - at);
}
reader.release(snapshot);
runNow(reader.commit());

at = performance.now();
{
  const t = store.begin(1);
  for (let i = 0; i < ROWS / 4; i++) {
    setKey(i * 4);
    while (store.update(t, tree, key, 8, record, 0, 60, 2) === NEED) store.need.answerNow();
  }
  runNow(t.commit());
}
report('update in place', ROWS / 4, performance.now() - at);
console.log(JSON.stringify(store.facts(tree)));
await store.close();
