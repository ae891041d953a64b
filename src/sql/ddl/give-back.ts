/**
 * What VACUUM FULL gives back to the file system after a table was written anew and its old trees are free.
 *
 *   VACUUM FULL t   what t has at the end of the file moves to where its old trees were, as far as there is room, in its order; the
 *                   free end of the file is cut off; what is free amid the file becomes holes. No other table moves.
 *   VACUUM FULL     the same after each table; at the end whatever lies at the end of the file moves too, as by SHRINK
 *
 * A copy is made while the old trees are still there, so it comes to lie behind them: without the move the file would be longer than
 * before. Nothing here belongs to a transaction; where it ends early, the file is as long as it is then. With `shrink = off`
 * the file keeps what is free.
 */
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import { STOPS } from './database-space.ts';
import type { Definer } from './definer.ts';

export class GiveBack {
  readonly #d: Definer;
  readonly #isVerbose: boolean;
  #pagesBefore = 0;

  constructor(d: Definer, isVerbose: boolean) {
    this.#d = d;
    this.#isVerbose = isVerbose;
  }

  /** A table is about to be written anew. */
  begin(): void {
    this.#pagesBefore = this.#d.engine.database.file.space.filePages();
  }

  /** Between two transactions: the table is as new. */
  *after({ oid, name }: TableObject): Task<void> {
    const { engine } = this.#d;
    const { store } = engine.database.file;
    // Not yet the holes: what is free now is where the table goes.
    yield* engine.database.cleanBehind(() => store.background());
    const table = engine.database.catalog.object(oid);
    if (table?.kind === 'table') yield* this.#shorten(`"${name}"`, oid, [table.tree]);
  }

  /** At the end, for the file as a whole. */
  *afterAll(): Task<void> {
    const { database } = this.#d.engine;
    this.begin();
    yield* this.#shorten(`database "${database.name}"`, 0, undefined);
  }

  *#shorten(what: string, relation: number, only: readonly number[] | undefined): Task<void> {
    const { file, maintenance } = this.#d.engine.database;
    if (file.shrink === 'off') {
      this.#tell(`${what}: what is free stays in the file, as giving back is switched off (shrink = off)`);
      return;
    }
    const target = { tree: 0, table: relation, index: 0, name: '', owner: this.#d.engine.processId };
    const place = { phase: 'performing final cleanup', unit: 'pages', workTotal: file.space.filePages() } as const;
    const work = maintenance.follow(target, 'VACUUM FULL', { ...place, treesTotal: 1 });
    const pages = file.space.filePages();
    const isOver = (): boolean => {
      work.reach(pages - file.space.filePages());
      return false;
    };
    try {
      const { reason, moved } = yield* file.shorten(only === undefined ? { isOver } : { isOver, only });
      const { before, after } = yield* file.space.trimmer.trim((page) => work.reach(page));
      this.#tell(
        `${what}: file of ${this.#pagesBefore} pages before, ${file.space.filePages()} now, ${after} of them holes ` +
          `(${after - before} new); ${moved} pages moved: ${STOPS[reason]}`,
      );
    } finally {
      work.end();
    }
  }

  #tell(message: string): void {
    if (this.#isVerbose) this.#d.sql.notice({ severity: 'INFO', sqlstate: '00000', message });
  }
}
