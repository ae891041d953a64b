/** Writing window functions: numbering under a total order, peers under a partial one, the frames that are supported. */
import { expression } from './expressions.ts';
import { columnOf, type Kind, type Pen, type Scope, totalOrder } from './pen.ts';

const PARTITION_KINDS: readonly Kind[] = ['int', 'text', 'bool', 'date', 'num'];
const WHOLE = ['rows', 'range', 'groups'].map((m) => `${m} between unbounded preceding and unbounded following`);
const GROWING = ['range between unbounded preceding and current row', 'range unbounded preceding'];
const GROWING_ROWS = ['rows between unbounded preceding and current row', 'rows unbounded preceding'];

/** Of equal numerics and intervals not all look the same, so for them there are sums. */
const RUNNING: Partial<Readonly<Record<Kind, readonly string[]>>> = {
  num: ['sum', 'avg'],
  iv: ['sum'],
  bool: ['bool_and', 'bool_or'],
};

/** A window function whose value is of `kind`; an expression when there is none of that kind. */
export function windowed(pen: Pen, scope: Scope, kind: Kind): string {
  const { prng } = pen;
  const total = `order by ${totalOrder(scope)}${prng.chance(0.2) ? ' desc nulls last' : ''}`;
  const split = partition(pen, scope);
  const of = (k: Kind): string => expression(pen, scope, k, 1);
  const value = prng.pick([
    () => `lag(${of(kind)}) over (${split} ${total})`,
    () => `lead(${of(kind)}, ${1 + prng.below(3)}) over (${split} ${total})`,
    () => `first_value(${of(kind)}) over (${split} ${total} ${frame(pen, true)})`,
    () => `last_value(${of(kind)}) over (${split} ${total} ${frame(pen, true)})`,
    () => `nth_value(${of(kind)}, ${1 + prng.below(3)}) over (${split} ${total})`,
    () => `${running(pen, scope, kind)} over (${split})`,
    () => `${running(pen, scope, kind)} over (${split} ${partial(pen, scope)} ${frame(pen, false)})`,
    () => `${running(pen, scope, kind)} over (${split} ${total} ${frame(pen, true)})`,
  ]);
  if (kind !== 'int') return prng.chance(0.75) ? value() : of(kind);
  return prng.pick([
    value,
    () => `(row_number() over (${split} ${total}))::int`,
    () => `(rank() over (${split} ${partial(pen, scope)}))::int`,
    () => `(dense_rank() over (${split} ${partial(pen, scope)}))::int`,
    () => `ntile(${1 + prng.below(4)}) over (${split} ${total})`,
    () => `(count(*) over (${split} ${partial(pen, scope)}))::int`,
    () => `(sum(${of('int')}) over (${split} ${partial(pen, scope)} ${frame(pen, false)}))::int`,
  ])();
}

/** An aggregate of `kind` that OVER may follow, whose value does not depend on the order of its rows. */
function running(pen: Pen, scope: Scope, kind: Kind): string {
  const { prng } = pen;
  const filter = prng.chance(0.2) ? ` filter (where ${expression(pen, scope, 'bool', 1)})` : '';
  return `${prng.pick(RUNNING[kind] ?? ['min', 'max'])}(${expression(pen, scope, kind, 1)})${filter}`;
}

function partition(pen: Pen, scope: Scope): string {
  const { prng } = pen;
  if (prng.chance(0.3)) return '';
  const kind = prng.pick(PARTITION_KINDS);
  const key = prng.chance(0.3) ? expression(pen, scope, kind, 1) : columnOf(pen, scope, kind);
  return key === undefined ? '' : `partition by ${key}`;
}

/** An order in which rows may be peers. */
function partial(pen: Pen, scope: Scope): string {
  const { prng } = pen;
  const kind = prng.pick(PARTITION_KINDS);
  return `order by ${columnOf(pen, scope, kind) ?? expression(pen, scope, kind, 1)}${prng.pick(['', ' desc', ' nulls first'])}`;
}

/** @param byRow - no two rows are peers, so a frame may end at a row. */
function frame(pen: Pen, byRow: boolean): string {
  return pen.prng.pick(['', ...WHOLE, ...GROWING, ...(byRow ? GROWING_ROWS : [])]);
}
