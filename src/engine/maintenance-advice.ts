/**
 * The preset of Books Online 2005 … 2019: what an index's fragmentation asks for.
 *
 *   up to 5 %, or fewer than 1000 pages   none
 *   up to 30 %                            reorganize
 *   above                                 rebuild
 *
 * The numbers were chosen by hand in 1999. Density often matters more than order, so this is a preset for scripts that expect it
 * and not what maintenance by threshold goes by.
 */

export type MaintenanceAdvice = 'none' | 'reorganize' | 'rebuild';

export const REORGANIZE_ABOVE_PERCENT = 5;
export const REBUILD_ABOVE_PERCENT = 30;
export const ADVISED_FROM_PAGES = 1000;

/**
 * @param fragmentationPercent - `avg_fragmentation_in_percent`, 0 to 100.
 * @param pages - `page_count`; undefined = enough to be worth it.
 */
export function maintenanceAdvice(fragmentationPercent: number, pages?: number): MaintenanceAdvice {
  if (pages !== undefined && pages < ADVISED_FROM_PAGES) return 'none';
  if (fragmentationPercent > REBUILD_ABOVE_PERCENT) return 'rebuild';
  return fragmentationPercent > REORGANIZE_ABOVE_PERCENT ? 'reorganize' : 'none';
}
