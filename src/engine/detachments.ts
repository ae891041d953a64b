/**
 * Partitions whose detaching has begun, for readers who began before.
 *
 * A partition that is being detached is left out of its table's queries as soon as the mark is committed. A REPEATABLE READ
 * transaction with an older snapshot goes on seeing it there: its catalog is the published one without the mark. The statement that
 * detaches waits for all who use the partitioned table before it ends, so nobody needs more than that. What was pending when the
 * database was opened is so for everybody: there are no older snapshots.
 */
import type { Catalog, Oid, TableObject } from './catalog.ts';

/** Is a table a partition that is being detached? */
export function isLeaving(catalog: Catalog, oid: Oid): boolean {
  const object = catalog.object(oid);
  return object?.kind === 'table' && object.partition?.detachPending === true;
}

export class Detachments {
  /** Partition → version of the catalog that marked it. */
  readonly #marked = new Map<Oid, number>();

  /** The published catalog has been replaced. @param changed - oids of what differs. */
  publish(before: Catalog, after: Catalog, changed: Iterable<Oid>): void {
    for (const oid of changed) {
      if (!isLeaving(after, oid)) this.#marked.delete(oid);
      else if (!isLeaving(before, oid)) this.#marked.set(oid, after.version);
    }
  }

  /**
   * The catalog for a snapshot that was taken at a version of it.
   *
   * @param rewrittenAt - version with which a table was last written anew: its partitions from before need not fit it.
   */
  catalogFor(published: Catalog, version: number, rewrittenAt: (table: Oid) => number): Catalog {
    if (this.#marked.size === 0) return published;
    const without: TableObject[] = [];
    for (const [oid, since] of this.#marked) {
      const object = published.object(oid);
      if (since <= version || object?.kind !== 'table' || object.partition === undefined) continue;
      if (rewrittenAt(object.partition.parent) > since) continue;
      const { detachPending: _mark, ...partition } = object.partition;
      without.push({ ...object, partition });
    }
    return without.length === 0 ? published : published.changed(without, []);
  }
}
