/**
 * The space of a file as a tree whose numbers add up: what stands under a line is what that line is made of.
 *
 *   shop                        5,232   4,462     700   70        ████████████████████░░░
 *   ├─ book                     4,704   4,440     216   48   86%  ███████████████████░
 *   │  ├─ rows                  2,720   2,608      96   16   93%  ███████████
 *   │  ├─ book_title              672     536     120   16   54%  ██▒
 *   │  └─ long values           1,312   1,296       0   16   96%  █████
 *   ├─ …
 *   └─ free                       480       0     480    0        ░░
 *
 * On every line, owned = used + available + kept; *kept* is what a tree needs to know its extents, and what is on its way.
 */
import { count, label, type SpaceRow } from './space-source.ts';
import { displayWidth } from './table-text.ts';
import { fitted, painted, shown, type Terminal } from './terminal.ts';

export interface SpaceNode {
  readonly name: string;
  /** Kilobytes, like the next three. */
  readonly owned: number;
  readonly used: number;
  readonly available: number;
  readonly kept: number;
  /** Percent of the used pages' bytes; undefined where that says nothing. */
  readonly fill: number | undefined;
  readonly children: readonly SpaceNode[];
}

/** @param space rows of extentdb.space with `table_relid`  @param file the row of extentdb.file_space */
export function spaceTree(space: readonly SpaceRow[], file: SpaceRow): SpaceNode {
  const pageKb = count(file, 'page_size') / 1024;
  const rootRow = space.find((row) => row['kind'] === 'database') ?? {};
  const trees = space.filter((row) => row !== rootRow);
  const ofKind = (kind: string): SpaceNode[] =>
    trees.filter((row) => row['kind'] === kind).map((row) => leaf(kind, row, pageKb));
  const holes = count(rootRow, 'hole_bytes') / 1024;
  const known = [
    ...tableNodes(trees, pageKb),
    ...merged('system catalog', ofKind('catalog')),
    ...merged('dropped, on its way back', ofKind('dropped').map(asKept)),
    single('header', 'kept', 2 * pageKb),
    single("extents' own trees", 'kept', (count(rootRow, 'space_pages') + count(rootRow, 'reserved_pages')) * pageKb),
    single('free', 'available', count(rootRow, 'available_pages') * pageKb - holes),
    single('holes', 'available', holes),
    single('ahead of the end', 'available', count(file, 'backed_ahead_bytes') / 1024),
  ];
  const whole = (count(rootRow, 'owned_pages') + 2) * pageKb + count(file, 'backed_ahead_bytes') / 1024;
  // While others work on the file, a row can be a moment older than the next; what that makes is shown.
  const rest = whole - known.reduce((sum, { owned }) => sum + owned, 0);
  const children = [...known, single('moving just now', 'kept', rest)].filter(({ owned }) => owned !== 0);
  return { ...sum(label(rootRow, 'object'), children), fill: undefined };
}

function tableNodes(trees: readonly SpaceRow[], pageKb: number): SpaceNode[] {
  const tables = trees.filter((row) => row['kind'] === 'table');
  const known = new Set(tables.map((row) => row['table_relid']));
  const nodes = tables.map((table) => {
    const mine = trees.filter((row) => row !== table && row['table_relid'] === table['table_relid'] && isPart(row));
    const own = leaf('rows', table, pageKb);
    const name = label(table, 'object');
    if (mine.length === 0) return { ...own, name };
    const parts = mine.map((row) => leaf(partName(row, table), row, pageKb));
    return sum(name, [own, ...parts]);
  });
  // Parts of a table that was dropped or made between two looks.
  const strays = trees.filter((row) => isPart(row) && !known.has(row['table_relid'] ?? null));
  return [...nodes, ...strays.map((row) => leaf(label(row, 'object'), row, pageKb))].sort(
    (a, b) => b.owned - a.owned || (a.name < b.name ? -1 : 1),
  );
}

/** Long values are the table's, or those of an index that includes columns. */
function partName(row: SpaceRow, table: SpaceRow): string {
  if (row['kind'] !== 'lob') return label(row, 'object');
  return row['relid'] === table['relid'] ? 'long values' : `${label(row, 'object')}, long values`;
}

function isPart(row: SpaceRow): boolean {
  return row['kind'] === 'index' || row['kind'] === 'lob';
}

/** What was lent to other trees counts there. */
function leaf(name: string, row: SpaceRow, pageKb: number): SpaceNode {
  const fill = row['fill_percent'];
  return {
    name,
    owned: (count(row, 'owned_pages') - count(row, 'lent_pages')) * pageKb,
    used: count(row, 'used_pages') * pageKb,
    available: count(row, 'available_pages') * pageKb,
    kept: (count(row, 'space_pages') + count(row, 'reserved_pages')) * pageKb,
    fill: typeof fill === 'number' ? fill : undefined,
    children: [],
  };
}

function single(name: string, part: 'available' | 'kept', size: number): SpaceNode {
  return { name, owned: size, used: 0, available: 0, kept: 0, [part]: size, fill: undefined, children: [] };
}

function asKept(node: SpaceNode): SpaceNode {
  return { ...node, used: 0, available: 0, kept: node.owned, fill: undefined };
}

function merged(name: string, nodes: readonly SpaceNode[]): SpaceNode[] {
  return nodes.length === 0 ? [] : [{ ...sum(name, nodes), children: [] }];
}

function sum(name: string, children: readonly SpaceNode[]): SpaceNode {
  const of = (part: 'owned' | 'used' | 'available' | 'kept'): number => children.reduce((n, c) => n + c[part], 0);
  const filled = children.filter((c) => c.fill !== undefined && c.used > 0);
  const used = filled.reduce((n, c) => n + c.used, 0);
  const fill = used === 0 ? undefined : filled.reduce((n, c) => n + (c.fill ?? 0) * c.used, 0) / used;
  return { name, owned: of('owned'), used: of('used'), available: of('available'), kept: of('kept'), fill, children };
}

// ── text ──

const NAME_MIN = 12;
const NAME_MAX = 40;
const BAR_MIN = 6;
const GAP = 2;

interface Column {
  readonly title: string;
  readonly text: (node: SpaceNode) => string;
  /** The lower, the longer it stays when the terminal is narrow. */
  readonly rank: number;
}

const COLUMNS: readonly Column[] = [
  { title: 'owned', text: (n) => grouped(n.owned), rank: 0 },
  { title: 'used', text: (n) => grouped(n.used), rank: 1 },
  { title: 'available', text: (n) => grouped(n.available), rank: 3 },
  { title: 'kept', text: (n) => grouped(n.kept), rank: 4 },
  { title: 'fill', text: (n) => (n.fill === undefined ? '' : `${Math.round(n.fill)}%`), rank: 2 },
];

/** Lines of a table of the tree, no wider than the terminal. */
export function treeLines(root: SpaceNode, on: Terminal): string[] {
  const lines = flat(root, '', '', on);
  const longest = Math.max(...lines.map((line) => displayWidth(line.name)));
  let columns = [...COLUMNS];
  const widthOf = (c: Column): number =>
    Math.max(c.title.length, ...lines.map(({ node }) => c.text(node).length)) + GAP;
  const numbers = (): number => columns.reduce((n, c) => n + widthOf(c), 0);
  // Names keep a third; then columns go, those first that say least.
  const name = (): number => Math.min(longest, NAME_MAX, Math.max(NAME_MIN, Math.floor(on.columns / 3)));
  while (columns.length > 1 && name() + numbers() > on.columns) {
    const last = Math.max(...columns.map(({ rank }) => rank));
    columns = columns.filter(({ rank }) => rank !== last);
  }
  const nameWidth = Math.max(0, Math.min(name(), on.columns - numbers()));
  const bar = on.columns - nameWidth - numbers() - GAP;
  const head = fitted(on, 'kB', nameWidth) + columns.map((c) => c.title.padStart(widthOf(c))).join('');
  return [
    head.slice(0, on.columns),
    ...lines.map(({ name: text, node }) => {
      const cells = columns.map((c) => c.text(node).padStart(widthOf(c))).join('');
      const drawn = bar < BAR_MIN ? '' : `${' '.repeat(GAP)}${barText(node, root.owned, bar, on)}`;
      return (fitted(on, text, nameWidth) + cells + drawn).trimEnd();
    }),
  ];
}

function flat(node: SpaceNode, first: string, further: string, on: Terminal): { name: string; node: SpaceNode }[] {
  const [tee, corner, down] = on.hasUnicode ? ['├─ ', '└─ ', '│  '] : ['|- ', '`- ', '|  '];
  return [
    { name: first + shown(on, node.name), node },
    ...node.children.flatMap((child, i) => {
      const isLast = i === node.children.length - 1;
      return flat(child, further + (isLast ? corner : tee), further + (isLast ? '   ' : down), on);
    }),
  ];
}

/** What is used, kept and available of a line, in proportion to the file. */
function barText({ owned, used, kept }: SpaceNode, whole: number, width: number, on: Terminal): string {
  if (whole <= 0 || owned <= 0) return '';
  const all = Math.max(1, Math.min(width, Math.round((owned / whole) * width)));
  const upTo = (size: number): number => Math.max(0, Math.min(all, Math.round((size / owned) * all)));
  const upToUsed = used > 0 ? Math.max(1, upTo(used)) : 0;
  const upToKept = Math.max(upToUsed, upTo(used + kept));
  const [full, half, light] = on.hasUnicode ? ['█', '▒', '░'] : ['#', '+', '.'];
  return (
    painted(on, '36', full.repeat(upToUsed)) +
    painted(on, '33', half.repeat(upToKept - upToUsed)) +
    painted(on, '90', light.repeat(all - upToKept))
  );
}

/** A number with its thousands apart. */
export function grouped(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}
