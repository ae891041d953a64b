/**
 * Views of space, in schema `extentdb`: a row per tree, a row per extent, and one row for the file whose parts add up to it.
 * Their rows need pages, so they are gathered by tasks.
 */
import type { Task } from '../../base/task.ts';
import {
  EXTENT_FIELDS,
  extentStateName,
  hintsText,
  isTrimmed,
  type SpaceReport,
  type TreeOwner,
  type TreeSpace,
  treesOf,
} from '../../engine/space-facts.ts';
import { displayName } from '../session/names.ts';
import type { NamedRow, RowGatherer, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const SPACE_RELATIONS: readonly string[] = [
  '14010|extentdb|space|v|object text, kind text, relid oid, tree int8, owned_pages int8, used_pages int8, ' +
    'space_pages int8, available_pages int8, reserved_pages int8, lent_pages int8, owned_extents int8, ' +
    'available_extents int8, fill_percent float8, io_runs int8, hole_bytes int8, hints text',
  '14011|extentdb|extents|v|object text, kind text, relid oid, tree int8, space text, state text, first_page int8, ' +
    'pages int8, bytes_on_disk int8',
  '14012|extentdb|file_space|v|page_size int8, header_bytes int8, catalog_bytes int8, table_bytes int8, index_bytes int8, ' +
    'lob_bytes int8, space_tree_bytes int8, reserved_bytes int8, available_bytes int8, dropped_bytes int8, ' +
    'free_bytes int8, trimmed_bytes int8, backed_ahead_bytes int8, leaked_bytes int8, file_bytes int8, hole_bytes int8, ' +
    'allocated_bytes int8, unaccounted_bytes int8',
];

export function spaceViews(): [string, RowGatherer][] {
  return [
    ['extentdb.space', spaceRows],
    ['extentdb.extents', extentRows],
    ['extentdb.file_space', fileRows],
  ];
}

function* report({ session }: ViewSource): Task<SpaceReport> {
  return yield* session.engine.database.space.report();
}

/** What a tree is called: its relation as regclass prints it; trees of ours by what they hold. */
function nameOf({ catalog, session }: ViewSource, space: TreeSpace, owner: TreeOwner | undefined): string | null {
  if (owner !== undefined) return displayName(catalog, session.context.schemas, owner.object);
  if (space.kind === 'database') return session.engine.database.name;
  return space.kind === 'catalog' ? 'system catalog' : null;
}

function describe(source: ViewSource, space: TreeSpace, owners: ReadonlyMap<number, TreeOwner>): NamedRow {
  const owner = owners.get(space.tree);
  return {
    object: nameOf(source, space, owner),
    kind: owner !== undefined && space.kind !== 'dropped' ? owner.kind : space.kind,
    relid: owner?.object.oid ?? null,
    tree: space.tree,
  };
}

function* spaceRows(source: ViewSource): Task<NamedRow[]> {
  const { trees, pageBytes } = yield* report(source);
  const facts = source.session.engine.database.space;
  const owners = treesOf(source.catalog, facts);
  const rows: NamedRow[] = [];
  const { engine } = source.session;
  for (const space of trees) {
    if (engine.sliceOver()) yield engine.slice();
    const leaves = space.kind === 'dropped' || space.used === 0 ? undefined : yield* facts.leaves(space.tree);
    rows.push({
      ...describe(source, space, owners),
      owned_pages: space.owned,
      used_pages: space.used,
      space_pages: space.space,
      available_pages: space.available,
      reserved_pages: space.reserved,
      lent_pages: space.lent,
      owned_extents: space.ownedExtents.length / EXTENT_FIELDS,
      available_extents: space.availableExtents.length / EXTENT_FIELDS,
      fill_percent: leaves === undefined ? null : Math.round(leaves.fillPercent * 100) / 100,
      io_runs: leaves?.runs ?? null,
      hole_bytes: trimmedPages(space) * pageBytes,
      hints: hintsText(space.fillPercent, space.hints),
    });
  }
  return rows;
}

function trimmedPages({ availableExtents }: TreeSpace): number {
  let pages = 0;
  for (let i = 0; i < availableExtents.length; i += EXTENT_FIELDS)
    if (isTrimmed(availableExtents[i + 2] ?? 0)) pages += availableExtents[i + 1] ?? 0;
  return pages;
}

function* extentRows(source: ViewSource): Task<Iterable<NamedRow>> {
  const made = yield* report(source);
  return rowsOfExtents(source, made);
}

/** Made while they are read: there may be millions. */
function* rowsOfExtents(source: ViewSource, { trees, pageBytes }: SpaceReport): Iterable<NamedRow> {
  const owners = treesOf(source.catalog, source.session.engine.database.space);
  for (const space of trees) {
    const about = describe(source, space, owners);
    for (const [name, list] of [
      ['owned', space.ownedExtents],
      ['available', space.availableExtents],
    ] as const) {
      for (let i = 0; i < list.length; i += EXTENT_FIELDS) {
        const [first = 0, pages = 0, state = 0] = [list[i], list[i + 1], list[i + 2]];
        // The root owns the file as a whole, holes included; they are among its available extents.
        const holes =
          name === 'owned' && space.kind === 'database' ? trimmedPages(space) : isTrimmed(state) ? pages : 0;
        yield {
          ...about,
          space: name,
          state: name === 'owned' ? null : extentStateName(state),
          first_page: first,
          pages,
          bytes_on_disk: (pages - holes) * pageBytes,
        };
      }
    }
  }
}

function* fileRows(source: ViewSource): Task<NamedRow[]> {
  const { file, pageBytes } = yield* report(source);
  const bytes = (pages: number): number => pages * pageBytes;
  return [
    {
      page_size: pageBytes,
      header_bytes: bytes(file.header),
      catalog_bytes: bytes(file.catalog),
      table_bytes: bytes(file.tables),
      index_bytes: bytes(file.indexes),
      lob_bytes: bytes(file.longValues),
      space_tree_bytes: bytes(file.spaceTrees),
      reserved_bytes: bytes(file.reserved),
      available_bytes: bytes(file.available),
      dropped_bytes: bytes(file.dropped),
      free_bytes: bytes(file.free),
      trimmed_bytes: bytes(file.trimmed),
      backed_ahead_bytes: file.backedAheadBytes,
      leaked_bytes: bytes(file.leaked),
      file_bytes: file.fileBytes,
      hole_bytes: bytes(file.trimmed),
      allocated_bytes: file.diskBytes,
      unaccounted_bytes: file.unaccountedBytes,
    },
  ];
}
