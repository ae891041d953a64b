/** statement_timeout: a timer around each statement, while the setting is not 0. */
import type { Timer } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { SqlSession } from '../sql/session/sql-session.ts';

export class StatementTimeout {
  readonly #sql: SqlSession;
  readonly #cancel: (error: Error) => void;
  /** The setting, looked up anew when any has changed. */
  #limitMs = 0;
  #settingsVersion = -1;

  /** @param cancel - ends the running statement with an error. */
  constructor(sql: SqlSession, cancel: (error: Error) => void) {
    this.#sql = sql;
    this.#cancel = cancel;
  }

  /** A statement begins. @returns its timer, to be cancelled at its end; undefined = no limit. */
  start(): Timer | undefined {
    const { settings, engine } = this.#sql;
    if (settings.version !== this.#settingsVersion) {
      this.#settingsVersion = settings.version;
      this.#limitMs = settings.number('statement_timeout');
    }
    if (this.#limitMs === 0) return undefined;
    return engine.database.clock.after(this.#limitMs, () =>
      this.#cancel(fail('query_canceled', 'canceling statement due to statement timeout')),
    );
  }
}
