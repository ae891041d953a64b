/**
 * The tables that queries read, and their rows.
 *
 *   t1 t2 t3    a few rows of every kind, many nulls: all of a query's branches are reached, cross joins stay cheap
 *   b1 b2 pt    large enough for plans to differ: indexes of one and more columns, DESC, of expressions, partial, with
 *               INCLUDE; pt is partitioned; some rows of b1 were deleted and changed, so versions lie about
 *
 * Rows come from the course's seed, so both databases get the same ones.
 */
import type { Prng } from '../../src/base/prng.ts';
import { cell, LARGE, SMALL } from './literals.ts';
import type { Kind, Relation } from './pen.ts';

const ROWS_PER_INSERT = 500;

const SMALL_TABLES: readonly Relation[] = [
  { name: 't1', columns: { a: 'int', b: 'int', c: 'num', d: 'text', e: 'bool', f: 'date', g: 'big', h: 'flt' } },
  { name: 't2', columns: { a: 'int', b: 'int', c: 'num', d: 'text', i: 'int', k: 'int' } },
  { name: 't3', columns: { a: 'int', d: 'text', j: 'ts', l: 'arr', m: 'iv' } },
];

const LARGE_TABLES: readonly Relation[] = [
  {
    name: 'b1',
    columns: { id: 'int', a: 'int', b: 'int', c: 'num', d: 'text', e: 'bool', f: 'date', g: 'big', j: 'ts' },
  },
  { name: 'b2', columns: { a: 'int', b: 'int', c: 'num', d: 'text', k: 'int' } },
  { name: 'pt', columns: { a: 'int', b: 'int', d: 'text', f: 'date' } },
];

const TABLES = new Map([...SMALL_TABLES, ...LARGE_TABLES].map((t) => [t.name, t]));

/** The table `name`, known by `alias`. */
export function table(name: string, alias: string): Relation {
  const found = TABLES.get(name);
  if (found === undefined) throw new Error(`no table ${name}`);
  return { name: alias, columns: found.columns };
}

export const SMALL_NAMES: readonly string[] = SMALL_TABLES.map((t) => t.name);

const DEFINITIONS = [
  `create table t1 (a int primary key, b int, c numeric(8,2), d text, e boolean, f date, g bigint, h float8);
   create table t2 (a int, b int, c numeric, d text, i int primary key, k smallint);
   create table t3 (a int, d varchar(10), j timestamp, l int[], m interval);
   create index on t1 (b); create index on t1 (d); create index on t2 (a, b); create index on t2 (d) where b > 3;`,
  `create table b1 (id int primary key, a int, b int, c numeric(10,2), d text, e boolean, f date, g bigint, j timestamp);
   create table b2 (a int not null, b int, c numeric(6,3), d varchar(20), k smallint, primary key (a, b));
   create table pt (a int, b int, d text, f date) partition by range (a);
   create table pt1 partition of pt for values from (minvalue) to (10);
   create table pt2 partition of pt for values from (10) to (50);
   create table pt3 partition of pt default;`,
];

const INDEXES = `create index on b1 (a); create index on b1 (b desc nulls last, a); create index on b1 (d) include (a);
  create index on b1 (f) where e; create index on b1 (c, d); create index on b1 ((a + b)); create index on b1 (lower(d));
  create index on b2 (d); create index on b2 (k, a desc); create index on pt (b);
  delete from b1 where id % 11 = 3; update b1 set b = b + 1 where id % 13 = 2; analyze`;

type Cells = (prng: Prng, row: number) => string[];

/** Cells of `kinds`, each NULL now and then. */
function cells(prng: Prng, kinds: readonly Kind[], values = SMALL, nulls = 0.15): string[] {
  return kinds.map((kind) => cell(prng, kind, nulls, values));
}

const ROWS: readonly { readonly into: string; readonly count: number; readonly row: Cells }[] = [
  { into: 't1', count: 26, row: (p, i) => [`${i}`, ...cells(p, ['int', 'num', 'text', 'bool', 'date', 'big', 'flt'])] },
  { into: 't2', count: 30, row: (p, i) => [...cells(p, ['int', 'int', 'num', 'text']), `${i}`, ...cells(p, ['int'])] },
  { into: 't3', count: 16, row: (p) => cells(p, ['int', 'text', 'ts', 'arr', 'iv']) },
  {
    into: 'b1',
    count: 4000,
    row: (p, i) => [
      `${(i * 7) % 4001}`,
      ...cells(p, ['int'], LARGE, 0.08),
      p.chance(0.05) ? 'null' : `${p.below(1000)}`,
      ...cells(p, ['num', 'text', 'bool', 'date', 'big', 'ts'], LARGE, 0.1),
    ],
  },
  {
    into: 'b2',
    count: 720,
    row: (p, i) => [
      `${Math.floor(i / 12) - 3}`,
      `${i % 12}`,
      p.chance(0.15) ? 'null' : (p.below(9000) / 1000).toFixed(3),
      ...cells(p, ['text'], LARGE),
      p.chance(0.15) ? 'null' : `${p.below(20) - 3}`,
    ],
  },
  {
    into: 'pt',
    count: 600,
    row: (p) => [
      p.chance(0.15) ? 'null' : `${p.below(100) - 20}`,
      ...cells(p, ['int', 'text'], SMALL),
      ...cells(p, ['date'], LARGE),
    ],
  },
];

/** Statements that make all tables and fill them. */
export function setupOf(prng: Prng): string[] {
  const statements = [...DEFINITIONS];
  for (const { into, count, row } of ROWS) {
    const rows = Array.from({ length: count }, (_, i) => `(${row(prng, i).join(', ')})`);
    for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
      statements.push(`insert into ${into} values ${rows.slice(at, at + ROWS_PER_INSERT).join(', ')}`);
    }
  }
  return [...statements, INDEXES];
}
