/** Which pages of a database file have no place on disk. */
import type { Vfs } from '../../src/io/vfs.ts';

/** Numbers of the pages that lie wholly in holes; none for a file that is not there. */
export function holesOf(vfs: Vfs, path: string, pageBytes: number): Set<number> {
  const holes = new Set<number>();
  if (!vfs.exists(path)) return holes;
  const file = vfs.open(path, 'read');
  for (let pgno = 0; (pgno + 2) * pageBytes <= file.size(); pgno++) holes.add(pgno);
  const ranges = file.dataRanges() ?? [];
  for (let i = 0; i < ranges.length; i += 2) {
    const first = Math.floor(ranges[i]! / pageBytes) - 1;
    const last = Math.ceil((ranges[i]! + ranges[i + 1]!) / pageBytes) - 2;
    for (let pgno = first; pgno <= last; pgno++) holes.delete(pgno);
  }
  file.close();
  return holes;
}
