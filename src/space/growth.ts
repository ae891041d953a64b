/**
 * How many pages the next extent of a tree gets.
 *
 * With size hints, the four rules of the JET_SPACEHINTS document: the first extent is the initial size; each further one is
 * the last one × growth / 100, rounded to the nearest page, halves up, at least the minimum, at most the maximum. Without
 * size hints: three pages when a small tree gets its space trees, then four while it owns at most sixteen, then sixteen.
 */
import type { SpaceHints } from '../storage/contracts.ts';

/** The extent without hints, in pages. */
export const EXTENT_PAGES_DEFAULT = 16;
/** What a small tree asks for when it becomes a tree with space trees: two pages are theirs. */
export const CONVERSION_PAGES = 3;
const SMALL_GROWTH_PAGES = 4;

/**
 * @param last - pages of the last extent, the base of the next step.
 * @param owned - pages of all extents so far.
 * @param isSmall - the tree has no space trees yet.
 */
export function nextExtentPages(hints: SpaceHints, last: number, owned: number, isSmall: boolean): number {
  const { growthPercent, extentPagesMin, extentPagesMax } = hints;
  if (growthPercent === 0 && extentPagesMin === 0) {
    if (isSmall) return CONVERSION_PAGES;
    return owned <= EXTENT_PAGES_DEFAULT ? SMALL_GROWTH_PAGES : EXTENT_PAGES_DEFAULT;
  }
  // Integer arithmetic, so that halves are exact: (2 × last × growth + 100) / 200, rounded down.
  const grown = growthPercent === 0 ? last : Math.floor((2 * last * growthPercent + 100) / 200);
  const floored = Math.max(grown, extentPagesMin, 1);
  const capped = extentPagesMax === 0 ? floored : Math.min(floored, extentPagesMax);
  return isSmall ? Math.max(capped, CONVERSION_PAGES) : capped;
}
