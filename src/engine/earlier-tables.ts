/**
 * Tables as they were before they were rebuilt beside readers, for who began before and reads them still.
 *
 *   keep ── rebuild ── published ── readers with older snapshots: the old trees ── the last one ends ── end: the old trees go
 *
 * New trees hold the rows of then, and no older versions. So a REPEATABLE READ transaction whose snapshot is older goes on reading the
 * old ones, for which its catalog has the table's old description. It must not change rows there: nobody else would see that. Who
 * rebuilds waits for these readers before it lets the old trees go.
 */
import type { Catalog, Oid, TableObject } from './catalog.ts';

/** One table that is being rebuilt. */
export interface KeptTable {
  readonly before: TableObject;
  /** Version of the catalog that has the rebuilt table; undefined = not yet. */
  since: number | undefined;
  /** Sessions that read the old trees. */
  readonly readers: Set<object>;
  /** Called when the last of them has ended: whoever rebuilt the table was cancelled while it waited for them. */
  onUnread: (() => void) | undefined;
}

export class EarlierTables {
  /** In the order in which they are published; of one table there may be several. */
  #kept: KeptTable[] = [];

  keep(before: TableObject): KeptTable {
    const kept: KeptTable = { before, since: undefined, readers: new Set(), onUnread: undefined };
    this.#kept.push(kept);
    return kept;
  }

  end(kept: KeptTable): void {
    this.#kept = this.#kept.filter((other) => other !== kept);
  }

  /** A table was rebuilt: the catalog has it from a version on. */
  published(table: Oid, version: number): void {
    for (const kept of this.#kept) if (kept.before.oid === table) kept.since ??= version;
  }

  /** The table for a snapshot that was taken at a version of the catalog; undefined = it is the one that is published. */
  of(table: Oid, version: number): KeptTable | undefined {
    return this.#kept.find(({ before, since }) => before.oid === table && since !== undefined && since > version);
  }

  /** The catalog for such a snapshot. */
  catalogFor(published: Catalog, version: number): Catalog {
    const earlier = this.#kept.filter((kept) => this.of(kept.before.oid, version) === kept);
    return earlier.length === 0
      ? published
      : published.changed(
          earlier.map(({ before }) => before),
          [],
        );
  }
}
