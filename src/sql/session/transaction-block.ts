/**
 * The transaction block of a session: PostgreSQL's states and what each statement may do in them.
 *
 *   idle ── any statement ──> implicit ── end of the message ──> idle (committed)
 *   idle ── BEGIN ──> block ── COMMIT / ROLLBACK ──> idle
 *   implicit ── BEGIN ──> block (what ran before belongs to it)
 *   implicit ── error ──> idle (rolled back)
 *   block ── error ──> failed ── ROLLBACK / COMMIT ──> idle,  ROLLBACK TO savepoint ──> block
 *
 * A failed block has already undone its work and freed its locks, back to the newest savepoint.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Isolation, Mark, Session } from '../../engine/session.ts';
import type { TransactionModes } from '../ast/statements.ts';
import type { DeferredChecks, DeferredMark } from './deferred-checks.ts';
import type { SessionContext } from './session-context.ts';
import type { Settings } from './settings.ts';

export type BlockState = 'idle' | 'implicit' | 'block' | 'failed';

interface Savepoint {
  readonly name: string;
  readonly mark: Mark;
  readonly settings: ReturnType<Settings['save']>;
  readonly deferred: DeferredMark;
}

export class TransactionBlock {
  state: BlockState = 'idle';
  readOnly = false;
  /** True while a commit is under way: it can no longer be cancelled. */
  committing = false;
  readonly #session: Session;
  readonly #settings: Settings;
  readonly #context: SessionContext;
  readonly deferred: DeferredChecks;
  #savepoints: Savepoint[] = [];
  /** What the settings of this version say about new transactions. */
  #settingsVersion = -1;
  #isolation: Isolation = 'read committed';
  #readOnlyDefault = false;
  /** True once a statement has run: isolation can no longer change. */
  #used = false;
  /** Called before a commit: what is to outlive the transaction is kept. */
  onCommit: () => Task<void> = none;
  /** Called when a transaction ends: portals and temporary things go. */
  onEnd: (committed: boolean) => void = () => {};

  constructor(session: Session, settings: Settings, context: SessionContext, deferred: DeferredChecks) {
    this.#session = session;
    this.#settings = settings;
    this.#context = context;
    this.deferred = deferred;
  }

  /** I, T or E, as ReadyForQuery says. */
  get status(): 'I' | 'T' | 'E' {
    return this.state === 'block' ? 'T' : this.state === 'failed' ? 'E' : 'I';
  }

  /** Makes sure that a transaction is open, for a statement. @throws 25P02 in a failed block. */
  enter(): void {
    if (this.state === 'failed')
      throw fail(
        'in_failed_sql_transaction',
        'current transaction is aborted, commands ignored until end of transaction block',
      );
    if (this.state === 'idle') {
      this.#open();
      this.state = 'implicit';
    }
  }

  #open(): void {
    const settings = this.#settings;
    if (settings.version !== this.#settingsVersion) {
      this.#settingsVersion = settings.version;
      this.#session.lockTimeoutMs = settings.number('lock_timeout');
      this.#session.durable = settings.get('synchronous_commit') !== 'off';
      this.#isolation =
        settings.get('default_transaction_isolation') === 'repeatable read' ? 'repeatable read' : 'read committed';
      this.#readOnlyDefault = settings.get('default_transaction_read_only') === 'on';
    }
    this.#session.begin(this.#isolation);
    this.readOnly = this.#readOnlyDefault;
    this.#settings.beginTransaction();
    this.#context.beginTransaction();
    this.#used = false;
  }

  /** Notes that a statement needs a snapshot now. */
  use(): void {
    this.#used = true;
  }

  /** Refuses a statement that may not run inside a transaction block. @throws 25001 */
  forbid(what: string): void {
    if (this.state === 'block' || this.state === 'failed')
      throw fail('active_sql_transaction', `${what} cannot run inside a transaction block`);
  }

  /** BEGIN. @returns a warning to be sent, or undefined. */
  begin(modes: TransactionModes): string | undefined {
    if (this.state === 'failed') this.enter();
    if (this.state === 'block') {
      this.setModes(modes);
      return 'there is already a transaction in progress';
    }
    if (this.state === 'idle') this.#open();
    this.setModes(modes);
    this.state = 'block';
    return undefined;
  }

  /** Isolation and access mode of the running transaction. @throws 25001, 0A000. */
  setModes(modes: TransactionModes): void {
    if (modes.isolation !== null) {
      if (modes.isolation === 'serializable')
        throw fail('feature_not_supported', 'SERIALIZABLE transactions are not supported', {
          hint: 'Use REPEATABLE READ.',
        });
      const wanted: Isolation = modes.isolation === 'repeatable read' ? 'repeatable read' : 'read committed';
      if (wanted !== this.#session.isolation) {
        if (this.#used)
          throw fail('active_sql_transaction', 'SET TRANSACTION ISOLATION LEVEL must be called before any query');
        if (this.#savepoints.length > 0)
          throw fail(
            'active_sql_transaction',
            'SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction',
          );
        this.#session.isolation = wanted;
      }
    }
    if (modes.readOnly !== null) {
      if (!modes.readOnly && this.readOnly && this.#used)
        throw fail('active_sql_transaction', 'transaction read-write mode must be set before any query');
      this.readOnly = modes.readOnly;
    }
  }

  /**
   * COMMIT. An error, of a deferred check for instance, leaves the transaction to {@link abort}: its client hears of it first,
   * since undoing much takes long.
   *
   * @returns the tag: a failed block can only roll back.
   */
  *commit(): Task<'COMMIT' | 'ROLLBACK'> {
    if (this.state === 'failed') {
      yield* this.rollback();
      return 'ROLLBACK';
    }
    if (this.state === 'idle') return 'COMMIT';
    try {
      yield* this.onCommit();
      yield* this.deferred.settle();
      this.committing = true;
      yield* this.#session.commit();
    } catch (error) {
      this.state = 'implicit';
      throw error;
    } finally {
      this.committing = false;
    }
    this.#end(true);
    return 'COMMIT';
  }

  *rollback(): Task<void> {
    if (this.#session.inTransaction) yield* this.#session.rollback();
    if (this.state !== 'idle') this.#end(false);
  }

  #end(committed: boolean): void {
    this.state = 'idle';
    this.#savepoints = [];
    this.deferred.clear();
    this.#settings.endTransaction(committed);
    this.onEnd(committed);
  }

  /** An error ended a statement: undoes what must be undone. */
  *abort(): Task<void> {
    if (this.state === 'idle' || this.state === 'failed') return;
    if (this.state === 'implicit') {
      yield* this.rollback();
      return;
    }
    const newest = this.#savepoints[this.#savepoints.length - 1];
    this.state = 'failed';
    if (newest === undefined) yield* this.#session.rollback();
    else yield* this.#session.rollbackTo(newest.mark);
  }

  #requireBlock(what: string): void {
    if (this.state === 'idle' || this.state === 'implicit')
      throw fail('no_active_sql_transaction', `${what} can only be used in transaction blocks`);
  }

  savepoint(name: string): void {
    this.#requireBlock('SAVEPOINT');
    this.enter();
    this.#savepoints.push({
      name,
      mark: this.#session.mark(),
      settings: this.#settings.save(),
      deferred: this.deferred.mark(),
    });
  }

  release(name: string): void {
    this.#requireBlock('RELEASE SAVEPOINT');
    this.enter();
    this.#savepoints.length = this.#find(name);
  }

  *rollbackTo(name: string): Task<void> {
    this.#requireBlock('ROLLBACK TO SAVEPOINT');
    const at = this.#find(name);
    const savepoint = this.#savepoints[at]!;
    yield* this.#session.rollbackTo(savepoint.mark);
    this.#savepoints.length = at;
    // The savepoint stays, with a mark of its own time.
    this.#savepoints.push({ ...savepoint, mark: this.#session.mark() });
    this.#settings.restore(savepoint.settings);
    this.deferred.rollbackTo(savepoint.deferred);
    this.state = 'block';
  }

  #find(name: string): number {
    for (let i = this.#savepoints.length - 1; i >= 0; i--) if (this.#savepoints[i]!.name === name) return i;
    throw fail('invalid_savepoint_specification', `savepoint "${name}" does not exist`);
  }
}

function* none(): Task<void> {}
