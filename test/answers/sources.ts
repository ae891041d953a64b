/** Writing FROM: tables, sub-queries, VALUES, functions, CTEs and LATERAL, joined in every way. */
import { expression } from './expressions.ts';
import { columnOf, type Kind, type Pen, type Relation, type Scope } from './pen.ts';
import { select } from './selects.ts';
import { SMALL_NAMES, table } from './tables.ts';

export interface Source {
  readonly sql: string;
  readonly relations: readonly Relation[];
}

const JOINS = ['join', 'join', 'left join', 'left join', 'right join', 'full join', 'cross join'];
const KEYS: readonly Kind[] = ['int', 'int', 'text', 'num', 'date'];

/** FROM with one to three relations; sub-queries in it may see `outer`, the surrounding query's columns. */
export function from(pen: Pen, outer: Scope, depth: number, most = 3): Source {
  const { prng } = pen;
  const count = 1 + prng.below(most);
  let source = relation(pen, outer, depth);
  for (let i = 1; i < count; i++) source = joined(pen, source, outer, depth);
  return source;
}

function joined(pen: Pen, left: Source, outer: Scope, depth: number): Source {
  const { prng } = pen;
  if (depth > 0 && prng.chance(0.15)) return lateral(pen, left, outer, depth);
  const right = relation(pen, outer, depth);
  const relations = [...left.relations, ...right.relations];
  const join = prng.pick(JOINS);
  if (join === 'cross join') return { sql: `${left.sql} cross join ${right.sql}`, relations };
  const kind = prng.pick(KEYS);
  const [l, r] = [columnOf(pen, left.relations, kind), columnOf(pen, right.relations, kind)];
  const equality = l !== undefined && r !== undefined ? `${l} = ${r}` : undefined;
  // FULL JOIN needs an equality.
  if (join === 'full join' && equality === undefined) {
    return { sql: `${left.sql} join ${right.sql} on true`, relations };
  }
  const more = join !== 'full join' && prng.chance(0.3) ? [expression(pen, relations, 'bool', 1)] : [];
  const conditions = [equality ?? 'true', ...more].join(' and ');
  return { sql: `${left.sql} ${join} ${right.sql} on ${conditions}`, relations };
}

/** A sub-query or a function that sees what stands to its left. */
function lateral(pen: Pen, left: Source, outer: Scope, depth: number): Source {
  const { prng } = pen;
  const seen = [...left.relations, ...outer];
  const name = pen.fresh();
  const join = prng.pick(['cross join lateral', 'left join lateral']);
  const on = join === 'left join lateral' ? ' on true' : '';
  if (prng.chance(0.5)) {
    const right = { name, columns: { x0: 'int', x1: 'text' } } as const;
    const sql = `${left.sql} ${join} (${select(pen, seen, ['int', 'text'], depth - 1)}) as ${name}(x0, x1)${on}`;
    return { sql, relations: [...left.relations, right] };
  }
  const right = setFunction(pen, name, seen);
  return { sql: `${left.sql} ${join} ${right.sql}${on}`, relations: [...left.relations, ...right.relations] };
}

function setFunction(pen: Pen, name: string, seen: Scope): Source {
  const { prng } = pen;
  if (prng.chance(0.4)) {
    const ends = `${prng.below(4)}, ${seen.length > 0 && prng.chance(0.5) ? `least(${expression(pen, seen, 'int', 1)}, 6)` : prng.below(7)}`;
    return { sql: `generate_series(${ends}) as ${name}(x0)`, relations: [{ name, columns: { x0: 'int' } }] };
  }
  const array = expression(pen, seen, 'arr', 1);
  if (prng.chance(0.5))
    return { sql: `unnest(${array}) as ${name}(x0)`, relations: [{ name, columns: { x0: 'int' } }] };
  return {
    sql: `unnest(${array}) with ordinality as ${name}(x0, x1)`,
    relations: [{ name, columns: { x0: 'int', x1: 'big' } }],
  };
}

function relation(pen: Pen, outer: Scope, depth: number): Source {
  const { prng } = pen;
  const name = pen.fresh();
  const roll = prng.float();
  if (pen.named.length > 0 && roll < 0.3) {
    const cte = prng.pick(pen.named);
    return { sql: `${cte.name} as ${name}`, relations: [{ name, columns: cte.columns }] };
  }
  if (roll < 0.75 || depth <= 0) {
    const base = prng.pick(SMALL_NAMES);
    return { sql: `${base} as ${name}`, relations: [table(base, name)] };
  }
  if (roll < 0.88) {
    const kinds: Kind[] = [prng.pick(['int', 'text', 'num', 'date', 'bool', 'ts'] as const), 'int'];
    // Without LATERAL a sub-query in FROM sees the surrounding query, not its neighbours.
    const sql = select(pen, prng.chance(0.3) ? outer : [], kinds, depth - 1);
    return { sql: `(${sql}) as ${name}(x0, x1)`, relations: [{ name, columns: { x0: kinds[0]!, x1: 'int' } }] };
  }
  if (roll < 0.94) return setFunction(pen, name, []);
  const rows = `(1, 'a'), (2, null), (${prng.below(9)}, 'abc')`;
  return { sql: `(values ${rows}) as ${name}(x0, x1)`, relations: [{ name, columns: { x0: 'int', x1: 'text' } }] };
}
