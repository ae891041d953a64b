/**
 * The end of a build beside writers: from what its snapshot saw to what is there, and nearly all of it before writers wait.
 *
 *   notes    ═════ A ═════╪══ B ══╪════ C ════╪══ D ══╪═══ …       each is the key of a row that somebody changed, committed or not
 *   snapshot S0          cut     S1          cut     S2
 *
 *   round 1  cut · who holds a writer's lock now is waited for · snapshot S1 and a cut, at once
 *            rows noted in A and B leave as S0 saw them, and only then enter as S1 sees them · A is forgotten
 *   round 2  the same with S1, S2 and the notes B, C, D; then B and C are forgotten
 *   …        until few rows are noted, or writers turn out to be faster than rounds
 *   the lock, in short tries, with rounds before one where many rows were noted again; after many tries in the queue
 *   the last round, in which nobody writes
 *
 * What holds:
 * - After each round the build has exactly what its snapshot sees; the next round undoes that state of a row, not another one. So
 *   that snapshot stays, and with it the versions of rows that it sees, until the next round is done.
 * - Rounds look at every row that their snapshot sees otherwise than the one before: a change is noted before its transaction ends,
 *   so what the snapshot sees of it was noted when the snapshot was taken; and no such note has been forgotten.
 * - A note is forgotten only when its writer has ended, by commit or rollback, before the snapshot that it was looked at with:
 *   those who made the notes before the first cut of a round held their locks there, or had ended. What was noted between the cut
 *   and the snapshot may belong to writers who are still there, so the next round looks at it once more.
 * - What a round writes is the build's own, and nobody else knows of it. Two rows with one unique key in a snapshot are rows that
 *   everybody could see together: the build fails with 23505, as on duplicates that were there before it.
 *
 * Rounds take no lock: nobody queues behind them. Who waits for the build while a round waits for him is found as a deadlock.
 */
import { REQUEST_TIMER, type Request, type Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import { LOCK_NOWAIT, type Snapshot, TABLE_SHARE } from '../../engine/record-port.ts';
import type { RowWatch } from '../../engine/row-watches.ts';
import type { ExecState } from '../exec/state.ts';
import type { Definer } from './definer.ts';
import { NotedKeys } from './noted-keys.ts';

/** Keeps writers away, and lets readers be. */
/** Keeps lockers of rows away, too. */
const TRIES = 50;
const TRY_EVERY_MS = 20;
/** So many rows are looked at again within a moment: writers may wait for that. */
export const FEW_NOTES = 250;
/** Between two tries for the lock. */
const ROUNDS_MAX = 10;
/** Rounds are no use when writers note more than this part of what a round looks at while it does so. */
const NOTED_PART_MAX = 0.5;

/** What is built beside writers of a table. */
export interface OnlineBuild {
  readonly table: TableObject;
  /** Began before the first snapshot, and writers of before were waited for. */
  readonly watch: RowWatch;
  /** Holds the first snapshot. */
  readonly state: ExecState;
  /** The lock of the end. */
  readonly mode: 5 | 7;
  /** Takes rows out that are there as `before` sees them, all of them, then puts them in as `now` sees them. */
  follow(keys: NotedKeys, before: Snapshot, now: Snapshot): Task<void>;
}

/** Completes a build; when this ends, nobody writes the table. @throws what `follow` does, 40P01, 55P03, 53100, 58030 */
export function* catchUp(d: Definer, build: OnlineBuild): Task<void> {
  const rounds = new Rounds(d, build);
  try {
    yield* rounds.lock();
    yield* rounds.look();
  } finally {
    rounds.release();
  }
}

class Rounds {
  readonly #d: Definer;
  readonly #build: OnlineBuild;
  /** What the build holds. */
  #reached: Snapshot;
  /** Are rounds faster than writers? */
  #isGaining = true;

  constructor(d: Definer, build: OnlineBuild) {
    this.#d = d;
    this.#build = build;
    this.#reached = build.state.snapshot;
  }

  /** Locks the table in short tries, so that nobody queues behind this; after many it waits in the queue. */
  *lock(): Task<void> {
    const { transaction, database } = this.#d.engine;
    const { table, mode } = this.#build;
    for (let n = 0; n < TRIES && this.#isGaining; n++) {
      yield* this.#gain();
      if (yield* transaction.lockTable(table.oid, mode, LOCK_NOWAIT)) return;
      yield pause((resume) => database.clock.after(TRY_EVERY_MS, resume));
    }
    // Who has been there for long is waited for outside the queue: in it, everybody else would wait for him too.
    yield* transaction.awaitTable(table.oid, mode);
    this.#isGaining = true;
    yield* this.#gain();
    yield* this.#d.lock(table.oid, mode);
  }

  /** Rounds, until few rows are noted or writers are too fast. */
  *#gain(): Task<void> {
    const { watch } = this.#build;
    for (let n = 0; n < ROUNDS_MAX && this.#isGaining && watch.count > FEW_NOTES; n++) yield* this.#round();
  }

  *#round(): Task<void> {
    const { table, watch } = this.#build;
    const settled = watch.cut();
    yield* this.#d.engine.transaction.awaitTable(table.oid, TABLE_SHARE);
    const looked = yield* this.look();
    this.#isGaining = watch.count - looked < looked * NOTED_PART_MAX;
    watch.forget(settled);
  }

  /** Brings the build to what is there now. @returns how many notes were looked at. */
  *look(): Task<number> {
    const { state, watch, follow } = this.#build;
    const before = this.#reached;
    // In one step: whatever a writer notes after this, the snapshot does not see.
    const now = this.#d.engine.transaction.snapshot();
    const notes = watch.cut();
    this.#reached = now;
    const keys = new NotedKeys(state);
    try {
      yield* keys.gather(notes);
      yield* follow(keys, before, now);
    } finally {
      keys.release();
      this.#give(before);
    }
    return notes.reduce((sum, { count }) => sum + count, 0);
  }

  release(): void {
    this.#give(this.#reached);
  }

  /** The first snapshot belongs to who made it. */
  #give(snapshot: Snapshot): void {
    if (snapshot !== this.#build.state.snapshot) this.#d.engine.transaction.release(snapshot);
  }
}

function pause(start: (resume: () => void) => { cancel(): void }): Request {
  return {
    kind: REQUEST_TIMER,
    start: (resume) => {
      const timer = start(resume);
      return () => timer.cancel();
    },
    // Who cannot wait goes on at once: the lock itself says so when it cannot be had.
    answerNow: () => {},
  };
}
