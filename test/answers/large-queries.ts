/**
 * Writing queries of the large tables: conditions that indexes answer, joins, groups, sorts, windows, each in the shape that
 * an application asks. Their plans differ, so do the places where rows wait on disk when work_mem is small.
 */
import { expression } from './expressions.ts';
import { LARGE, literal } from './literals.ts';
import { canonical, columnOf, columns, type Kind, type Pen, type Relation, type Scope, totalOrder } from './pen.ts';
import { table } from './tables.ts';

export interface LargeQuery {
  readonly sql: string;
  /** Its rows have one order. */
  readonly ordered: boolean;
}

/** A comparison of one column with values: what an index can answer. */
export function condition(pen: Pen, relation: Relation): string {
  const { prng } = pen;
  const { sql: column, kind } = prng.pick(columns([relation]));
  if (prng.chance(0.1)) return `${column} is ${prng.pick(['null', 'not null'])}`;
  if (kind === 'bool') return `${prng.pick([column, `not ${column}`, `${column} is true`, `${column} is not false`])}`;
  const value = (): string => literal(pen, kind, LARGE);
  return prng.pick([
    () => `${column} = ${value()}`,
    () => `${column} ${prng.pick(['<', '>', '<=', '>='])} ${value()}`,
    () => `${column} between ${value()} and ${value()}`,
    () => `${column} in (${value()}, ${value()}, ${value()})`,
    () => `${column} <> ${value()}`,
    () => (kind === 'text' ? `${column} like '${prng.pick(['a', 'b', 'Ab', 'z'])}%'` : `${value()} > ${column}`),
    () => (kind === 'text' ? `lower(${column}) = lower(${value()})` : `${column} = any (array[${value()}, null])`),
    () => `(${column} = ${value()} or ${column} > ${value()})`,
    () => `not (${column} < ${value()})`,
    () => `${column} = any (array[${value()}, ${value()}])`,
    () => ('id' in relation.columns ? `${relation.name}.a + ${relation.name}.b = ${30 + prng.below(500)}` : 'true'),
    () => ('b' in relation.columns ? `(${relation.name}.a, ${relation.name}.b) > (${prng.below(60)}, 3)` : 'true'),
  ])();
}

function source(pen: Pen): { sql: string; relations: Relation[] } {
  const { prng } = pen;
  const base = prng.pick(['b1', 'b1', 'b1', 'b2', 'pt']);
  const x = table(base, 'x');
  if (prng.chance(0.55)) return { sql: `${base} x`, relations: [x] };
  const other = prng.pick(['b2', 't1', 't2', 'pt', 'b1']);
  const y = table(other, 'y');
  const kind = prng.pick(['int', 'int', 'text', 'date'] as const);
  const [l, r] = [columnOf(pen, [x], kind), columnOf(pen, [y], kind)];
  if (l === undefined || r === undefined) return { sql: `${base} x`, relations: [x] };
  const join = prng.pick(['join', 'join', 'left join', 'right join', 'full join']);
  const more = join !== 'full join' && prng.chance(0.3) ? ` and ${condition(pen, prng.pick([x, y]))}` : '';
  return { sql: `${base} x ${join} ${other} y on ${l} = ${r}${more}`, relations: [x, y] };
}

function where(pen: Pen, relations: readonly Relation[]): string {
  const { prng } = pen;
  const conditions: string[] = [];
  for (let i = prng.below(4); i > 0; i--) {
    conditions.push(prng.chance(0.75) ? condition(pen, prng.pick(relations)) : expression(pen, relations, 'bool', 1));
  }
  const key = columnOf(pen, [relations[0]!], 'int');
  const z = table('b2', 'z');
  if (prng.chance(0.15)) {
    const more = prng.chance(0.5) ? ` and ${condition(pen, z)}` : '';
    conditions.push(`${prng.pick(['', 'not '])}exists (select 1 from b2 z where z.a = ${key}${more})`);
  }
  if (prng.chance(0.1)) {
    const more = prng.chance(0.5) ? ' and z.k is not null' : '';
    conditions.push(`${key} ${prng.pick(['in', 'not in'])} (select z.k from b2 z where ${condition(pen, z)}${more})`);
  }
  return conditions.length > 0 ? ` where ${conditions.join(prng.chance(0.85) ? ' and ' : ' or ')}` : '';
}

/** Columns and expressions to put out. */
function items(pen: Pen, scope: Scope): { sql: string; kind: Kind }[] {
  const { prng } = pen;
  return Array.from({ length: 1 + prng.below(3) }, () => {
    if (prng.chance(0.7)) return prng.pick(columns(scope));
    const kind = prng.pick(['int', 'text', 'num', 'bool'] as const);
    return { sql: expression(pen, scope, kind, 1), kind };
  });
}

function groups(pen: Pen, scope: Scope, from: string): string {
  const { prng } = pen;
  const of = (...kinds: Kind[]): string => columnOf(pen, scope, prng.pick(kinds)) ?? '1';
  const keys = Array.from({ length: prng.below(3) }, () =>
    prng.pick([
      () => of('int', 'text', 'bool', 'date'),
      () => `${of('int')} % 7`,
      () => `lower(${columnOf(pen, scope, 'text')})`,
    ])(),
  ).filter((key) => key !== '1' && !key.startsWith('1 '));
  const aggregates = Array.from({ length: 1 + prng.below(3) }, () =>
    prng.pick([
      () => 'count(*)',
      () => `count(${of('int', 'text')})`,
      () => `sum(${of('int', 'num', 'big')})`,
      () => `min(${of('int', 'date', 'text')})`,
      () => `max(${of('int', 'ts', 'text')})`,
      () => `avg(${of('int')})`,
      () => `count(distinct ${of('int', 'text')})`,
      () => `sum(${expression(pen, scope, 'int', 1)}) filter (where ${condition(pen, prng.pick(scope))})`,
      () => `bool_or(${columnOf(pen, scope, 'bool') ?? 'true'})`,
      () => `round(stddev(${of('int')}), 4)`,
      () => `array_agg(distinct ${of('int')})`,
      () => `string_agg(distinct ${columnOf(pen, scope, 'text')}, ',')`,
    ])(),
  );
  const by = keys.length > 0 ? ` group by ${keys.join(', ')}` : '';
  const having = keys.length > 0 && prng.chance(0.3) ? ` having count(*) > ${prng.below(4)}` : '';
  return `select ${[...keys, ...aggregates].join(', ')} from ${from}${by}${having}`;
}

function sorted(pen: Pen, scope: Scope, from: string): LargeQuery {
  const { prng } = pen;
  const all = columns(scope).map((c) => c.sql);
  const key = (): string => prng.pick(all) + prng.pick(['', '', ' desc', ' nulls first', ' desc nulls last']);
  const keys = Array.from({ length: 1 + prng.below(2) }, key).join(', ');
  const out = items(pen, scope)
    .map((i) => i.sql)
    .join(', ');
  if (prng.chance(0.15)) {
    const count = 1 + prng.below(20);
    return { sql: `select ${out} from ${from} order by ${keys} fetch first ${count} rows with ties`, ordered: false };
  }
  const limit = prng.chance(0.8) ? ` limit ${1 + prng.below(30)}` : '';
  const offset = prng.chance(0.3) ? ` offset ${prng.below(20)}` : '';
  return { sql: `select ${out} from ${from} order by ${keys}, ${totalOrder(scope)}${limit}${offset}`, ordered: true };
}

/** A query of the large tables. */
export function largeQuery(pen: Pen): LargeQuery {
  const { prng } = pen;
  const { sql, relations } = source(pen);
  const from = sql + where(pen, relations);
  const roll = prng.float();
  if (roll < 0.35) return { sql: groups(pen, relations, from), ordered: false };
  if (roll < 0.6) return sorted(pen, relations, from);
  const out = items(pen, relations);
  const list = out.map((i) => i.sql).join(', ');
  if (roll < 0.68) return { sql: `select ${list}, ${numbering(pen, relations)} from ${from}`, ordered: false };
  if (roll < 0.74) {
    return {
      sql: `select distinct ${out.map((i) => canonical(i.sql, i.kind)).join(', ')} from ${from}`,
      ordered: false,
    };
  }
  if (roll < 0.78) {
    const key = prng.pick(columns(relations)).sql;
    const first = `select distinct on (${key}) ${key}, ${list} from ${from}`;
    return { sql: `${first} order by ${key}, ${totalOrder(relations)}`, ordered: true };
  }
  return { sql: `select ${list} from ${from}`, ordered: false };
}

function numbering(pen: Pen, scope: Scope): string {
  const { prng } = pen;
  const split = columnOf(pen, scope, prng.pick(['int', 'text'] as const)) ?? 'true';
  const int = columnOf(pen, scope, 'int') ?? '1';
  const order = totalOrder(scope);
  return prng.pick([
    `row_number() over (partition by ${split} order by ${order})`,
    `sum(${int}) over (partition by ${split} order by ${order})`,
    `lag(${int}) over (partition by ${split} order by ${order})`,
    `first_value(${int}) over (partition by ${split} order by ${order})`,
    `rank() over (order by ${split})`,
    `ntile(4) over (order by ${order})`,
    `count(*) over (partition by ${split})`,
  ]);
}
