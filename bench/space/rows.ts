/** The table of the space benchmark: what every rival loads, and what it deletes. */

export const ROWS = 200_000;
/** Every so many rows have a long value. */
const LONG_EVERY = 13;
const LONG_CHARS = 5000;
const BATCH = 1000;

export interface WornRow {
  readonly id: number;
  readonly n: number;
  /** 0 … 9, at random: one row in ten stays when the others go. */
  readonly r: number;
  readonly v: string;
  readonly doc: string | null;
}

/** The three ways in which 90 % of the rows go. */
export const PATTERNS: Readonly<Record<string, string>> = {
  'oldest first': `id <= ${(ROWS / 10) * 9}`,
  'all but each tenth': 'id % 10 <> 0',
  random: 'r <> 0',
};

/** Text that no rival can compress, the same in each run. */
function noise(seed: number, chars: number): string {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  let text = '';
  while (text.length < chars) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    text += (state >>> 0).toString(36);
  }
  return text.slice(0, chars);
}

/** All rows, in batches. */
export function* batches(): Iterable<readonly WornRow[]> {
  for (let from = 1; from <= ROWS; from += BATCH) {
    const rows: WornRow[] = [];
    for (let id = from; id < from + BATCH && id <= ROWS; id++) {
      const n = (id * 7919) % 99_991;
      const r = noise(id, 8).charCodeAt(3) % 10;
      rows.push({ id, n, r, v: noise(id + 1, 120), doc: id % LONG_EVERY === 0 ? noise(id + 2, LONG_CHARS) : null });
    }
    yield rows;
  }
}
