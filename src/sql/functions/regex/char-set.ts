/**
 * Sets of code points, as sorted disjoint ranges: `[low, high, low, high, …]`, both ends included.
 */

export type CharSet = readonly number[];

export const CODE_POINT_MAX = 0x10ffff;
export const EVERYTHING: CharSet = [0, CODE_POINT_MAX];

/** Sorts and merges ranges. */
export function normalize(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] ?? 0, ranges[i + 1] ?? 0]);
  pairs.sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [low, high] of pairs) {
    const last = merged.length - 1;
    if (last > 0 && low <= (merged[last] ?? 0) + 1) merged[last] = Math.max(merged[last] ?? 0, high);
    else merged.push(low, high);
  }
  return merged;
}

export function complement(set: CharSet): CharSet {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    const low = set[i] ?? 0;
    if (low > next) result.push(next, low - 1);
    next = (set[i + 1] ?? 0) + 1;
  }
  if (next <= CODE_POINT_MAX) result.push(next, CODE_POINT_MAX);
  return result;
}

export function union(...sets: readonly CharSet[]): CharSet {
  return normalize(sets.flat());
}

export function contains(set: CharSet, code: number): boolean {
  let low = 0;
  let high = set.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (code < (set[middle * 2] ?? 0)) high = middle - 1;
    else if (code > (set[middle * 2 + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}

/** Ranges wider than this hold both cases of nearly everything in them; closing them again would only cost time. */
const CASE_RANGE_MAX = 4096;

/** The set with the other case of each of its letters. */
export function closeCase(set: CharSet): CharSet {
  const extra: number[] = [];
  for (let i = 0; i < set.length; i += 2) {
    const low = set[i] ?? 0;
    const high = set[i + 1] ?? 0;
    if (high - low > CASE_RANGE_MAX) continue;
    for (let code = low; code <= high; code++) {
      const char = String.fromCodePoint(code);
      for (const variant of [char.toLowerCase(), char.toUpperCase()]) {
        const other = variant.codePointAt(0) ?? code;
        if (other !== code && variant.length === String.fromCodePoint(other).length) extra.push(other, other);
      }
    }
  }
  return extra.length === 0 ? set : normalize([...set, ...extra]);
}

const SCAN_END = 0x1ffff;
const tabled = new Map<string, CharSet>();

/** The code points that a Unicode property holds, found once by asking for each. */
function property(name: string, pattern: RegExp): CharSet {
  const known = tabled.get(name);
  if (known !== undefined) return known;
  const ranges: number[] = [];
  let start = -1;
  for (let code = 0; code <= SCAN_END + 1; code++) {
    const inside = code <= SCAN_END && (code < 0xd800 || code > 0xdfff) && pattern.test(String.fromCodePoint(code));
    if (inside && start < 0) start = code;
    else if (!inside && start >= 0) {
      ranges.push(start, code - 1);
      start = -1;
    }
  }
  tabled.set(name, ranges);
  return ranges;
}

export const DIGITS: CharSet = [0x30, 0x39];

/** A POSIX class by name; undefined = no such class. */
export function classNamed(name: string): CharSet | undefined {
  switch (name) {
    case 'alpha':
      return property('alpha', /\p{Alphabetic}/u);
    case 'alnum':
      return union(property('alpha', /\p{Alphabetic}/u), DIGITS);
    case 'word':
      return union(property('alpha', /\p{Alphabetic}/u), DIGITS, [0x5f, 0x5f]);
    case 'upper':
      return property('upper', /\p{Uppercase}/u);
    case 'lower':
      return property('lower', /\p{Lowercase}/u);
    case 'digit':
      return DIGITS;
    case 'xdigit':
      return [0x30, 0x39, 0x41, 0x46, 0x61, 0x66];
    case 'space':
      return property('space', /[\t-\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]/u);
    case 'blank':
      return [9, 9, 32, 32];
    case 'cntrl':
      return [0, 31, 127, 127];
    case 'ascii':
      return [0, 127];
    case 'punct':
      return property('punct', /[!-/:-@[-`{-~]|[\p{P}\p{S}]/u);
    case 'graph':
      return property('graph', /[^\p{Z}\p{C}]/u);
    case 'print':
      return union(property('graph', /[^\p{Z}\p{C}]/u), [32, 32]);
    default:
      return undefined;
  }
}
