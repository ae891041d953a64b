/**
 * What a simulated database holds: per writer, because each writes keys of its own, beside those of the others on the same pages.
 *
 *   begun ──> committing (may survive a power cut) ──visible──> what new snapshots see ──acknowledged──> must survive
 *
 * A writer's states are maps that are never changed: a snapshot of the model is one list of them.
 */

/** Rows of one writer: per tree, key → record. */
export type Rows = readonly ReadonlyMap<string, string>[];

/** What a snapshot sees: the states of all writers. */
export type Expected = readonly Rows[];

export interface WriterState {
  /** Seen by new snapshots. */
  visible: Rows;
  /** What a power cut may leave: the acknowledged state, and the one whose commit is under way. */
  admissible: Rows[];
  /** All states that were ever to be committed, in their order, and how many of them are acknowledged. */
  readonly history: Rows[];
  acknowledged: number;
}

export class Model {
  readonly writers: WriterState[] = [];

  constructor(writers: number, trees: number) {
    for (let w = 0; w < writers; w++) {
      const empty = Array.from({ length: trees }, () => new Map<string, string>());
      this.writers.push({ visible: empty, admissible: [empty], history: [empty], acknowledged: 1 });
    }
  }

  /** What a snapshot taken now sees. */
  seen(): Expected {
    return this.writers.map((w) => w.visible);
  }
}

/** Which writer a key belongs to: its name ends with the number. */
export function writerOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('-') + 1));
}

/** Rows of a tree within bounds (`to` excluded), in the order of the keys' bytes. */
export function rowsOf(expected: Expected, tree: number, from?: string, to?: string): [string, string][] {
  const rows: [string, string][] = [];
  for (const writer of expected) {
    for (const [key, record] of writer[tree] ?? []) {
      if ((from === undefined || key >= from) && (to === undefined || key < to)) rows.push([key, record]);
    }
  }
  return rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A digest of rows in their order. */
export function digestOf(rows: readonly (readonly [string, string])[]): number {
  let hash = 0x811c9dc5;
  const add = (text: string): void => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
    hash = Math.imul(hash ^ 0x100, 0x01000193) >>> 0;
  };
  for (const [key, record] of rows) {
    add(key);
    add(record);
  }
  return hash;
}

/** Undefined when two lists of rows are the same, else the first place where they differ. */
export function difference(
  seen: readonly (readonly [string, string])[],
  expected: readonly (readonly [string, string])[],
): string | undefined {
  if (seen.length === expected.length && digestOf(seen) === digestOf(expected)) return undefined;
  for (let i = 0; i < Math.max(seen.length, expected.length); i++) {
    const [a, b] = [seen[i], expected[i]];
    if (a?.[0] === b?.[0] && a?.[1] === b?.[1]) continue;
    const show = (row: readonly [string, string] | undefined): string =>
      row === undefined ? 'the end' : `${row[0]} = ${row[1].slice(0, 20)} (${row[1].length})`;
    return `row ${i} of ${seen.length} is ${show(a)}, expected of ${expected.length}: ${show(b)}`;
  }
  return 'the digests differ';
}
