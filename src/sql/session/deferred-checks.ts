/**
 * Constraints whose time has not come: which ones wait for the commit, and what there is to check then.
 *
 *   statement ends ──> constraint immediate now? ── yes ──> checked at once
 *                                                └─ no ───> noted ──(commit | SET CONSTRAINTS … IMMEDIATE)──> checked, in the order of notes
 *
 * A savepoint remembers notes and modes: rolled back to, it brings both back as they were, for what was checked since may have been
 * satisfied by rows that are gone again. Lists only grow, or are replaced by new ones, so remembering one takes its length.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid } from '../../engine/catalog.ts';
import type { Session } from '../../engine/session.ts';
import type { Check, ExecState } from '../exec/state.ts';

/** What the notes of one transaction may take, in bytes: some 1.5 million checks of small keys. */
const NOTED_BYTES_MAX = 256 << 20;
/** What a note takes beside what its maker says. */
const NOTE_BYTES = 100;

interface Note {
  readonly constraint: Oid;
  readonly bytes: number;
  readonly check: Check;
}

/** What a savepoint remembers. */
export interface DeferredMark {
  readonly notes: Note[];
  readonly count: number;
  readonly bytes: number;
  readonly modes: ReadonlyMap<Oid, boolean>;
  readonly allDeferred: boolean | undefined;
}

export class DeferredChecks {
  readonly #session: Session;
  readonly #newState: () => ExecState;
  readonly #bytesMax: number;
  #notes: Note[] = [];
  #bytes = 0;
  /** What SET CONSTRAINTS said of single constraints in this transaction, and of all. */
  #modes = new Map<Oid, boolean>();
  #allDeferred: boolean | undefined;

  /**
   * @param newState - what checks run in, long after their statement's end. Its snapshot is released here.
   * @param bytesMax - what the notes of one transaction may take.
   */
  constructor(session: Session, newState: () => ExecState, bytesMax: number = NOTED_BYTES_MAX) {
    this.#session = session;
    this.#newState = newState;
    this.#bytesMax = bytesMax;
  }

  /**
   * Keeps a check for the commit when its constraint is deferred now; false = check at once.
   *
   * @param bytes - what it holds. @throws 53200 when the transaction has noted too much.
   */
  defer(constraint: Oid, bytes: number, check: Check): boolean {
    const object = this.#session.catalog.object(constraint);
    if (object?.kind !== 'constraint' || !object.deferrable) return false;
    const deferred = this.#modeOf(constraint) ?? this.#allDeferred ?? object.initiallyDeferred;
    if (!deferred) return false;
    const note = { constraint, bytes: bytes + NOTE_BYTES, check };
    if (this.#bytes + note.bytes > this.#bytesMax)
      throw fail('out_of_memory', 'out of memory', {
        detail: `The transaction would hold more than ${Math.ceil(this.#bytesMax / (1 << 20))} MB of deferred constraint checks.`,
        hint: 'Use SET CONSTRAINTS ALL IMMEDIATE now and then, or smaller transactions.',
      });
    this.#bytes += note.bytes;
    this.#notes.push(note);
    return true;
  }

  /** Waits a check of a key of the table for the commit? */
  isPending(table: Oid): boolean {
    return this.#notes.some(({ constraint }) => {
      const object = this.#session.catalog.object(constraint);
      return object?.kind === 'constraint' && object.table === table && object.foreign === undefined;
    });
  }

  /** SET CONSTRAINTS; making one immediate checks what waited for it. @param oids - undefined: ALL. */
  *setMode(oids: readonly Oid[] | undefined, deferred: boolean): Task<void> {
    if (oids === undefined) {
      this.#allDeferred = deferred;
      this.#modes.clear();
    } else for (const oid of oids) this.#setMode(oid, deferred);
    if (deferred) return;
    const isMeant = (oid: Oid): boolean => oids === undefined || oids.includes(oid);
    const isDue = (note: Note): boolean => [...this.#lineOf(note.constraint)].some(isMeant);
    const due = this.#notes.filter(isDue);
    this.#replace(this.#notes.filter((note) => !isDue(note)));
    yield* this.#runAll(due);
  }

  /** At the commit: checks everything, also what the checks' own statements note. */
  *settle(): Task<void> {
    while (this.#notes.length > 0) {
      const due = this.#notes;
      this.#replace([]);
      this.#session.nextCommand();
      yield* this.#runAll(due);
    }
  }

  mark(): DeferredMark {
    return {
      notes: this.#notes,
      count: this.#notes.length,
      bytes: this.#bytes,
      modes: new Map(this.#modes),
      allDeferred: this.#allDeferred,
    };
  }

  rollbackTo({ notes, count, bytes, modes, allDeferred }: DeferredMark): void {
    notes.length = count;
    this.#notes = notes;
    this.#bytes = bytes;
    this.#modes = new Map(modes);
    this.#allDeferred = allDeferred;
  }

  /** The transaction has ended. */
  clear(): void {
    this.#replace([]);
    this.#modes.clear();
    this.#allDeferred = undefined;
  }

  #replace(notes: Note[]): void {
    this.#notes = notes;
    this.#bytes = notes.reduce((sum, note) => sum + note.bytes, 0);
  }

  *#runAll(notes: readonly Note[]): Task<void> {
    if (notes.length === 0) return;
    const state = this.#newState();
    try {
      for (const { check } of notes) {
        yield* check(state);
        if (this.#session.sliceOver()) yield this.#session.slice();
      }
    } finally {
      if (this.#session.inTransaction) this.#session.release(state.snapshot);
    }
  }

  /** For a constraint and all that were inherited from it. */
  #setMode(constraint: Oid, deferred: boolean): void {
    for (const known of [...this.#modes.keys()])
      if ([...this.#lineOf(known)].includes(constraint)) this.#modes.delete(known);
    this.#modes.set(constraint, deferred);
  }

  /** A constraint's own mode, or that of the one that it was inherited from. */
  #modeOf(constraint: Oid): boolean | undefined {
    for (const oid of this.#lineOf(constraint)) {
      const mode = this.#modes.get(oid);
      if (mode !== undefined) return mode;
    }
    return undefined;
  }

  *#lineOf(constraint: Oid): Iterable<Oid> {
    for (let oid: Oid | undefined = constraint; oid !== undefined; ) {
      yield oid;
      const object = this.#session.catalog.object(oid);
      oid = object?.kind === 'constraint' ? object.parent : undefined;
    }
  }
}
