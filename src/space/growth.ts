/**
 * How many pages the next extent of a tree gets.
 *
 *   sequential   growth at the right edge or at a hot point of a tree whose hints ask for it: the four rules of the
 *                JET_SPACEHINTS document. The first extent is the initial size; each further one is the last one × growth / 100,
 *                rounded to the nearest page, halves up, at least the minimum, at most the maximum.
 *   ordinary     everything else: three pages when a small tree gets its space trees, then four while it owns at most sixteen,
 *                then sixteen
 */
import type { SpaceHints } from '../storage/contracts.ts';

/** The extent without hints, in pages. */
export const EXTENT_PAGES_DEFAULT = 16;
/** What a small tree needs to become a tree with space trees: two pages are theirs. */
export const CONVERSION_PAGES = 3;
const SMALL_GROWTH_PAGES = 4;

/**
 * Pages of the next ordinary extent.
 *
 * @param owned - pages of all extents so far.
 * @param isSmall - the tree has no space trees yet.
 */
export function ordinaryExtentPages(owned: number, isSmall: boolean): number {
  if (isSmall) return CONVERSION_PAGES;
  return owned <= EXTENT_PAGES_DEFAULT ? SMALL_GROWTH_PAGES : EXTENT_PAGES_DEFAULT;
}

/** Do these hints say how large an extent is? Without a growth rule and a minimum they do not. */
export function sizesExtents(hints: SpaceHints): boolean {
  return hints.growthPercent !== 0 || hints.extentPagesMin !== 0;
}

/** Pages of the next sequential extent. @param last - pages of the last one, or of the first extent: the base of the step. */
export function sequentialExtentPages(hints: SpaceHints, last: number): number {
  const { growthPercent, extentPagesMin, extentPagesMax } = hints;
  // Integer arithmetic, so that halves are exact: (2 × last × growth + 100) / 200, rounded down.
  const grown = growthPercent === 0 ? last : Math.floor((2 * last * growthPercent + 100) / 200);
  const floored = Math.max(grown, extentPagesMin, 1);
  return extentPagesMax === 0 ? floored : Math.min(floored, extentPagesMax);
}
