/** Writing aggregates, GROUP BY and HAVING. Sums are of exact numbers; ordered aggregates are ordered by all they gather. */
import { expression } from './expressions.ts';
import { canonical, type Kind, type Pen, type Scope } from './pen.ts';

const GROUP_KINDS: readonly Kind[] = ['int', 'int', 'text', 'bool', 'date', 'num'];

/** An aggregate whose value is of `kind`. */
export function aggregate(pen: Pen, scope: Scope, kind: Kind): string {
  const { prng } = pen;
  const of = (k: Kind): string => expression(pen, scope, k, 1);
  const filter = (): string => (prng.chance(0.25) ? ` filter (where ${of('bool')})` : '');
  switch (kind) {
    case 'int':
      return prng.pick([
        () => `(count(*)${filter()})::int`,
        () => `(count(${of('text')})${filter()})::int`,
        () => `(sum(${of('int')})${filter()})::int`,
        () => `(count(distinct ${of('int')})${filter()})::int`,
        () => `(sum(distinct ${of('int')}))::int`,
        () => `max(${of('int')})${filter()}`,
        () => `min(${of('int')})${filter()}`,
        () => `bit_or(${of('int')})`,
      ])();
    case 'num':
      return prng.pick([
        () => `sum(${of('num')})${filter()}`,
        () => `avg(${of('int')})${filter()}`,
        () => `avg(${of('num')})`,
        () => canonical(`max(${of('num')})`, 'num'),
        () => canonical(`min(${of('num')})${filter()}`, 'num'),
        () => `round(stddev(${of('int')}), 4)`,
        () => `sum(${of('big')})`,
      ])();
    case 'text':
      return prng.pick([
        () => `max(${of('text')})${filter()}`,
        () => `min(${of('text')})`,
        () =>
          ordered(prng.pick(['', ' desc', ' nulls first']), of('text'), (x) => `string_agg(${x}`, ", ','") + filter(),
        () => `string_agg(distinct ${of('text')}, ',')`,
      ])();
    case 'bool':
      return prng.pick([
        () => `bool_and(${of('bool')})${filter()}`,
        () => `bool_or(${of('bool')})`,
        () => `count(*)${filter()} > 2`,
      ])();
    case 'big':
      return `sum(${of('int')})${filter()}`;
    case 'arr':
      return prng.pick([
        () => ordered(prng.pick(['', ' desc', ' desc nulls last']), of('int'), (x) => `array_agg(${x}`, '') + filter(),
        () => `array_agg(distinct ${of('int')})`,
      ])();
    case 'iv':
      return canonical(`max(${of('iv')})`, 'iv');
    default:
      return `${prng.pick(['min', 'max'])}(${of(kind)})${filter()}`;
  }
}

/** An aggregate that gathers `x` in the order of `x`. */
function ordered(direction: string, x: string, call: (x: string) => string, rest: string): string {
  // A parameter's or a constant's place in ORDER BY is that of an expression, not of a column's number.
  return `${call(x)}${rest} order by ${x}${direction})`;
}

/** The items and the tail (GROUP BY, HAVING) of a query with one column of each of `kinds`. */
export function grouped(pen: Pen, scope: Scope, kinds: readonly Kind[]): { items: string[]; tail: string } {
  const { prng } = pen;
  const keys: { sql: string; kind: Kind }[] = [];
  const wanted = prng.chance(0.25) ? 0 : 1 + prng.below(2);
  for (let i = 0; i < wanted; i++) {
    const kind = prng.chance(0.5) ? prng.pick(kinds) : prng.pick(GROUP_KINDS);
    const sql = canonical(expression(pen, scope, kind, prng.below(2)), kind);
    // A bare constant would be a column's number.
    if (/^\(?(-?[\d.]+|'[^']*'|true|false|null.*)\)?$/.test(sql)) continue;
    keys.push({ sql, kind });
  }
  const items = kinds.map((kind) => {
    const key = keys.find((k) => k.kind === kind);
    return key !== undefined && prng.chance(0.6) ? key.sql : aggregate(pen, scope, kind);
  });
  if (keys.length === 0) return { items, tail: prng.chance(0.1) ? ' having count(*) > 1' : '' };
  const by = ` group by ${keys.map((k) => k.sql).join(', ')}`;
  const having = prng.pick([
    () => '',
    () => '',
    () => ` having count(*) > ${prng.below(3)}`,
    () => ` having ${aggregate(pen, scope, 'bool')}`,
  ])();
  return { items, tail: by + having };
}
