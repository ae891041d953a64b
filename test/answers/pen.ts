/**
 * What a query is written with: chance, fresh names, kinds of values and the relations in sight.
 *
 *   Pen ── prng          decides everything; one Prng per case, made of the course's seed and the case's number
 *       ── named         common table expressions that a FROM may name
 *       ── parameters    drawn values of $1, $2 …, one list per execution; empty when the case is sent as text
 *
 * A form is a text with holes: `({int} + {int})`. {@link filled} fills each hole from left to right.
 */
import type { Prng } from '../../src/base/prng.ts';

/** Kinds of values, each one SQL type; smallint, varchar and numeric(p,s) columns count as the kind that they widen to. */
export type Kind = 'int' | 'num' | 'text' | 'bool' | 'date' | 'ts' | 'big' | 'flt' | 'iv' | 'arr';

export const SQL_TYPE: Readonly<Record<Kind, string>> = {
  int: 'int',
  num: 'numeric',
  text: 'text',
  bool: 'boolean',
  date: 'date',
  ts: 'timestamp',
  big: 'bigint',
  flt: 'float8',
  iv: 'interval',
  arr: 'int[]',
};

/** A name that FROM may use, with its columns. */
export interface Relation {
  readonly name: string;
  readonly columns: Readonly<Record<string, Kind>>;
}

export type Scope = readonly Relation[];

/** How many times a prepared statement runs: generated code takes over after the first. */
export const EXECUTIONS = 3;
const PARAMETERS_MAX = 6;

export class Pen {
  readonly prng: Prng;
  readonly named: Relation[] = [];
  readonly parameters: string[][] | undefined;
  #names = 0;
  #count = 0;

  /** @param prepared - literals may become parameters. */
  constructor(prng: Prng, prepared = false) {
    this.prng = prng;
    this.parameters = prepared ? Array.from({ length: EXECUTIONS }, () => []) : undefined;
  }

  /** A name that nothing else in this statement has. */
  fresh(prefix = 'r'): string {
    return `${prefix}${++this.#names}`;
  }

  /** A value of `draw`: as a parameter now and then, otherwise as `written` writes it. */
  value(kind: Kind, draw: () => string, written: (value: string) => string): string {
    if (this.parameters === undefined || this.#count >= PARAMETERS_MAX || this.prng.chance(0.4)) return written(draw());
    this.#count++;
    for (const list of this.parameters) list.push(draw());
    return `$${this.#count}::${SQL_TYPE[kind]}`;
  }
}

/** A text with its holes filled, one after the other. */
export function filled(form: string, fill: (hole: string) => string): string {
  return form.replace(/\{(\w+)\}/g, (_, hole: string) => fill(hole));
}

/** A random column of one of `kinds` in sight, qualified; undefined when there is none. */
export function columnOf(pen: Pen, scope: Scope, kind: Kind): string | undefined {
  const found = columns(scope).filter((c) => c.kind === kind);
  return found.length === 0 ? undefined : pen.prng.pick(found).sql;
}

/** All columns in sight, qualified. */
export function columns(scope: Scope): { readonly sql: string; readonly kind: Kind }[] {
  return scope.flatMap((r) => Object.entries(r.columns).map(([name, kind]) => ({ sql: `${r.name}.${name}`, kind })));
}

/** One spelling for all equal values: of numerics and intervals that are equal, not all look the same. */
export function canonical(sql: string, kind: Kind): string {
  if (kind === 'num') return `trim_scale(${sql})`;
  if (kind === 'iv') return `justify_interval(${sql})`;
  return sql;
}

/** Sort keys under which only rows that look the same are peers. */
export function totalOrder(scope: Scope): string {
  return columns(scope)
    .map(({ sql, kind }) => (kind === 'num' || kind === 'iv' ? `${sql}::text` : sql))
    .join(', ');
}
