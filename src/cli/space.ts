/** `extentdb space`: what takes the space of a database file, as a tree with bars or as JSON. */
import type { SpaceCommand } from './arguments.ts';
import { askAboutFile, count, type SpaceAnswer, type SpaceRow } from './space-source.ts';
import { grouped, spaceTree, treeLines } from './space-tree.ts';
import { shown, type Terminal, terminal } from './terminal.ts';

/** An index belongs to a table; tables and long values name it themselves. */
export const SPACE_QUERY =
  'select s.*, coalesce(i.indrelid::int8, s.relid::int8) as table_relid from extentdb.space s ' +
  'left join pg_catalog.pg_index i on i.indexrelid = s.relid order by s.tree';

const QUERIES = ['select current_database() as database', SPACE_QUERY, 'select * from extentdb.file_space'].join('; ');
const EXTENTS_QUERY = 'select * from extentdb.extents order by first_page, pages desc, tree, space desc';

/** @returns 0. @throws 58P01, 55006 when the file is in use and its owner cannot be asked. */
export async function space({ file, json }: SpaceCommand): Promise<number> {
  const answer = await askAboutFile(file, json ? `${QUERIES}; ${EXTENTS_QUERY}` : QUERIES);
  process.stdout.write(
    json ? `${JSON.stringify(document(file, answer), undefined, 2)}\n` : page(file, answer, terminal()),
  );
  return 0;
}

/** Keys of it are an interface: programs read them. */
function document(path: string, { owner, results }: SpaceAnswer): object {
  const [names = [], trees, files = [], extents] = results;
  return {
    file: path,
    database: names[0]?.['database'] ?? null,
    in_use_by: owner ?? null,
    file_space: files[0] ?? null,
    space: trees,
    extents,
  };
}

function page(path: string, { owner, results }: SpaceAnswer, on: Terminal): string {
  const [, trees = [], [file = {}] = []] = results;
  const used = owner === undefined ? '' : `, in use by process ${owner}`;
  const lines = [shown(on, `${path}: ${sizes(file)}${used}`), ...treeLines(spaceTree(trees, file), on)];
  return `${lines.join('\n')}\n`;
}

function sizes(file: SpaceRow): string {
  const pages = count(file, 'file_bytes') / count(file, 'page_size');
  const text = [
    `${inUnits(count(file, 'file_bytes'))}, ${grouped(pages)} pages of ${inUnits(count(file, 'page_size'))}`,
  ];
  if (count(file, 'hole_bytes') > 0) text.push(`${inUnits(count(file, 'hole_bytes'))} of holes`);
  text.push(`${inUnits(count(file, 'allocated_bytes'))} on disk`);
  return text.join(', ');
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

function inUnits(bytes: number): string {
  let size = bytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < UNITS.length - 1; unit++) size /= 1024;
  return `${Number(size.toPrecision(size >= 1000 ? 4 : 3))} ${UNITS[unit]}`;
}
