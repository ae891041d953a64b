/** What a session asks of the process around it: other sessions and databases, the catalog relations, its own client. */
import type { Oid } from '../../engine/catalog.ts';
import type { SpacePeers } from './space-context.ts';

/** What a session can ask about its surroundings. */
export interface Peers extends SpacePeers {
  databases(): readonly { readonly name: string; readonly oid: Oid }[];
  cancel(pid: number, terminate: boolean): boolean;
  warn(message: string): void;
  /** Oid of a catalog relation by name, 0 = none; and its name for printing. */
  virtualOid(schema: string | undefined, name: string): Oid;
  virtualName(oid: Oid): string | undefined;
}
