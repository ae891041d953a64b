/**
 * Compares ExtentDB with PostgreSQL 15 on generated queries.
 *
 *     node dist/campaign/scripts/differential.js EXTENTDB-URL POSTGRES-URL [queries] [seed]
 *
 * Both servers get the same three tables in schema `differential`; then typed random queries run on both. Rows are compared
 * as bags, for order is compared only where ORDER BY names every column. Errors are compared by SQLSTATE. Every difference
 * is printed with its seed, so that `1 SEED` runs it again.
 */
import pg from 'pg';
import { Prng } from '../src/base/prng.ts';

type Kind = 'int' | 'num' | 'text' | 'bool';

interface Source {
  readonly alias: string;
  readonly columns: readonly { readonly name: string; readonly kind: Kind }[];
}

const TABLES: readonly Source[] = [
  {
    alias: 'a',
    columns: [
      { name: 'id', kind: 'int' },
      { name: 'g', kind: 'int' },
      { name: 'n', kind: 'num' },
      { name: 's', kind: 'text' },
      { name: 'f', kind: 'bool' },
    ],
  },
  {
    alias: 'b',
    columns: [
      { name: 'id', kind: 'int' },
      { name: 'aid', kind: 'int' },
      { name: 's', kind: 'text' },
      { name: 'n', kind: 'num' },
    ],
  },
  {
    alias: 'c',
    columns: [
      { name: 'k', kind: 'text' },
      { name: 'v', kind: 'int' },
    ],
  },
];

const SETUP = [
  'drop schema if exists differential cascade',
  'create schema differential',
  'set search_path = differential',
  'create table a (id int primary key, g int, n numeric(8,2), s text, f bool)',
  'create table b (id int primary key, aid int, s text, n numeric)',
  'create table c (k text, v int)',
  `insert into a select i, nullif(i % 5, 4), case when i % 7 <> 0 then (i * 37 % 100) / 4.0 end,
     case when i % 6 <> 0 then chr(97 + i % 4) || (i % 3) end, case i % 3 when 0 then true when 1 then false end
     from generate_series(1, 40) i`,
  `insert into b select i, nullif(i * 3 % 45, 0), chr(97 + i % 5) || (i % 2), round(i / 3.0, i % 4)
     from generate_series(1, 30) i`,
  "insert into c values ('a0', 1), ('a1', 2), ('b2', null), (null, 3), ('c1', 3), ('d0', -4), ('a0', 5)",
  'create index a_g on a (g)',
  'create index b_aid on b (aid)',
  'create index a_s on a (s, id)',
];

/** Builds one query of known column kinds. */
class Generator {
  readonly #prng: Prng;
  #aliases = 0;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  #below(n: number): number {
    return this.#prng.below(n);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #alias(): string {
    return `q${++this.#aliases}`;
  }

  #column(scope: readonly Source[], kind: Kind): string | undefined {
    const found = scope.flatMap((s) => s.columns.filter((c) => c.kind === kind).map((c) => `${s.alias}.${c.name}`));
    return found.length === 0 ? undefined : this.#pick(found);
  }

  #literal(kind: Kind): string {
    if (this.#chance(8)) return kind === 'num' ? 'null::numeric' : `null::${kind}`;
    if (kind === 'int') return String(this.#pick([0, 1, 2, 3, 5, 7, 10, 20, -1]));
    if (kind === 'num') return this.#pick(['0.5', '1.25', '2', '10.0', '-3.75', '12']);
    if (kind === 'bool') return this.#pick(['true', 'false']);
    return this.#pick(["'a0'", "'a1'", "'b'", "''", "'c1'", "'zz'"]);
  }

  #expr(scope: readonly Source[], kind: Kind, depth: number): string {
    const column = this.#column(scope, kind);
    if (depth <= 0 || this.#chance(30)) return column !== undefined && this.#chance(80) ? column : this.#literal(kind);
    const e = (k: Kind): string => this.#expr(scope, k, depth - 1);
    const shared = this.#below(12);
    if (shared === 0) return `case when ${e('bool')} then ${e(kind)} else ${e(kind)} end`;
    if (shared === 1) return `coalesce(${e(kind)}, ${e(kind)})`;
    if (shared === 2) return `nullif(${e(kind)}, ${e(kind)})`;
    if (shared === 3 && kind !== 'bool') return `${this.#pick(['greatest', 'least'])}(${e(kind)}, ${e(kind)})`;
    if (shared === 4 && depth > 1) return this.#scalarQuery(scope, kind, depth - 1);
    if (kind === 'int')
      return this.#pick([
        () => `(${e('int')} ${this.#pick(['+', '-', '*'])} ${e('int')})`,
        () => `(${e('int')} % ${this.#pick([2, 3, 7])})`,
        () => `(${e('int')} / ${this.#pick([2, 3])})`,
        () => `length(${e('text')})`,
        () => `abs(${e('int')})`,
        () => `case ${e('int')} when ${e('int')} then ${e('int')} when 2 then 9 end`,
      ])();
    if (kind === 'num')
      return this.#pick([
        () => `(${e('num')} ${this.#pick(['+', '-', '*'])} ${e('num')})`,
        () => `(${e('num')} + ${e('int')})`,
        () => `round(${e('num')}, 1)`,
        () => `${e('int')}::numeric`,
        () => `(${e('num')} / ${this.#pick(['3', '7.5', '0.25'])})`,
        () => `floor(${e('num')})`,
      ])();
    if (kind === 'text')
      return this.#pick([
        () => `(${e('text')} || ${e('text')})`,
        () => `upper(${e('text')})`,
        () => `substr(${e('text')}, ${this.#pick([1, 2])}, 2)`,
        () => `${e('int')}::text`,
        () => `concat(${e('text')}, ${e('num')})`,
      ])();
    return this.#condition(scope, depth);
  }

  #condition(scope: readonly Source[], depth: number): string {
    const e = (k: Kind): string => this.#expr(scope, k, depth - 1);
    const kind = this.#pick<Kind>(['int', 'int', 'num', 'text']);
    return this.#pick([
      () => `(${e(kind)} ${this.#pick(['=', '<', '>', '<=', '>=', '<>'])} ${e(kind)})`,
      () => `(${e(kind)} is ${this.#pick(['', 'not '])}null)`,
      () => `(${e('bool')} and ${e('bool')})`,
      () => `(${e('bool')} or ${e('bool')})`,
      () => `(not ${e('bool')})`,
      () => `(${e(kind)} ${this.#pick(['', 'not '])}in (${this.#literal(kind)}, ${this.#literal(kind)}, ${e(kind)}))`,
      () => `(${e(kind)} between ${e(kind)} and ${e(kind)})`,
      () => `(${e('text')} like ${this.#pick(["'a%'", "'_1'", "'%0'"])})`,
      () => `(${e('bool')} is ${this.#pick(['true', 'not true', 'false', 'unknown'])})`,
      () => `(${e(kind)} is distinct from ${e(kind)})`,
      () => `(${e('int')} = any (array[${e('int')}, ${e('int')}, 3]))`,
      () => `${this.#pick(['', 'not '])}exists (${this.#subquery(scope, [], depth - 1)})`,
      () => `(${e(kind)} ${this.#pick(['', 'not '])}in (${this.#subquery(scope, [kind], depth - 1)}))`,
      () =>
        `(${e(kind)} ${this.#pick(['<', '>=', '='])} ${this.#pick(['any', 'all'])} (${this.#subquery(scope, [kind], depth - 1)}))`,
      () => `((${e('int')}, ${e('text')}) ${this.#pick(['=', '<', '<>'])} (${e('int')}, ${e('text')}))`,
    ])();
  }

  /** A source of its own alias for FROM, with its text. */
  #from(scope: readonly Source[], depth: number): { text: string; source: Source } {
    const alias = this.#alias();
    if (depth > 1 && this.#chance(20)) {
      const kinds = [this.#pick<Kind>(['int', 'text', 'num']), 'int' as const];
      const inner = this.#subquery(this.#chance(30) ? scope : [], kinds, depth - 1);
      return {
        text: `lateral (${inner}) ${alias} (x, y)`,
        source: {
          alias,
          columns: [
            { name: 'x', kind: kinds[0]! },
            { name: 'y', kind: 'int' },
          ],
        },
      };
    }
    const table = this.#pick(TABLES);
    return { text: `${table.alias} ${alias}`, source: { alias, columns: table.columns } };
  }

  #joins(outer: readonly Source[], depth: number): { text: string; sources: Source[] } {
    const first = this.#from(outer, depth);
    let text = first.text;
    const sources = [first.source];
    const joins = this.#pick([0, 0, 1, 1, 2]);
    for (let i = 0; i < joins; i++) {
      const next = this.#from([], depth - 1);
      const left = this.#pick(sources);
      const kind = this.#pick<Kind>(['int', 'int', 'text']);
      const [x, y] = [this.#column([left], kind), this.#column([next.source], kind)];
      sources.push(next.source);
      if (x === undefined || y === undefined) text += ` cross join ${next.text}`;
      else {
        const word = this.#pick(['join', 'join', 'left join', 'left join', 'right join', 'full join']);
        const more = word !== 'full join' && this.#chance(30) ? ` and ${this.#condition(sources, 1)}` : '';
        text += ` ${word} ${next.text} on ${x} = ${y}${more}`;
      }
    }
    return { text, sources };
  }

  #scalarQuery(scope: readonly Source[], kind: Kind, depth: number): string {
    const { text, source } = this.#from([], 1);
    const all = [source, ...scope];
    const value = this.#expr(all, kind, depth - 1);
    const aggregate = kind === 'bool' ? `bool_or(${value})` : `${this.#pick(['max', 'min'])}(${value})`;
    return `(select ${aggregate} from ${text} where ${this.#condition(all, depth)})`;
  }

  #subquery(scope: readonly Source[], kinds: readonly Kind[], depth: number): string {
    const { text, sources } = this.#joins([], Math.max(1, depth));
    const all = [...sources, ...scope];
    const targets = kinds.length === 0 ? '1' : kinds.map((k) => this.#expr(all, k, depth - 1)).join(', ');
    const where = this.#chance(75) ? ` where ${this.#condition(all, depth)}` : '';
    const distinct = this.#chance(15) ? 'distinct ' : '';
    return `select ${distinct}${targets} from ${text}${where}`;
  }

  #aggregate(scope: readonly Source[]): string {
    const e = (k: Kind): string => this.#expr(scope, k, 1);
    const filter = this.#chance(20) ? ` filter (where ${this.#condition(scope, 1)})` : '';
    return `${this.#pick([
      () => 'count(*)',
      () => `count(${this.#pick(['', 'distinct '])}${e('text')})`,
      () => `sum(${this.#pick(['', 'distinct '])}${e('int')})`,
      () => `avg(${e('num')})`,
      () => `sum(${e('num')})`,
      () => `min(${e('text')})`,
      () => `max(${e('num')})`,
      () => `bool_and(${e('bool')})`,
      () => {
        const text = e('text');
        return `string_agg(${text}, ',' order by ${text})`;
      },
    ])()}${filter}`;
  }

  #window(scope: readonly Source[], key: string): string {
    const over = `over (${this.#chance(60) ? `partition by ${this.#expr(scope, 'int', 0)} ` : ''}order by ${key})`;
    return `${this.#pick([
      () => 'row_number()',
      () => 'rank()',
      () => `sum(${this.#expr(scope, 'int', 1)})`,
      () => `lag(${this.#expr(scope, 'text', 1)})`,
      () => `lead(${this.#expr(scope, 'int', 1)}, 2, -1)`,
      () => `first_value(${this.#expr(scope, 'num', 1)})`,
      () => `count(${this.#expr(scope, 'text', 1)})`,
    ])()} ${over}`;
  }

  /** Every column of every source: a total order, but for rows that are the same. */
  #total(sources: readonly Source[]): string {
    return sources.flatMap((s) => s.columns.map((c) => `${s.alias}.${c.name}`)).join(', ');
  }

  #plain(): string {
    const { text, sources } = this.#joins([], 2);
    const kinds = Array.from({ length: 1 + this.#below(4) }, () => this.#pick<Kind>(['int', 'num', 'text', 'bool']));
    const targets = kinds.map((k, i) => `${this.#expr(sources, k, 2)} as c${i}`);
    const where = this.#chance(70) ? ` where ${this.#condition(sources, 2)}` : '';
    if (this.#chance(25)) targets.push(`${this.#window(sources, this.#total(sources))} as w`);
    if (this.#chance(12)) {
      const key = this.#column(sources, 'int') ?? '1';
      return `select distinct on (${key}) ${key} as k, ${targets.join(', ')} from ${text}${where} order by ${key}, ${this.#total(sources)}`;
    }
    if (this.#chance(25))
      return `select ${targets.join(', ')} from ${text}${where} order by ${this.#total(sources)} limit ${this.#below(12)} offset ${this.#below(3)}`;
    return `select ${this.#chance(20) ? 'distinct ' : ''}${targets.join(', ')} from ${text}${where}`;
  }

  #grouped(): string {
    const { text, sources } = this.#joins([], 2);
    const keys = Array.from({ length: this.#below(3) }, () =>
      this.#expr(sources, this.#pick<Kind>(['int', 'text', 'bool']), 1),
    );
    const grouped = keys.filter((k) => /[a-z]\d*\./.test(k));
    const targets = [
      ...grouped.map((k, i) => `${k} as k${i}`),
      ...Array.from({ length: 1 + this.#below(3) }, (_, i) => `${this.#aggregate(sources)} as x${i}`),
    ];
    const where = this.#chance(50) ? ` where ${this.#condition(sources, 2)}` : '';
    const group = grouped.length > 0 ? ` group by ${grouped.join(', ')}` : '';
    const having = this.#chance(25)
      ? ` having ${this.#pick(['count(*) > 1', `${this.#aggregate(sources)} is not null`])}`
      : '';
    return `select ${targets.join(', ')} from ${text}${where}${group}${having}`;
  }

  #sets(): string {
    const kinds = Array.from({ length: 1 + this.#below(2) }, () => this.#pick<Kind>(['int', 'num', 'text']));
    const arms = Array.from({ length: 2 + this.#below(2) }, () => this.#subquery([], kinds, 2));
    const words = ['union', 'union all', 'intersect', 'except', 'except all', 'intersect all'];
    return arms.reduce((left, right) => `${left} ${this.#pick(words)} ${right}`);
  }

  #common(): string {
    const kinds: Kind[] = ['int', this.#pick<Kind>(['text', 'num'])];
    const inner = this.#subquery([], kinds, 2);
    const source: Source = {
      alias: 'w1',
      columns: [
        { name: 'x', kind: 'int' },
        { name: 'y', kind: kinds[1]! },
      ],
    };
    const word = this.#pick(['', 'materialized ', 'not materialized ']);
    const other: Source = { ...source, alias: 'w2' };
    const from = this.#pick(['cte w1', 'cte w1 join cte w2 on w1.x = w2.x', 'cte w1 left join cte w2 on w1.y = w2.y']);
    const scope = from.includes('w2') ? [source, other] : [source];
    return `with cte (x, y) as ${word}(${inner}) select ${this.#expr(scope, 'int', 1)}, ${this.#expr(scope, kinds[1]!, 1)} from ${from} where ${this.#condition(scope, 2)}`;
  }

  query(): string {
    const which = this.#below(20);
    if (which < 9) return this.#plain();
    if (which < 14) return this.#grouped();
    return which < 17 ? this.#sets() : this.#common();
  }
}

interface Answer {
  readonly columns: string;
  readonly rows: readonly string[];
}

async function answer(client: pg.Client, sql: string): Promise<Answer> {
  try {
    const result = await client.query({ text: sql, rowMode: 'array', types: { getTypeParser: () => String } });
    return {
      columns: result.fields.map((f) => `${f.name}:${f.dataTypeID}`).join(' '),
      rows: result.rows.map((row: (string | null)[]) => row.map((v) => v ?? '∅').join('|')),
    };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { columns: `ERROR ${error.code}`, rows: [error.message] };
  }
}

function same(a: Answer, b: Answer, ordered: boolean): boolean {
  if (a.columns !== b.columns) return false;
  if (a.columns.startsWith('ERROR')) return true;
  const [x, y] = ordered ? [a.rows, b.rows] : [[...a.rows].sort(), [...b.rows].sort()];
  return x.length === y.length && x.every((row, i) => row === y[i]);
}

const [ours, theirs, count = '3000', first = '1'] = process.argv.slice(2);
if (ours === undefined || theirs === undefined)
  throw new Error('usage: differential EXTENTDB-URL POSTGRES-URL [n] [seed]');
const clients = [new pg.Client(ours), new pg.Client(theirs)];
for (const client of clients) {
  await client.connect();
  for (const sql of SETUP) await client.query(sql);
  await client.query("set statement_timeout = '10s'");
}
let different = 0;
let failed = 0;
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const sql = new Generator(seed).query();
  const found = await answer(clients[0]!, sql);
  const expected = await answer(clients[1]!, sql);
  if (expected.columns.startsWith('ERROR')) failed++;
  if (same(found, expected, / order by .* limit /.test(sql))) continue;
  different++;
  console.log(
    `seed ${seed}: ${sql}\n  expected ${expected.columns}: ${expected.rows.length} ${expected.rows.slice(0, 3).join(' / ')}\n  found    ${found.columns}: ${found.rows.length} ${found.rows.slice(0, 3).join(' / ')}`,
  );
}
console.log(`${count} queries, ${failed} of them errors, ${different} differ`);
for (const client of clients) await client.end();
