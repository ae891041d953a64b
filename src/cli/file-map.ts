/**
 * The pages of a file by what they are for, in the order of the file.
 *
 *   places   0 1 | 2 …                                      | behind the last page
 *            header and its shadow | pages 1 … as the extents say | backed ahead
 *
 * Extents lie in one another: an index's in its table's, available ones in their tree's, all in the database's. The innermost
 * says what a page is for.
 */
import { count, label, type SpaceRow } from './space-source.ts';

/** What stands before page 1. */
export const HEADER_PAGES = 2;

/** What pages can be for. Trees have an entry each, the rest one together. */
export interface Purpose {
  readonly kind: 'header' | 'file' | 'free' | 'hole' | 'ahead' | 'catalog' | 'dropped' | 'table' | 'index' | 'lob';
  readonly name: string;
  /** 0 = not one tree's. */
  readonly tree: number;
  /** Pages in use for it, and pages that it holds in reserve. */
  used: number;
  available: number;
}

/** Neighbouring pages for one purpose. */
export interface Segment {
  /** Place of the first one. */
  readonly first: number;
  readonly pages: number;
  readonly purpose: Purpose;
  readonly isAvailable: boolean;
}

export interface FileMap {
  readonly places: number;
  /** In the order of the file, without gaps. */
  readonly segments: readonly Segment[];
  readonly purposes: readonly Purpose[];
}

interface Extent extends Segment {
  /** Of two that begin and end together, the deeper one lies inside. */
  readonly depth: number;
}

const NAMES = {
  header: 'header',
  file: "extents' own trees",
  free: 'free',
  hole: 'hole',
  ahead: 'ahead of the end',
  catalog: 'system catalog',
  dropped: 'dropped, on its way back',
} as const;

/** @param extents rows of extentdb.extents  @param file the row of extentdb.file_space */
export function fileMap(extents: readonly SpaceRow[], file: SpaceRow): FileMap {
  const purposes = new Map<string, Purpose>();
  const list = extents.map((row) => extentOf(row, purposes));
  const header = purposeOf(purposes, 'header', '', 0);
  list.push({ first: 0, pages: HEADER_PAGES, purpose: header, isAvailable: false, depth: 0 });
  const aheadPages = Math.floor(count(file, 'backed_ahead_bytes') / count(file, 'page_size'));
  const end = list.reduce((n, extent) => Math.max(n, extent.first + extent.pages), 0);
  if (aheadPages > 0) {
    const ahead = purposeOf(purposes, 'ahead', '', 0);
    list.push({ first: end, pages: aheadPages, purpose: ahead, isAvailable: false, depth: 0 });
  }
  const segments = innermost(list);
  for (const { purpose, pages, isAvailable } of segments) {
    if (isAvailable) purpose.available += pages;
    else purpose.used += pages;
  }
  return { places: end + aheadPages, segments, purposes: [...purposes.values()] };
}

function extentOf(row: SpaceRow, purposes: Map<string, Purpose>): Extent {
  const kind = label(row, 'kind');
  const isAvailable = row['space'] === 'available';
  const place = { first: count(row, 'first_page') + HEADER_PAGES - 1, pages: count(row, 'pages') };
  const inDepth = isAvailable ? 0.5 : 0;
  if (kind === 'database') {
    const holes = row['state'] === 'trimmed' || row['state'] === 'trimming';
    const purpose = purposeOf(purposes, isAvailable ? (holes ? 'hole' : 'free') : 'file', '', 0);
    return { ...place, purpose, isAvailable: false, depth: inDepth };
  }
  if (kind === 'catalog' || kind === 'dropped') {
    return { ...place, purpose: purposeOf(purposes, kind, '', 0), isAvailable, depth: 1 + inDepth };
  }
  const known = kind === 'index' || kind === 'lob' ? kind : 'table';
  const purpose = purposeOf(purposes, known, label(row, 'object'), count(row, 'tree'));
  return { ...place, purpose, isAvailable, depth: (known === 'table' ? 1 : 2) + inDepth };
}

function purposeOf(purposes: Map<string, Purpose>, kind: Purpose['kind'], object: string, tree: number): Purpose {
  const key = `${kind} ${tree}`;
  const known = purposes.get(key);
  if (known !== undefined) return known;
  const isTree = kind === 'table' || kind === 'index' || kind === 'lob';
  const name = !isTree ? NAMES[kind] : kind === 'lob' ? `${object}, long values` : object;
  const made = { kind, name, tree, used: 0, available: 0 };
  purposes.set(key, made);
  return made;
}

/** Cuts nested extents into neighbours; between two changes the innermost one holds. */
function innermost(extents: readonly Extent[]): Segment[] {
  const sorted = [...extents].sort((a, b) => a.first - b.first || b.pages - a.pages || a.depth - b.depth);
  const segments: Segment[] = [];
  const open: Extent[] = [];
  let at = 0;
  const upTo = (place: number, { purpose, isAvailable }: Extent): void => {
    if (place > at) segments.push({ first: at, pages: place - at, purpose, isAvailable });
    at = Math.max(at, place);
  };
  const advance = (place: number): void => {
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const end = top.first + top.pages;
      if (end > place) {
        upTo(place, top);
        break;
      }
      upTo(end, top);
      open.pop();
    }
  };
  for (const extent of sorted) {
    advance(extent.first);
    at = Math.max(at, extent.first);
    open.push(extent);
  }
  advance(Number.POSITIVE_INFINITY);
  return segments;
}

/** The segment that a place lies in. */
export function segmentAt(segments: readonly Segment[], place: number): Segment | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.first <= place) low = middle + 1;
    else high = middle;
  }
  const found = segments[low - 1];
  return found !== undefined && place < found.first + found.pages ? found : undefined;
}
