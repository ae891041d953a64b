/** `format_type`: a type as SQL writes it, with its modifier. */

import type { TypeEntry } from './contracts.ts';
import { BPCHAR_OID, CHAR_OID } from './type-oids.ts';

const ZONED = / (?:with|without) time zone$/;

/**
 * SQL's spelling of a type, e.g. `numeric(10,2)`, `timestamp(3) with time zone`, `character varying(20)[]`.
 *
 * @param typmod - −1 = none; undefined = asked for without a modifier, which only changes how bpchar is spelled.
 */
export function formatType(type: TypeEntry, typmod: number | undefined, element: TypeEntry | undefined): string {
  if (element !== undefined && type.category === 'A' && type.length === -1 && type.name.startsWith('_')) {
    return `${formatType(element, typmod, undefined)}[]`;
  }
  // char(n) without its length would be char(1), so an unmodified one gets its internal name.
  if (type.oid === BPCHAR_OID && typmod === -1) return 'bpchar';
  if (type.oid === CHAR_OID) return '"char"';
  const modifier = typmod === undefined ? '' : (type.typmodOut?.(typmod) ?? '');
  const zone = ZONED.exec(type.displayName)?.[0] ?? '';
  return type.displayName.slice(0, type.displayName.length - zone.length) + modifier + zone;
}
