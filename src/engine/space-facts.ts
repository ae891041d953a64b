/**
 * What a database tells about its space: sizes, extents, fill and order of its trees. All of it is read, nothing kept.
 *
 * Trees are known here by id; {@link treesOf} says which relation of a catalog each belongs to.
 */
import type { Task } from '../base/task.ts';
import { freePages } from '../space/free-pages.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import {
  type PageContent,
  physicalStats,
  type StatsMode,
  sampledFill,
  type TreeStats,
  usedShare,
} from '../space/physical-stats.ts';
import { EXTENT_FIELDS } from '../space/space-audit.ts';
import { isTrimmed, type SpaceReport, spaceReport, type TreeSpace, treeSpace } from '../space/space-report.ts';
import { TreeFamilies } from '../space/tree-families.ts';
import {
  HINT_APPEND_SEQUENTIAL,
  HINT_DELETE_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  HINT_SCAN_BACKWARD,
  HINT_SCAN_FORWARD,
  HINT_UTILIZE_PARENT_SPACE,
  type SpaceHints,
  type TreeId,
} from '../storage/contracts.ts';
import { EXTENT_SEQUENTIAL, EXTENT_TRIMMED, EXTENT_TRIMMING } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { Catalog, IndexObject, TableObject } from './catalog.ts';

export type { TrimReport } from '../space/trimmer.ts';
export type { PageContent, SpaceReport, StatsMode, TreeSpace, TreeStats };
export { EXTENT_FIELDS, isTrimmed };

/** Leaves that an estimate of the fill looks at. */
const FILL_SAMPLES = 128;

/** Whose a tree is. Long values are their table's, or those of an index that includes columns. */
export interface TreeOwner {
  readonly object: TableObject | IndexObject;
  readonly kind: 'table' | 'index' | 'lob';
}

/** How the leaves of a tree lie, and how full some of them are. */
export interface LeafFacts {
  readonly leaves: number;
  readonly pages: number;
  /** Runs of leaves that lie side by side: what reading them all in order costs in I/O. */
  readonly runs: number;
  readonly fragmentedPercent: number;
  /** An estimate above {@link FILL_SAMPLES} leaves. */
  readonly fillPercent: number;
}

export class SpaceFacts {
  readonly #file: DatabaseFile;
  readonly #families: TreeFamilies;

  constructor(file: DatabaseFile) {
    this.#file = file;
    this.#families = new TreeFamilies(file.store.parts.core);
  }

  get pageBytes(): number {
    return this.#file.store.pageBytes;
  }

  /** Length of the database's file. */
  fileBytes(): number {
    return this.#file.store.parts.core.file.size();
  }

  /** The tree of the long values that the records of a table's or an index's tree refer to; 0 = none. */
  longTreeOf(tree: TreeId): TreeId {
    return this.#tree(tree)?.longTree ?? 0;
  }

  /** Every page of the file. */
  report(): Task<SpaceReport> {
    return spaceReport(this.#file);
  }

  /** The space of one tree; undefined when it is gone. */
  space(tree: TreeId): Task<TreeSpace | undefined> {
    return treeSpace(this.#file, this.#families, tree);
  }

  /** Order and content of a tree's pages; undefined when it is gone. */
  *stats(id: TreeId, mode: StatsMode): Task<TreeStats | undefined> {
    const tree = this.#tree(id);
    return tree === undefined ? undefined : yield* physicalStats(this.#file.store.parts, tree, mode);
  }

  /** Percent of the runs of leaves in one extent that do not begin right behind the extent of the run before. */
  *extentFragmentation(id: TreeId, stats: TreeStats): Task<number> {
    const space = yield* this.space(id);
    if (space === undefined) return 0;
    const { core } = this.#file.store.parts;
    return 100 * (yield* stats.leaves.extentFragmentation(core, space.ownedExtents, EXTENT_FIELDS));
  }

  *leaves(id: TreeId): Task<LeafFacts | undefined> {
    const tree = this.#tree(id);
    if (tree === undefined || tree.root === 0) return undefined;
    const { stats, content } = yield* sampledFill(this.#file.store.parts, tree, FILL_SAMPLES);
    const level = stats.levels[0];
    if (level === undefined) return undefined;
    return {
      leaves: level.pages,
      pages: stats.pages,
      runs: level.fragments,
      fragmentedPercent: level.pages === 0 ? 0 : (100 * level.outOfOrder) / level.pages,
      fillPercent: 100 * usedShare(content, this.pageBytes),
    };
  }

  /** Pairs (page, free bytes) of a tree's own and available pages, in the order of the file. */
  *freePages(id: TreeId): Task<number[]> {
    const space = yield* this.space(id);
    const tree = this.#tree(id);
    return space === undefined || tree === undefined ? [] : yield* freePages(this.#file.store.parts.core, tree, space);
  }

  /** Root page of a tree. */
  rootPage(id: TreeId): number {
    return this.#tree(id)?.root ?? 0;
  }

  #tree(id: TreeId): Tree | undefined {
    return this.#file.store.parts.core.trees.get(id);
  }
}

/** Percent of the usable bytes that is in use on pages looked at. */
export function usedPercent(content: PageContent, pageBytes: number): number {
  return 100 * usedShare(content, pageBytes);
}

/** The relations of a catalog by their trees. The tree of a primary key is mostly its table's. */
export function treesOf(catalog: Catalog, facts: SpaceFacts): Map<TreeId, TreeOwner> {
  const owners = new Map<TreeId, TreeOwner>();
  for (const object of catalog.objects()) {
    if (object.kind !== 'table' && (object.kind !== 'index' || catalog.isClustered(object))) continue;
    owners.set(object.tree, { object, kind: object.kind });
    const long = facts.longTreeOf(object.tree);
    if (long !== 0) owners.set(long, { object, kind: 'lob' });
  }
  return owners;
}

const STATES: ReadonlyMap<number, string> = new Map([
  [EXTENT_SEQUENTIAL, 'sequential'],
  [EXTENT_TRIMMING, 'trimming'],
  [EXTENT_TRIMMED, 'trimmed'],
]);

/** What an extent's state is called. */
export function extentStateName(state: number): string {
  return STATES.get(state) ?? 'at hand';
}

/** The space hints in force, as options; those not given are left out. */
export function hintsText(fillPercent: number, hints: SpaceHints): string {
  const parts: string[] = [];
  const pages = (name: string, n: number): void => {
    if (n > 0) parts.push(`${name}=${n} ${n === 1 ? 'page' : 'pages'}`);
  };
  const percent = (name: string, n: number): void => {
    if (n > 0) parts.push(`${name}=${n}`);
  };
  const flag = (name: string, bit: number): void => {
    if ((hints.flags & bit) !== 0) parts.push(name);
  };
  pages('initial_size', hints.initialPages);
  percent('initial_density', fillPercent);
  percent('growth', hints.growthPercent);
  pages('min_extent', hints.extentPagesMin);
  pages('max_extent', hints.extentPagesMax);
  percent('maintenance_density', hints.maintenancePercent);
  flag('append_sequential', HINT_APPEND_SEQUENTIAL);
  flag('hotpoint_sequential', HINT_HOTPOINT_SEQUENTIAL);
  flag('delete_sequential', HINT_DELETE_SEQUENTIAL);
  flag('scan=forward', HINT_SCAN_FORWARD);
  flag('scan=backward', HINT_SCAN_BACKWARD);
  flag('utilize_parent_space', HINT_UTILIZE_PARENT_SPACE);
  return parts.join(', ');
}
