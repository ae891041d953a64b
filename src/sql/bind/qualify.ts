/**
 * Texts that the catalog keeps: a view means the same whatever the search path says later, and whatever columns are added.
 *
 *     select * from t join v using (a)   →   select t.a, t.b, v.c from public.t join public.v using (a)
 *
 * Only names of relations can depend on the path: functions, operators and types are all built in.
 */

import type { RelationReference } from './binding.ts';

/**
 * The part [start, end) of a statement's text with its unqualified relations qualified and its stars written out.
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
  const places = new Map(references.map((reference) => [reference.at, reference]));
  const sorted = [...places.values()].filter(({ at }) => at >= start && at < end).sort((a, b) => a.at - b.at);
  let result = '';
  let from = start;
  for (const place of sorted) {
    result += text.slice(from, place.at) + place.text;
    from = place.end;
  }
  return result + text.slice(from, end);
}
