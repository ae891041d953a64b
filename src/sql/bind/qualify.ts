/**
 * Texts that the catalog keeps, with every relation qualified: a view means the same whatever the search path says later.
 *
 *     select * from t join v using (a)   →   select * from public.t join public.v using (a)
 *
 * Only names of relations can depend on the path: functions, operators and types are all built in.
 */

import type { RelationReference } from './binding.ts';

/** A schema's name as SQL writes it. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/**
 * The part [start, end) of a statement's text, its unqualified relations qualified.
 *
 * @param references of the bound statement, whose offsets count in `text`
 */
export function qualifiedText(
  text: string,
  start: number,
  end: number,
  references: readonly RelationReference[],
): string {
  // A name may be bound more than once, as in `(a, b) = (SELECT …)`.
  const schemas = new Map(references.map(({ at, schema }) => [at, schema]));
  const offsets = [...schemas.keys()].filter((at) => at >= start && at < end).sort((a, b) => a - b);
  let result = '';
  let from = start;
  for (const at of offsets) {
    result += `${text.slice(from, at)}${quoted(schemas.get(at)!)}.`;
    from = at;
  }
  return result + text.slice(from, end);
}
