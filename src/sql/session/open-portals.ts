/**
 * The portals of a session by name, and what becomes of them when a transaction ends.
 *
 *   bound ── fetched from ── transaction ends ──> gone
 *                                  └── commits, WITH HOLD: what is left is read to its end before ──> kept until it is closed
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { SqlValue } from '../types/contracts.ts';
import { HeldRows } from './held-rows.ts';
import { type Fetchable, Portal } from './portal.ts';
import type { SqlSession } from './sql-session.ts';
import type { Prepared } from './statement-planner.ts';

/** A portal, or a utility statement bound as one. */
export interface BoundPortal {
  readonly prepared: Prepared;
  readonly parameters: readonly SqlValue[];
  portal: Fetchable | undefined;
  /** Where DECLARE CURSOR's query gave it a name, it shows in pg_cursors. */
  readonly cursor: boolean;
  /** WITH HOLD: it stays when its transaction commits. */
  readonly hold?: boolean;
  done: boolean;
}

export class OpenPortals extends Map<string, BoundPortal> {
  readonly #sql: SqlSession;

  constructor(sql: SqlSession) {
    super();
    this.#sql = sql;
  }

  /** The portal of a name. @throws 34000. */
  named(name: string): BoundPortal {
    const portal = this.get(name);
    if (portal !== undefined) return portal;
    throw fail(
      'invalid_cursor_name',
      name === '' ? 'unnamed portal does not exist' : `portal "${name}" does not exist`,
    );
  }

  close(name: string): void {
    this.get(name)?.portal?.close();
    this.delete(name);
  }

  closeAll(): void {
    for (const name of [...this.keys()]) this.close(name);
  }

  /** Before a commit: what cursors WITH HOLD have still to deliver is kept. @throws what their statements throw */
  *hold(): Task<void> {
    for (const bound of this.values())
      if (bound.hold === true && bound.portal instanceof Portal)
        bound.portal = yield* HeldRows.of(this.#sql, bound.portal);
  }

  /** A transaction has ended: what was not kept goes. */
  transactionEnded(): void {
    for (const [name, { portal }] of [...this]) if (!(portal instanceof HeldRows)) this.close(name);
  }
}
