/** Checking a database that is in use, as the registry of maintenance shows it. */
import type { Task } from '../base/task.ts';
import { onlineCheck } from '../space/online-check.ts';
import type { TableObject } from './catalog.ts';
import type { Database } from './database.ts';
import type { TrackedWork } from './maintenance.ts';

export const CHECK_COMMANDS: readonly string[] = ['DBCC CHECKDB', 'DBCC CHECKTABLE'];

export interface CheckRequest {
  readonly command: string;
  /** The session's process id. */
  readonly owner: number;
  readonly tables: readonly TableObject[];
  /** Only this table and its parts; undefined = the whole database, extents included. */
  readonly table: TableObject | undefined;
  /** Rows that will be compared with indexes. */
  readonly rows: number;
}

/** A check under way: pages first, then rows. It is shown until its `end` is called. */
export class Check {
  readonly #database: Database;
  readonly #request: CheckRequest;
  readonly #trees: readonly number[] | undefined;
  readonly #pages: number;
  readonly #work: TrackedWork;
  #pagesDone = 0;
  #rowsDone = 0;

  constructor(database: Database, request: CheckRequest) {
    this.#database = database;
    this.#request = request;
    this.#trees = request.table === undefined ? undefined : treesOf(database, request.tables);
    this.#pages = pagesOf(database, this.#trees);
    const { table } = request;
    const target = { tree: 0, table: table?.oid ?? 0, index: 0, name: table?.name ?? '', owner: request.owner };
    this.#work = database.maintenance.follow(target, request.command, {
      phase: 'checking pages',
      unit: 'pages',
      workTotal: Math.max(1, this.#pages + request.rows),
      treesTotal: 1,
    });
  }

  /**
   * Pages, trees, and in a whole database the extents.
   *
   * @param onUnsettled - told when the extents could not be compared, because they changed too fast.
   * @returns what is wrong
   */
  *structure(onUnsettled: () => void): Task<string[]> {
    return yield* onlineCheck(this.#database.file, {
      trees: this.#trees,
      onUnsettled,
      onPage: () => {
        this.#pagesDone = Math.min(this.#pages, this.#pagesDone + 1);
        this.#tell();
      },
    });
  }

  /** From now on rows are compared. */
  compare(): void {
    this.#pagesDone = this.#pages;
    this.#work.enter('comparing tables with indexes');
    this.#tell();
  }

  /** A row was compared. */
  advance(): void {
    this.#rowsDone = Math.min(this.#request.rows, this.#rowsDone + 1);
    this.#tell();
  }

  end(): void {
    this.#work.end();
  }

  #tell(): void {
    this.#work.reach(this.#pagesDone + this.#rowsDone, { scanned: this.#pagesDone, moved: this.#rowsDone });
  }
}

function treesOf(database: Database, tables: readonly TableObject[]): number[] {
  const { trees } = database.file.store.parts.core;
  const chosen = tables.flatMap((table) => [
    table.tree,
    ...database.catalog.indexesOf(table.oid).map((index) => index.tree),
  ]);
  const long = chosen.map((id) => trees.get(id)?.longTree ?? 0);
  return [...new Set([...chosen, ...long])].filter((id) => id !== 0);
}

/** Pages of trees, as they are counted; those above the leaves are few. */
function pagesOf(database: Database, chosen: readonly number[] | undefined): number {
  const { trees } = database.file.store.parts.core;
  let pages = 0;
  for (const id of chosen ?? trees.keys()) pages += Math.max(1, trees.get(id)?.leaves ?? 0);
  return pages;
}
