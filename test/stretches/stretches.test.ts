/**
 * Law 9, proven without a clock: between two suspensions no statement does more than a bounded number of units of work. A unit
 * is a row read, written or looked at, or a key looked up; comparisons and log groups count as parts and multiples of it. What is counted is counted here, not by
 * the statements, so a loop that never asks whether its slice is over is found out.
 *
 * The clock says at every look that the slice is over: then a stretch is what lies between two looks.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Task } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { HashTable } from '../../src/sql/exec/hash-table.ts';
import { Sorter } from '../../src/sql/exec/sorter.ts';
import { Env } from '../../src/sql/exec/state.ts';
import { SqlSession } from '../../src/sql/session/sql-session.ts';
import type { FunctionEntry, LongImpl, Pace, ScalarImpl, SqlValue } from '../../src/sql/types/contracts.ts';
import { registry } from '../../src/sql/types/registry.ts';
import { OK } from '../../src/storage/contracts.ts';
import { Group } from '../../src/storage/group.ts';
import { TreeScan } from '../../src/storage/leaf-scan.ts';
import { RowBuffer } from '../../src/storage/record/row-buffer.ts';
import { TextSink } from '../support/in-process.ts';
import { heavyStatements, setUp } from './heavy-statements.ts';
import { StretchMeter } from './stretch-meter.ts';

const ROWS = 30_000;
/** Below {@link ROWS}: what does not give way at all is found out. A run of 4,096 rows is sorted in one go: 49,152 comparisons. */
const UNITS_MAX = 15_000;
const COMPARE_UNITS = 0.25;
const GROUP_UNITS = 20;
/** A character that a function goes through takes up to 0.2 µs. */
const CHARACTER_UNITS = 0.25;

/** Every look at it finds the slice over. */
class HurriedClock extends SystemClock {
  #ms = 0;

  override monotonicMs(): number {
    this.#ms += 3;
    return this.#ms;
  }
}

let units = 0;

/** Counts the calls of a method; returns what takes the counting back. */
function counted<K extends string>(
  owner: { [key in K]: (...args: never[]) => unknown },
  name: K,
  weight: (result: unknown, self: unknown) => number,
): () => void {
  const original = owner[name];
  owner[name] = function (this: unknown, ...args: never[]): unknown {
    const result = original.apply(this, args);
    units += weight(result, this);
    return result;
  };
  return () => {
    owner[name] = original;
  };
}

/**
 * Counts what a function goes through that can take long values in slices, at once or a piece at a time. It must happen before a
 * plan is made that calls the function.
 */
function countedFunction(fn: FunctionEntry, { units: unitsOf, run }: LongImpl): () => void {
  const { impl, long } = fn;
  const atOnce: ScalarImpl = (context, ...args) => {
    units += unitsOf(...args) * CHARACTER_UNITS;
    return impl!(context, ...args);
  };
  const counting = (pace: Pace): Pace => ({
    piece: pace.piece,
    isOver: () => {
      units += pace.piece * CHARACTER_UNITS;
      return pace.isOver();
    },
    slice: () => pace.slice(),
  });
  Object.assign(fn, {
    impl: atOnce,
    long: { units: unitsOf, run: (pace: Pace, ...args: SqlValue[]) => run(counting(pace), ...args) },
  });
  return () => Object.assign(fn, { impl, long });
}

const one = (): number => 1;
const restore: (() => void)[] = [];
let session: SqlSession;

/** Runs a text on the spot; returns the units of its longest stretch. */
function run(text: string, copyData: readonly string[] = []): number {
  const sink = new TextSink(() => session);
  sink.copyData = copyData.map((data) => Buffer.from(data));
  try {
    return longest(session.simple(text, sink));
  } catch (error) {
    longest(session.failed());
    throw error;
  }
}

function longest(task: Task<void>): number {
  let most = 0;
  for (;;) {
    units = 0;
    const step = task.next();
    most = Math.max(most, units);
    if (step.done === true) return most;
    step.value.answerNow();
  }
}

beforeAll(async () => {
  const instance = await Instance.openFile('/heavy.extent', {
    vfs: new MemoryVfs(),
    clock: new HurriedClock(),
    prng: new Prng(1),
    cacheBytes: 256 << 20,
  });
  session = new SqlSession(instance, instance.single.openSession(), { user: 'postgres', notice: () => {} });
  for (const text of setUp(ROWS)) run(text);
  for (const fn of registry.functions()) if (fn.long !== undefined) restore.push(countedFunction(fn, fn.long));
  restore.push(
    counted(RowBuffer.prototype, 'finish', one),
    counted(HashTable.prototype, 'find', one),
    counted(HashTable.prototype, 'findOrAdd', one),
    counted(Sorter.prototype, 'compare', () => COMPARE_UNITS),
    counted(Env.prototype, 'rowDone', one),
    counted(Group.prototype, 'end', () => GROUP_UNITS),
    counted(TreeScan.prototype, 'next', (status, scan) =>
      status === OK && scan instanceof TreeScan ? scan.to - scan.from : 1,
    ),
  );
}, 120_000);

afterAll(() => {
  for (const back of restore) back();
});

test.each(heavyStatements(ROWS))(
  '$name gives way in time',
  ({ before, text, copyData, after }) => {
    for (const first of before ?? []) run(first);
    const most = run(text, copyData);
    for (const last of after ?? []) run(last);
    if (process.env['SHOW'] !== undefined) console.log(`UNITS ${most} ${text.slice(0, 90)}`);
    expect(most).toBeLessThan(UNITS_MAX);
  },
  60_000,
);

test('the watchdog counts what the scheduler runs, and a view shows it', async () => {
  const instance = await Instance.openFile('/watched.extent', {
    vfs: new MemoryVfs(),
    clock: new HurriedClock(),
    prng: new Prng(1),
  });
  const meter = new StretchMeter(instance);
  await meter.run('create table t as select generate_series(1, 5000) a');
  const { stretches } = await meter.run('select count(*) from t x, t y where x.a = y.a + 1');
  expect(stretches).toBeGreaterThan(2);
  const { scheduler } = instance.single;
  expect(scheduler.stretches).toBeGreaterThan(stretches);
  expect(scheduler.longestMs).toBeGreaterThan(0);
  const other = new SqlSession(instance, instance.single.openSession(), { user: 'postgres', notice: () => {} });
  const sink = new TextSink(() => other);
  longest(other.simple('select stretches, stretches_over_10ms, longest_ms from extentdb.scheduler', sink));
  expect(sink.outcomes[0]?.rows).toEqual([
    [scheduler.stretches, scheduler.overruns, scheduler.longestMs].map((figure) => String(figure)),
  ]);
});
