/**
 * Every page of the file by owner and use, with sums that add up.
 *
 *   a tree      owned = used + pages of its space trees + available + reserved + lent to other trees
 *   the file    length = header + used by kind + space trees + available + reserved + dropped + free + trimmed + backed ahead
 *
 * A tree is *tallied* from its row and its space trees alone; what it uses is the rest, which the checker proves to be its
 * pages (law 6). The database root is a tree like any other here: it lends to those above whom no other space stands, and to
 * the tree catalog, which takes single pages and owns none.
 *
 * Tallies are taken one after the other while others work, and taken again until all of them hold at the same moment. A space
 * that changes faster than it can be read for {@link ROUNDS_MAX} rounds is reported as it was last seen; what does not fit
 * together then is `leakedPages`.
 */
import type { Task } from '../base/task.ts';
import type { SpaceHints, TreeId, TreeKind } from '../storage/contracts.ts';
import { CATALOG_TREE, TREE_INDEX, TREE_LONG } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import { EXTENT_TRIMMED, EXTENT_TRIMMING, ROOT_TREE, TREE_CATALOG, TREE_DROPPED } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import type { DatabaseFile } from './open-database-file.ts';
import { Pace } from './pace.ts';
import { EXTENT_FIELDS } from './space-audit.ts';
import { isCurrent, spaceTreesOf, type Tally, tally } from './space-tally.ts';
import type { TreeFamilies } from './tree-families.ts';

const ROUNDS_MAX = 32;
const EXTENTS_PER_SLICE = 4096;
const TREES_PER_SLICE = 256;

/** What a tree is for the report: `dropped` trees are on their way out. */
export type SpaceKind = 'database' | 'catalog' | 'table' | 'index' | 'lob' | 'dropped';

/** The space of one tree; all counts are pages unless they say otherwise. */
export interface TreeSpace {
  readonly tree: TreeId;
  readonly kind: SpaceKind;
  readonly owned: number;
  readonly used: number;
  /** Pages of its space trees. */
  readonly space: number;
  readonly available: number;
  readonly reserved: number;
  /** Owned pages that lie in extents of other trees. */
  readonly lent: number;
  /** Triples (first page, pages, state), in the order of the file. */
  readonly ownedExtents: readonly number[];
  readonly availableExtents: readonly number[];
  readonly fillPercent: number;
  readonly hints: SpaceHints;
}

/** The file as a whole; all but the last four add up to `filePages`. */
export interface FileSpace {
  /** Pages of the database, header and its shadow included. */
  readonly filePages: number;
  readonly header: number;
  readonly catalog: number;
  readonly tables: number;
  readonly indexes: number;
  readonly longValues: number;
  readonly spaceTrees: number;
  readonly reserved: number;
  /** Available in trees. */
  readonly available: number;
  readonly dropped: number;
  /** Free at the database root, with and without their place on disk. */
  readonly free: number;
  readonly trimmed: number;
  /** Pages that nothing above accounts for: 0. */
  readonly leaked: number;
  /** Length of the file, and what of it lies behind the pages of the database. */
  readonly fileBytes: number;
  readonly backedAheadBytes: number;
  /** Disk space that the file takes, and what of that is neither the file's length nor its holes. */
  readonly diskBytes: number;
  readonly unaccountedBytes: number;
}

export interface SpaceReport {
  readonly pageBytes: number;
  /** The database root first, then by tree id. */
  readonly trees: readonly TreeSpace[];
  readonly file: FileSpace;
  /** Does all of it hold at one moment? Not so where spaces changed faster than they could be read. */
  readonly isSettled: boolean;
}

/** Reports the space of a database file. */
export function* spaceReport(file: DatabaseFile): Task<SpaceReport> {
  const { core } = file.store.parts;
  // Nothing waits between the last look at the trees and the sums over the file: they hold together.
  const { spaces: trees, isSettled } = yield* settledSpaces(core, file, () => reportedTrees(core));
  return { pageBytes: core.pageBytes, trees, file: fileSpace(file, trees), isSettled };
}

/** The space of one tree; only it and the trees that it may have lent to are read. Undefined when it is gone. */
export function* treeSpace(file: DatabaseFile, families: TreeFamilies, id: TreeId): Task<TreeSpace | undefined> {
  const { core } = file.store.parts;
  const { spaces } = yield* settledSpaces(core, file, () => families.of(id));
  return spaces.find(({ tree }) => tree === id);
}

function* settledSpaces(
  core: Core,
  file: DatabaseFile,
  select: () => Tree[],
): Task<{ readonly spaces: TreeSpace[]; readonly isSettled: boolean }> {
  let tallies = new Map<TreeId, Tally>();
  for (let round = 1; ; round++) {
    tallies = yield* tallyAll(file, select(), tallies);
    const spaces = yield* summarize(core, tallies);
    const isSettled = select().every((tree) => isCurrent(core, tallies.get(tree.id)));
    if (isSettled || round === ROUNDS_MAX) return { spaces, isSettled };
  }
}

/** All trees that own space, and the tree catalog; space trees are part of their owners. */
function reportedTrees(core: Core): Tree[] {
  const spaceTrees = new Set<TreeId>();
  for (const tree of core.trees.values()) for (const id of spaceTreesOf(tree)) spaceTrees.add(id);
  return [...core.trees.values()].filter((tree) => !spaceTrees.has(tree.id)).sort((a, b) => a.id - b.id);
}

/** Tallies what is new or has changed since it was tallied. */
function* tallyAll(
  file: DatabaseFile,
  trees: readonly Tree[],
  before: ReadonlyMap<TreeId, Tally>,
): Task<Map<TreeId, Tally>> {
  const { core } = file.store.parts;
  const tallies = new Map<TreeId, Tally>();
  const pace = new Pace(core, TREES_PER_SLICE);
  for (const tree of trees) {
    if (pace.isOver()) yield pace.slice();
    const known = before.get(tree.id);
    if (known?.tree === tree && isCurrent(core, known)) tallies.set(tree.id, known);
    else if (core.trees.get(tree.id) === tree) tallies.set(tree.id, yield* tally(file, tree));
  }
  return tallies;
}

/** Finds out who lent what, and derives what each tree uses. */
function* summarize(core: Core, tallies: ReadonlyMap<TreeId, Tally>): Task<TreeSpace[]> {
  const lent = new Map<TreeId, number>();
  const lend = (lender: TreeId, pages: number): void => {
    lent.set(lender, (lent.get(lender) ?? 0) + pages);
  };
  let steps = 0;
  for (const { tree, owned, own } of tallies.values()) {
    if (tree.id === ROOT_TREE) continue;
    if (own > 0) lend(ROOT_TREE, own);
    for (let i = 0; i < owned.length; i += EXTENT_FIELDS) {
      lend(lenderOf(tallies, tree, owned[i]!), owned[i + 1]!);
      if (++steps % EXTENTS_PER_SLICE === 0) yield sliceRequest(core);
    }
  }
  return [...tallies.values()].map((t) => spaceOf(t, lent.get(t.tree.id) ?? 0));
}

/** The nearest tree above in one of whose extents a page lies; the database root owns all. */
function lenderOf(tallies: ReadonlyMap<TreeId, Tally>, tree: Tree, pgno: number): TreeId {
  for (let id = tree.parent; id !== ROOT_TREE; ) {
    const upper = tallies.get(id);
    if (upper === undefined) break;
    if (holds(upper.owned, pgno)) return id;
    id = upper.tree.parent;
  }
  return ROOT_TREE;
}

function holds(extents: readonly number[], pgno: number): boolean {
  let low = 0;
  let high = extents.length / EXTENT_FIELDS;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (extents[middle * EXTENT_FIELDS]! <= pgno) low = middle + 1;
    else high = middle;
  }
  const at = (low - 1) * EXTENT_FIELDS;
  return low > 0 && pgno < extents[at]! + extents[at + 1]!;
}

function spaceOf(t: Tally, lent: number): TreeSpace {
  const { tree, space, reserved } = t;
  const owned = tree.id === TREE_CATALOG ? t.own : pagesOf(t.owned);
  const available = pagesOf(t.available);
  return {
    tree: tree.id,
    kind: kindOf(tree),
    owned,
    used: tree.id === ROOT_TREE ? 0 : owned - space - available - reserved - lent,
    space,
    available,
    reserved,
    lent,
    ownedExtents: t.owned,
    availableExtents: t.available,
    fillPercent: tree.fillPercent,
    hints: tree.hints,
  };
}

function pagesOf(extents: readonly number[]): number {
  let sum = 0;
  for (let i = 1; i < extents.length; i += EXTENT_FIELDS) sum += extents[i]!;
  return sum;
}

const KINDS: Readonly<Partial<Record<TreeKind, SpaceKind>>> = { [TREE_INDEX]: 'index', [TREE_LONG]: 'lob' };

function kindOf(tree: Tree): SpaceKind {
  if (tree.id === ROOT_TREE) return 'database';
  if (tree.id === TREE_CATALOG || tree.id === CATALOG_TREE) return 'catalog';
  if (tree.state === TREE_DROPPED) return 'dropped';
  return KINDS[tree.kind] ?? 'table';
}

/** Has an extent of the database root lost its place on disk? One whose hole is being made counts as if it had. */
export function isTrimmed(state: number): boolean {
  return state === EXTENT_TRIMMED || state === EXTENT_TRIMMING;
}

function fileSpace(file: DatabaseFile, trees: readonly TreeSpace[]): FileSpace {
  const { core } = file.store.parts;
  const root = trees.find(({ kind }) => kind === 'database');
  const sum = (kind: SpaceKind): number => trees.reduce((n, t) => n + (t.kind === kind ? t.used : 0), 0);
  const living = trees.filter(({ kind }) => kind !== 'dropped');
  const rest = (key: 'space' | 'reserved' | 'available'): number => living.reduce((n, t) => n + t[key], 0);
  const gone = trees.filter(({ kind }) => kind === 'dropped');
  const free = root?.availableExtents ?? [];
  let trimmed = 0;
  for (let i = 0; i < free.length; i += EXTENT_FIELDS) if (isTrimmed(free[i + 2]!)) trimmed += free[i + 1]!;
  const atRoot = root?.available ?? 0;
  const parts = {
    header: 2,
    catalog: sum('catalog'),
    tables: sum('table'),
    indexes: sum('index'),
    longValues: sum('lob'),
    spaceTrees: rest('space'),
    reserved: rest('reserved'),
    available: rest('available') - atRoot,
    dropped: gone.reduce((n, t) => n + t.owned - t.lent, 0),
    free: atRoot - trimmed,
    trimmed,
  };
  const filePages = (root?.owned ?? 0) + parts.header;
  const fileBytes = core.file.size();
  const diskBytes = core.file.diskBytes();
  return {
    filePages,
    ...parts,
    leaked: filePages - Object.values(parts).reduce((a, b) => a + b, 0),
    fileBytes,
    backedAheadBytes: fileBytes - filePages * core.pageBytes,
    diskBytes,
    unaccountedBytes: diskBytes - (fileBytes - trimmed * core.pageBytes),
  };
}
