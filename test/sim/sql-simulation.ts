/**
 * The simulation once more through SQL: sessions of statements, a random one of which goes on at each suspension, while others
 * reorganize, rebuild and change what they use (`sql-scenes.ts`).
 *
 *   writer     owns the rows with its number; every transaction raises the version in its own row, so whoever reads the rows of
 *              a writer knows which of its states they must be
 *   reader     REPEATABLE READ: rows by primary key forward and backward, from an index alone, and through a cursor that stays open;
 *              each time what the first look saw, and a state that the writer committed
 *   refusal    where sessions wait for locks, some statements end with an error or are cancelled: then the session goes on, and nothing
 *              of the transaction is there
 *   power cut  at some steps: the disk as it would be then is opened, and each writer's rows are its last acknowledged state or
 *              the one whose commit was under way
 */
import { ManualClock } from '../../src/base/clock.ts';
import { ExtentError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { cancelledByUser } from '../../src/engine/scheduler.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { checkStore } from '../../src/storage/check.ts';
import { sliceRequest } from '../../src/storage/transactions.ts';
import { TestSession, TextSink } from '../support/in-process.ts';
import { difference } from './model.ts';
import { Schedule } from './schedule.ts';
import { Violation } from './sessions.ts';
import { DEFRAGMENTING } from './sql-scenes.ts';
import { SimClock, SimVfs } from './world.ts';

const PATH = '/sim.extent';
const WRITERS = 3;
const KEYS = 120;
const TURNS_MAX = 60_000;

type State = ReadonlyMap<number, string>;

/** The states of one writer by version, and the last one that was acknowledged. */
interface Writer {
  readonly states: State[];
  acknowledged: number;
}

/** What is done beside writers and readers. */
export interface SqlScene {
  /** Makes the table `t (id int, v text, n int, u int)`. */
  readonly made: string;
  /** Statements of each session that looks after the table, and how many it runs. */
  readonly statements: readonly string[];
  readonly administrators: number;
  readonly count: number;
  /** Sessions may have to wait for locks: some of what they do ends with one of these codes, and statements are cancelled. */
  readonly refusals: ReadonlySet<string>;
}

export interface SqlSimReport {
  /** Statements that came to their end, and those that were refused, by code. */
  readonly done: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly turns: number;
  readonly crashes: number;
  readonly compared: number;
  readonly trace: number;
}

export class SqlSimulation {
  readonly seed: number;
  readonly #prng: Prng;
  readonly #disk = new MemoryVfs();
  readonly #clock = new SimClock(0.7);
  readonly #vfs: SimVfs;
  readonly #schedule: Schedule;
  readonly #writers: Writer[] = Array.from({ length: WRITERS }, () => ({ states: [new Map()], acknowledged: 0 }));
  readonly #crashShare: number;
  #instance: Instance | undefined;
  readonly #scene: SqlScene;
  readonly #done = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #busy = 0;
  /** What each session was told last. */
  readonly #doing = new Map<TestSession, string>();
  #crashDue = false;
  #compared = 0;
  #nextUnique = 1;
  #crashes = 0;

  /** @param crashShare - share of the steps at which the power fails. */
  constructor(seed: number, crashShare: number, scene: SqlScene = DEFRAGMENTING) {
    this.#scene = scene;
    this.seed = seed;
    this.#crashShare = crashShare;
    this.#prng = new Prng(seed);
    this.#vfs = new SimVfs(this.#disk);
    this.#schedule = new Schedule(this.#prng, this.#clock, this.#vfs, {
      beforeTurn: () => {},
      onStep: () => {
        this.#crashDue = this.#prng.chance(this.#crashShare);
      },
      mayWait: scene.refusals.size > 0,
    });
  }

  get #over(): boolean {
    return this.#busy === 0;
  }

  get #open(): Instance {
    if (this.#instance === undefined) throw new Violation('nothing is open');
    return this.#instance;
  }

  async run(): Promise<SqlSimReport> {
    const opening = Instance.openFile(PATH, { vfs: this.#vfs, clock: this.#clock, prng: new Prng(this.seed) });
    this.#instance = await this.#pumped(opening);
    const first = new TestSession(this.#instance);
    await this.#pumped(first.run(this.#scene.made));
    this.#busy = this.#scene.administrators;
    for (let w = 0; w < WRITERS; w++) {
      await this.#pumped(first.run(`insert into t values (${versionRow(w)}, '', 0, ${versionRow(w)})`));
      this.#schedule.add(`writer ${w}`, this.#writer(w));
    }
    for (let r = 0; r < 3; r++) this.#schedule.add(`reader ${r}`, this.#reader());
    this.#schedule.add('housekeeper', this.#housekeeper());
    for (let turn = 0; turn < 200; turn++) this.#schedule.turn();
    for (let a = 0; a < this.#busy; a++) this.#schedule.add(`administrator ${a}`, this.#administrator(), true);
    while (!this.#schedule.isDone) {
      this.#schedule.turn();
      // What some statements wait for is a promise.
      await Promise.resolve();
      if (this.#crashDue) await this.#crash();
      if (this.#schedule.turns > TURNS_MAX)
        throw new Violation(`the run does not end: ${[...this.#doing.values()].join(' | ')}`);
    }
    const { file } = this.#instance.single;
    while (runNow(file.background()));
    this.#sound(this.#instance);
    runNow(file.store.closing());
    const { steps, turns, trace } = this.#schedule;
    const [done, refused] = [this.#done, this.#refused];
    return { steps, turns, trace, crashes: this.#crashes, compared: this.#compared, done, refused };
  }

  /** Waits for what was begun outside the schedule: its clock and disk go on for it alone. */
  async #pumped<T>(promise: Promise<T>): Promise<T> {
    let isOpen = true;
    const settled = promise.finally(() => {
      isOpen = false;
    });
    settled.catch(() => {});
    while (isOpen) {
      this.#clock.fireNext();
      if (this.#vfs.pending > 0) this.#vfs.finishOne(this.#prng);
      await Promise.resolve();
    }
    return settled;
  }

  *#run(session: TestSession, text: string, cancelAfter?: number): Task<(string | null)[][]> {
    const sink = new TextSink(() => session.sql);
    this.#doing.set(session, text);
    try {
      const task = session.sql.simple(text, sink);
      yield* cancelAfter === undefined ? task : cancelledAfter(cancelAfter, task, () => !session.sql.block.committing);
    } catch (error) {
      yield* session.sql.failed();
      throw error;
    }
    return sink.outcomes[sink.outcomes.length - 1]?.rows ?? [];
  }

  *#pauses(max: number): Task<void> {
    const { core } = this.#open.single.file.store.parts;
    for (let n = this.#prng.below(max + 1); n > 0; n--) yield sliceRequest(core);
  }

  *#writer(number: number): Task<void> {
    const prng = this.#prng;
    const session = new TestSession(this.#open);
    const writer = this.#writers[number];
    if (writer === undefined) throw new Violation(`no writer ${number}`);
    while (!this.#over) {
      const state = new Map(writer.states[writer.acknowledged]);
      const version = writer.acknowledged + 1;
      yield* this.#refusable(session, 'writer', function* (this: SqlSimulation): Task<void> {
        yield* this.#run(session, 'begin');
        for (let n = prng.below(30); n >= 0; n--) yield* this.#run(session, this.#change(number, state));
        yield* this.#run(session, `update t set n = ${version} where id = ${versionRow(number)}`);
        if (prng.chance(0.15)) {
          yield* this.#run(session, 'rollback');
          return;
        }
        writer.states[version] = state;
        yield* this.#run(session, 'commit');
        writer.acknowledged = version;
      });
      yield* this.#pauses(2);
    }
  }

  /** Does what may be refused, in a transaction of its own that is rolled back then. */
  *#refusable(session: TestSession, what: string, act: (this: SqlSimulation) => Task<void>): Task<void> {
    try {
      yield* act.call(this);
      this.#done.set(what, (this.#done.get(what) ?? 0) + 1);
    } catch (error) {
      const code = error instanceof ExtentError ? error.sqlstate : '';
      if (!this.#scene.refusals.has(code)) throw error;
      const key = `${code} ${what}`;
      this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
      yield* this.#run(session, 'rollback');
    }
  }

  /** A statement that changes one row of a writer, and the state accordingly. */
  #change(writer: number, state: Map<number, string>): string {
    const prng = this.#prng;
    const id = prng.below(KEYS) * WRITERS + writer;
    const other = [...state.keys()][prng.below(state.size + 1)];
    if (prng.chance(0.1) && other !== undefined && other !== id && state.has(id)) return swap(state, id, other);
    const value = String.fromCharCode(97 + prng.below(26)).repeat(prng.below(prng.chance(0.03) ? 20_000 : 300));
    if (!state.has(id)) {
      const u = this.#nextUnique++;
      state.set(id, `${u}:${value}`);
      return `insert into t values (${id}, '${value}', ${value.length}, ${u})`;
    }
    if (prng.chance(0.4)) {
      state.delete(id);
      return `delete from t where id = ${id}`;
    }
    state.set(id, `${uniqueOf(state, id)}:${value}`);
    return `update t set v = '${value}', n = ${value.length} where id = ${id}`;
  }

  *#reader(): Task<void> {
    const prng = this.#prng;
    const session = new TestSession(this.#open);
    while (!this.#over) {
      yield* this.#refusable(session, 'reader', function* (this: SqlSimulation): Task<void> {
        yield* this.#run(session, 'begin isolation level repeatable read');
        const seen = yield* this.#run(session, 'select id, v, n, u from t order by id');
        this.#compare(seen);
        for (let n = prng.below(3); n > 0; n--) {
          yield* this.#pauses(10);
          const again = yield* prng.pick([
            () => this.#backward(session),
            () => this.#byIndex(session),
            () => this.#byUnique(session),
            () => this.#cursor(session),
          ])();
          requireSame(again, seen);
        }
        yield* this.#run(session, 'commit');
      });
    }
  }

  *#backward(session: TestSession): Task<(string | null)[][]> {
    return (yield* this.#run(session, 'select id, v, n, u from t order by id desc')).reverse();
  }

  *#byIndex(session: TestSession): Task<(string | null)[][]> {
    const rows = yield* this.#run(session, 'select id, v, n, u from t where n >= 0 order by n');
    return rows.sort((a, b) => Number(a[0]) - Number(b[0]));
  }

  *#byUnique(session: TestSession): Task<(string | null)[][]> {
    const rows = yield* this.#run(session, 'select id, v, n, u from t where u > -9 order by u');
    return rows.sort((a, b) => Number(a[0]) - Number(b[0]));
  }

  /** A cursor that stays open over many steps. */
  *#cursor(session: TestSession): Task<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    yield* this.#run(session, 'declare c cursor for select id, v, n, u from t order by id');
    for (;;) {
      const part = yield* this.#run(session, `fetch ${20 + this.#prng.below(100)} from c`);
      if (part.length === 0) break;
      rows.push(...part);
      yield* this.#pauses(20);
    }
    yield* this.#run(session, 'close c');
    return rows;
  }

  *#housekeeper(): Task<void> {
    const { file } = this.#open.single;
    while (!this.#over) {
      if (this.#prng.chance(0.05)) yield* file.store.checkpoint();
      yield* file.background();
      yield* this.#pauses(3);
    }
  }

  *#administrator(): Task<void> {
    const session = new TestSession(this.#open);
    for (let n = this.#scene.count + this.#prng.below(2); n > 0; n--) {
      const text = this.#prng.pick(this.#scene.statements);
      yield* this.#refusable(session, text, function* (this: SqlSimulation): Task<void> {
        const isCancelled = this.#scene.refusals.has('57014') && this.#prng.chance(0.1);
        yield* this.#run(session, text, isCancelled ? this.#prng.below(60) : undefined);
      });
    }
    this.#busy--;
  }

  /** Rows of all writers in one snapshot: each writer's are a state that it has committed, or is committing. */
  #compare(
    rows: readonly (readonly (string | null)[])[],
    isAllowed = (_writer: Writer, _version: number) => true,
  ): void {
    for (const [number, writer] of this.#writers.entries()) {
      const version = Number(rows.find((row) => Number(row[0]) === versionRow(number))?.[2] ?? -1);
      const own = rows.filter((row) => Number(row[0]) >= 0 && Number(row[0]) % WRITERS === number);
      const state = writer.states[version];
      if (state === undefined || !isAllowed(writer, version))
        throw new Violation(`version ${version} of writer ${number}, whose last one is ${writer.acknowledged}`);
      const expected = [...state].sort(([a], [b]) => a - b).map(([id, value]) => [String(id), value] as const);
      const wrong = difference(
        own.map((row) => [row[0] ?? '', `${row[3]}:${row[1]}`] as const),
        expected,
      );
      if (wrong !== undefined) throw new Violation(`version ${version} of writer ${number}: ${wrong}`);
    }
    this.#compared++;
  }

  async #crash(): Promise<void> {
    this.#crashDue = false;
    this.#crashes++;
    const prng = new Prng(Math.imul(this.seed, 0x9e3779b1) + this.#schedule.steps);
    const vfs = this.#disk.afterPowerCut(prng);
    const instance = await Instance.openFile(PATH, { vfs, clock: new ManualClock(), prng });
    this.#sound(instance);
    const session = new TestSession(instance);
    const disagreements = await runTask(checkIndexes(session.sql));
    if (disagreements.length > 0) throw new Violation(`indexes: ${disagreements.slice(0, 5).join('; ')}`);
    const mayBeLeft = (writer: Writer, version: number): boolean =>
      version === writer.acknowledged || version === writer.acknowledged + 1;
    this.#compare(await session.rows('select id, v, n, u from t order by id'), mayBeLeft);
    await instance.close();
  }

  #sound({ single: { file } }: Instance): void {
    const problems = runNow(checkStore(file.store, file.space.audit()));
    if (problems.length > 0) throw new Violation(`structure: ${problems.slice(0, 5).join('; ')}`);
  }
}

/** The value of `u` in a row's state `u:v`. */
function uniqueOf(state: State, id: number): string {
  return state.get(id)?.split(':', 1)[0] ?? '';
}

/** Two rows exchange their unique values, in one statement. */
function swap(state: Map<number, string>, a: number, b: number): string {
  const [ua, ub] = [uniqueOf(state, a), uniqueOf(state, b)];
  const value = (id: number): string => state.get(id)?.slice(uniqueOf(state, id).length) ?? '';
  const [va, vb] = [value(a), value(b)];
  state.set(a, ub + va);
  state.set(b, ua + vb);
  return `update t set u = case id when ${a} then ${ub} else ${ua} end where id in (${a}, ${b})`;
}

/** Cancels a task at its n-th suspension, or the next one that can be cancelled, unless it ends before. */
function* cancelledAfter(turns: number, task: Task<void>, isPossible: () => boolean): Task<void> {
  let step = task.next();
  let isCancelled = false;
  for (let n = 0; step.done !== true; n++) {
    if (n >= turns && !isCancelled && isPossible()) {
      isCancelled = true;
      step = task.throw(cancelledByUser());
      continue;
    }
    try {
      yield step.value;
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next();
  }
}

function versionRow(writer: number): number {
  return -1 - writer;
}

function requireSame(
  rows: readonly (readonly (string | null)[])[],
  first: readonly (readonly (string | null)[])[],
): void {
  const pair = (row: readonly (string | null)[]): readonly [string, string] => [row[0] ?? '', row.slice(1).join(':')];
  const wrong = difference(rows.map(pair), first.map(pair));
  if (wrong !== undefined) throw new Violation(`a later look in the same snapshot: ${wrong}`);
}
