/**
 * `extentdb map`: the file as a grid of cells, each for the same number of pages, in the order of the file.
 *
 *       0 ##AABBAA.A     A book   a available in it   B book_title   # header   . free   _ hole
 *     511 AAAa..___.
 *
 * A cell shows what most of its pages are for; with --fill, how full the pages are that are in use: 0 = under 10 %, 9 = from
 * 90 %. Letters say all of it; colours repeat it where the terminal has them.
 */
import type { MapCommand } from './arguments.ts';
import { type FileMap, fileMap, HEADER_PAGES, type Purpose, segmentAt } from './file-map.ts';
import { askAboutFile, count, type SpaceRow } from './space-source.ts';
import { grouped } from './space-tree.ts';
import { fitted, painted, shown, type Terminal, terminal } from './terminal.ts';

const ROWS_MAX = 32;
/** Narrower grids go without page numbers at their side. */
const NUMBERED_FROM = 40;

const QUERIES = [
  'select * from extentdb.file_space',
  'select tree, fill_percent from extentdb.space',
  'select * from extentdb.extents',
].join('; ');
/** Free bytes on every page of tables and indexes: each page is read. */
const PAGES_QUERY =
  'select p.blkno as page, p.avail from extentdb.space s, pg_catalog.pg_freespace(s.relid::regclass) p ' +
  "where s.kind in ('table', 'index')";

/** @returns 0. @throws 58P01, 55006 when the file is in use and its owner cannot be asked. */
export async function map({ file: path, fill, width }: MapCommand): Promise<number> {
  const { results } = await askAboutFile(path, fill ? `${QUERIES}; ${PAGES_QUERY}` : QUERIES);
  const [[file = {}] = [], trees = [], extents = [], pages = []] = results;
  const on = width === undefined ? terminal() : { ...terminal(), columns: width };
  const drawn = fileMap(extents, file);
  const lines = fill ? fillLines(drawn, count(file, 'page_size'), trees, pages, on) : ownerLines(drawn, on);
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** A sign of the legend. */
interface Sign {
  readonly character: string;
  readonly colour: string;
  readonly meaning: string;
}

// ── by owner ──

/** What is no table's: a sign and a colour each. Trees are told by letters. */
const SIGNS: Readonly<Partial<Record<Purpose['kind'], readonly [string, string]>>> = {
  header: ['#', '97'],
  file: ['=', '97'],
  catalog: ['@', '97'],
  dropped: ['~', '31'],
  free: ['.', '90'],
  hole: ['_', '34'],
  ahead: [':', '90'],
};
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Trees beyond the letters share these. */
const MANY = { used: '*', available: '+' } as const;
const BACKGROUNDS = [33, 208, 71, 170, 214, 44, 167, 143, 105, 180, 37, 203];

function ownerLines(file: FileMap, on: Terminal): string[] {
  const trees = file.purposes.filter(({ tree }) => tree > 0).sort((a, b) => size(b) - size(a) || a.tree - b.tree);
  const rank = new Map(trees.map((purpose, i) => [purpose, i]));
  const signs = new Map<string, Sign>();
  const sign = (purpose: Purpose, isAvailable: boolean): Sign => {
    const made = signOf(purpose, isAvailable, rank.get(purpose) ?? 0);
    const known = signs.get(made.character);
    if (known === undefined) signs.set(made.character, made);
    return known ?? made;
  };
  const grid = new Grid<Sign>(file.places, on);
  for (const { first, pages, purpose, isAvailable } of file.segments)
    grid.add(first, pages, sign(purpose, isAvailable));
  const order = (s: Sign): number => [...`${LETTERS}${LETTERS.toLowerCase()}`].indexOf(s.character) + 1 || 100;
  const legend = [...signs.values()].sort((a, b) => order(a) - order(b));
  return [...grid.lines((cell) => mostOf(cell)), ...legendLines(legend, grid.pagesPerCell, on)];
}

function size({ used, available }: Purpose): number {
  return used + available;
}

function signOf({ kind, name, used, available }: Purpose, isAvailable: boolean, rank: number): Sign {
  const fixed = SIGNS[kind];
  if (fixed !== undefined) {
    const [character, colour] = fixed;
    return { character, colour, meaning: `${name}, ${pagesText(used + available)}` };
  }
  const letter = LETTERS[rank];
  const background = `48;5;${BACKGROUNDS[rank % BACKGROUNDS.length]}`;
  if (letter === undefined) {
    const character = isAvailable ? MANY.available : MANY.used;
    return { character, colour: '7', meaning: isAvailable ? 'available in other trees' : 'other trees' };
  }
  return isAvailable
    ? {
        character: letter.toLowerCase(),
        colour: `38;5;${BACKGROUNDS[rank % BACKGROUNDS.length]}`,
        meaning: `available in ${name}, ${pagesText(available)}`,
      }
    : { character: letter, colour: `30;${background}`, meaning: `${name}, ${pagesText(used)}` };
}

function pagesText(pages: number): string {
  return `${grouped(pages)} ${pages === 1 ? 'page' : 'pages'}`;
}

// ── by fill ──

const HEAT = [52, 88, 130, 166, 172, 178, 142, 106, 70, 34];
const USED: Sign = { character: '9', colour: '', meaning: '' };
const AVAILABLE: Sign = { character: '-', colour: '90', meaning: 'available in tables and indexes' };

function fillLines(
  file: FileMap,
  pageBytes: number,
  trees: readonly SpaceRow[],
  pages: readonly SpaceRow[],
  on: Terminal,
): string[] {
  const grid = new Grid<Sign>(file.places, on);
  const signs = new Map<string, Sign>();
  const filled = new Averages();
  const averages = new Map(trees.map((row) => [count(row, 'tree'), row['fill_percent']]));
  for (const { first, pages: length, purpose, isAvailable } of file.segments) {
    const hasRecords = purpose.tree > 0;
    const fixed = hasRecords ? (isAvailable ? AVAILABLE : USED) : signOf(purpose, false, 0);
    if (fixed !== USED) signs.set(fixed.character, signs.get(fixed.character) ?? fixed);
    grid.add(first, length, signs.get(fixed.character) ?? fixed);
    // Pages of long values are not told one by one: they count as their tree does on the whole.
    const percent = averages.get(purpose.tree);
    if (purpose.kind === 'lob' && !isAvailable && typeof percent === 'number')
      grid.eachCell(first, length, (cell, n) => filled.add(cell, percent / 100, n));
  }
  for (const row of pages) {
    const place = count(row, 'page') + HEADER_PAGES - 1;
    const segment = segmentAt(file.segments, place);
    if (segment === undefined || segment.isAvailable || segment.purpose.tree === 0) continue;
    filled.add(grid.cellOf(place), 1 - count(row, 'avail') / pageBytes, 1);
  }
  const drawn = grid.lines((cell, i) => {
    const most = mostOf(cell);
    return most === USED ? heat(filled.at(i)) : most;
  });
  const scale = { character: '0-9', colour: '', meaning: 'how full used pages are: under 10 % to over 90 %' };
  return [...drawn, ...legendLines([scale, ...signs.values()], grid.pagesPerCell, on)];
}

function heat(share: number | undefined): Sign {
  // Space trees' pages, and pages that came after the walk.
  if (share === undefined) return { character: '=', colour: '97', meaning: '' };
  const tenth = Math.max(0, Math.min(9, Math.floor(share * 10)));
  return { character: String(tenth), colour: `97;48;5;${HEAT[tenth]}`, meaning: '' };
}

/** A weighted mean per cell. */
class Averages {
  readonly #sums: number[] = [];
  readonly #weights: number[] = [];

  add(cell: number, value: number, weight: number): void {
    this.#sums[cell] = (this.#sums[cell] ?? 0) + value * weight;
    this.#weights[cell] = (this.#weights[cell] ?? 0) + weight;
  }

  at(cell: number): number | undefined {
    const weight = this.#weights[cell] ?? 0;
    return weight === 0 ? undefined : (this.#sums[cell] ?? 0) / weight;
  }
}

// ── the grid ──

/** What a cell's pages are, and how many are that. */
type Cell = ReadonlyMap<Sign, number>;

class Grid<K> {
  readonly pagesPerCell: number;
  readonly #on: Terminal;
  readonly #places: number;
  readonly #columns: number;
  readonly #gutter: number;
  readonly #cells: Map<K, number>[];

  constructor(places: number, on: Terminal) {
    this.#on = on;
    this.#places = places;
    this.#gutter = on.columns < NUMBERED_FROM ? 0 : String(places).length + 1;
    this.#columns = on.columns - this.#gutter;
    let pagesPerCell = 1;
    while (Math.ceil(places / pagesPerCell) > this.#columns * ROWS_MAX) pagesPerCell *= 2;
    this.pagesPerCell = pagesPerCell;
    this.#cells = Array.from({ length: Math.ceil(places / pagesPerCell) }, () => new Map());
  }

  cellOf(place: number): number {
    return Math.floor(place / this.pagesPerCell);
  }

  add(first: number, pages: number, kind: K): void {
    this.eachCell(first, pages, (i, n) => {
      const cell = this.#cells[i];
      cell?.set(kind, (cell.get(kind) ?? 0) + n);
    });
  }

  /** Calls with each cell that a run of pages touches, and how many of them lie there. */
  eachCell(first: number, pages: number, call: (cell: number, pages: number) => void): void {
    for (let at = first; at < first + pages; ) {
      const cell = this.cellOf(at);
      const next = Math.min(first + pages, (cell + 1) * this.pagesPerCell);
      call(cell, next - at);
      at = next;
    }
  }

  lines(draw: (cell: ReadonlyMap<K, number>, index: number) => Sign): string[] {
    const lines: string[] = [];
    for (let from = 0; from < this.#cells.length; from += this.#columns) {
      const signs = this.#cells.slice(from, from + this.#columns).map((cell, i) => draw(cell, from + i));
      const page = Math.max(0, from * this.pagesPerCell - HEADER_PAGES + 1);
      const number = this.#gutter === 0 ? '' : `${String(page).padStart(String(this.#places).length)} `;
      lines.push(number + runs(signs, this.#on));
    }
    return lines;
  }
}

/** What most of a cell's pages are; of equals, what comes first in the file. */
function mostOf(cell: Cell): Sign {
  let most: Sign = { character: ' ', colour: '', meaning: '' };
  let pages = 0;
  for (const [sign, n] of cell) {
    if (n <= pages) continue;
    most = sign;
    pages = n;
  }
  return most;
}

/** Neighbours of one colour are painted together. */
function runs(signs: readonly Sign[], on: Terminal): string {
  let line = '';
  for (let i = 0; i < signs.length; ) {
    const { colour } = signs[i]!;
    let text = '';
    for (; i < signs.length && signs[i]!.colour === colour; i++) text += signs[i]!.character;
    line += painted(on, colour, text);
  }
  return line;
}

function legendLines(signs: readonly Sign[], pagesPerCell: number, on: Terminal): string[] {
  return [
    '',
    fitted(on, `a cell: ${pagesText(pagesPerCell)}`, on.columns).trimEnd(),
    ...signs.map(({ character, colour, meaning }) => {
      const text = fitted(on, shown(on, meaning), Math.max(0, on.columns - character.length - 1)).trimEnd();
      return `${painted(on, colour, character)} ${text}`;
    }),
  ];
}
