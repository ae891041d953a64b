/**
 * Writing SELECT: plain, grouped, with window functions, DISTINCT, set operations, LIMIT under a total order, WITH.
 *
 *   select(pen, outer, kinds, depth) ─> a query with one column of each kind; its rows are a bag
 *
 * Where rows that are equal become one, {@link canonical} spells equal values the same: which of them stays has no answer.
 */
import { aggregate, grouped } from './aggregates.ts';
import { expression } from './expressions.ts';
import { canonical, type Kind, type Pen, type Scope, SQL_TYPE, totalOrder } from './pen.ts';
import { from } from './sources.ts';
import { table } from './tables.ts';
import { windowed } from './windows.ts';

const SET_OPERATIONS = ['union', 'union all', 'intersect', 'except', 'intersect all', 'except all'];
const RECURSION_MAX = 8;

/** A sub-query of one row and one column. */
export function scalar(pen: Pen, outer: Scope, kind: 'int' | 'text', depth: number): string {
  const name = pen.fresh();
  const base = pen.prng.pick(['t1', 't2']);
  const inner = table(base, name);
  const seen = [inner, ...outer];
  const of = `from ${base} as ${name} where ${expression(pen, seen, 'bool', Math.max(0, depth))}`;
  return `(select ${aggregate(pen, [inner], kind)} ${of})`;
}

/** A query with columns of `kinds`, that may refer to `outer`. */
export function select(pen: Pen, outer: Scope, kinds: readonly Kind[], depth: number): string {
  const { prng } = pen;
  if (depth > 0 && prng.chance(0.08)) return combined(pen, outer, kinds, depth);
  if (depth > 0 && prng.chance(0.08)) return withNamed(pen, outer, kinds, depth);
  if (prng.chance(0.02)) return values(pen, outer, kinds);
  return block(pen, outer, kinds, depth);
}

function block(pen: Pen, outer: Scope, kinds: readonly Kind[], depth: number): string {
  const { prng } = pen;
  const { sql, relations } = from(pen, outer, depth);
  const scope = prng.chance(0.5) ? [...relations, ...outer] : relations;
  const where = (share: number): string =>
    prng.chance(share) ? ` where ${expression(pen, scope, 'bool', depth)}` : '';
  const roll = prng.float();
  if (roll < 0.28) {
    const { items, tail } = grouped(pen, relations, kinds);
    return `select ${items.join(', ')} from ${sql}${where(0.6)}${tail}`;
  }
  if (roll < 0.4 && depth > 0) {
    // One only: of rows that look the same, two window functions need not number the same one first.
    const chosen = prng.below(kinds.length);
    const items = kinds.map((kind, i) =>
      i === chosen ? windowed(pen, relations, kind) : expression(pen, relations, kind, 1),
    );
    return `select ${items.join(', ')} from ${sql}${where(0.5)}`;
  }
  const items = kinds.map((kind) => expression(pen, scope, kind, depth));
  if (roll < 0.5) {
    return `select distinct ${items.map((item, i) => canonical(item, kinds[i]!)).join(', ')} from ${sql}${where(0.7)}`;
  }
  if (roll < 0.55) {
    const key = unnumbered(expression(pen, relations, 'int', 1));
    return `select distinct on (${key}) ${items.join(', ')} from ${sql}${where(0.5)} order by ${key}, ${totalOrder(relations)}`;
  }
  if (roll < 0.62) {
    const tail = `${where(0.5)} order by ${totalOrder(relations)} limit ${prng.below(12)}`;
    return `select ${items.join(', ')} from ${sql}${tail}${prng.chance(0.3) ? ` offset ${prng.below(5)}` : ''}`;
  }
  return `select ${items.join(', ')} from ${sql}${where(0.8)}`;
}

/** ORDER BY takes a bare number for a column's. */
function unnumbered(key: string): string {
  return /^\(?-?[\d.]+\)?$/.test(key) ? 'null::int' : key;
}

/** Set operations, nested to either side. */
function combined(pen: Pen, outer: Scope, kinds: readonly Kind[], depth: number): string {
  const side = (): string => {
    const name = pen.fresh();
    const columns = kinds.map((_, i) => `x${i}`);
    const items = columns.map((c, i) => `${canonical(`${name}.${c}`, kinds[i]!)}::${SQL_TYPE[kinds[i]!]}`);
    return `(select ${items.join(', ')} from (${select(pen, outer, kinds, depth - 1)}) as ${name}(${columns.join(', ')}))`;
  };
  const { prng } = pen;
  const pair = `${side()} ${prng.pick(SET_OPERATIONS)} ${side()}`;
  if (prng.chance(0.7)) return pair;
  return prng.chance(0.5)
    ? `(${pair}) ${prng.pick(SET_OPERATIONS)} ${side()}`
    : `${side()} ${prng.pick(SET_OPERATIONS)} (${pair})`;
}

function values(pen: Pen, outer: Scope, kinds: readonly Kind[]): string {
  const row = (): string => `(${kinds.map((k) => `(${expression(pen, outer, k, 1)})::${SQL_TYPE[k]}`).join(', ')})`;
  return `values ${row()}, ${row()}`;
}

/** A query under WITH: plain, materialized or not, recursive with a bound. */
function withNamed(pen: Pen, outer: Scope, kinds: readonly Kind[], depth: number): string {
  const { prng } = pen;
  const name = pen.fresh('c');
  const recursive = prng.chance(0.3);
  const how = recursive ? '' : prng.pick(['', 'materialized ', 'not materialized ']);
  const body = recursive ? recursion(pen, name) : select(pen, outer, ['int', 'text'], depth - 1);
  pen.named.push({ name, columns: { x0: 'int', x1: 'text' } });
  const query = select(pen, outer, kinds, depth - 1);
  pen.named.pop();
  return `with ${recursive ? 'recursive ' : ''}${name}(x0, x1) as ${how}(${body}) ${query}`;
}

/** Each round adds one, so there are at most 2 × RECURSION_MAX of them. */
function recursion(pen: Pen, name: string): string {
  const { prng } = pen;
  const base = table('t3', 's');
  const first = `select ${expression(pen, [base], 'int', 1)} % ${RECURSION_MAX}, ${expression(pen, [base], 'text', 1)}::text from t3 s`;
  const self = { name: 's', columns: { x0: 'int', x1: 'text' } } as const;
  const bound = `s.x0 < ${1 + prng.below(RECURSION_MAX)}`;
  const more = prng.chance(0.5) ? ` and ${expression(pen, [self], 'bool', 1)}` : '';
  const text = prng.chance(0.5) ? 's.x1' : "left(s.x1 || 'q', 5)";
  return `${first} union${prng.chance(0.5) ? ' all' : ''} select s.x0 + 1, ${text} from ${name} s where ${bound}${more}`;
}
