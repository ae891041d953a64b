/**
 * Functions on long values are done in slices: with the same results and errors as at once, cancelled on the way, and by
 * several sessions at a time.
 */
import { expect, test } from 'vitest';

import { Prng } from '../../../src/base/prng.ts';
import { REQUEST_SLICE, type Request, type Task } from '../../../src/base/task.ts';
import { cancelledByUser } from '../../../src/engine/scheduler.ts';
import type { EvalContext, FunctionEntry, Pace, SqlValue } from '../../../src/sql/types/contracts.ts';
import { registry } from '../../../src/sql/types/registry.ts';
import { seedOf } from '../../storage/open.ts';
import { memoryInstance, TestSession, TextSink } from '../../support/in-process.ts';

const SEED = seedOf(483_051);
const ROUNDS = 150;

const SLICE: Request = { kind: REQUEST_SLICE, start: () => () => {}, answerNow: () => {} };

/** Cuts at every opportunity. */
function paceOf(piece: number): Pace {
  return { piece, isOver: () => true, slice: () => SLICE };
}

const longFunctions = [...registry.functions()].filter((fn) => fn.long !== undefined);

const ALPHABETS = ['ab', 'abcAB ,', 'aÄßéİσΣς1 ', 'a😀🚀€b', 'ab,;\n\t', '0123456789abcdefAB', 'a\\b'];
const PATTERNS = [
  'a',
  '(a)(b)?',
  'a*',
  '[ab]+',
  '(a|b)*?b',
  '^a',
  'b$',
  '\\mab',
  'a\\M',
  '.',
  '',
  '(.*),(.*)',
  '[[:upper:]]',
  'x',
  '(?n)^.',
  '😀',
  '(a',
  '[^a]{2}',
];

class Arguments {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  #below(limit: number): number {
    return this.#prng.below(limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  text(length: number): string {
    const chars = Array.from(this.#pick(ALPHABETS));
    return Array.from({ length: this.#below(length + 1) }, () => this.#pick(chars)).join('');
  }

  bytes(): Uint8Array {
    return Uint8Array.from({ length: this.#below(300) }, () => this.#below(256));
  }

  /** Arguments of a call; the first is the value that is long. */
  of(fn: FunctionEntry): SqlValue[] {
    return fn.args.map((type, i): SqlValue => {
      switch (registry.type(type)?.name) {
        case 'bytea':
          return this.bytes();
        case 'int4':
          return this.#below(8) === 0 ? this.#below(100) : this.#below(9) - 2;
        default:
          return i === 0 ? this.text(80) : this.#textArgument(fn.name, i);
      }
    });
  }

  #textArgument(name: string, i: number): string {
    if (name === 'encode' || name === 'decode') return this.#pick(['hex', 'base64', 'escape', 'HEX', 'Base64', 'no']);
    if (name === 'convert_to') return this.#pick(['UTF8', 'utf-8']);
    if (name.includes('regex') || name.startsWith('regexp') || name === 'substring') {
      if (i === 1) return this.#pick(PATTERNS);
      return name === 'regexp_replace' && i === 2
        ? this.#pick(['', 'x', '\\1', '<\\&>', '\\\\'])
        : this.#pick(['', 'i', 'g', 'n', '#', 'x']);
    }
    return this.text(i === 1 ? 2 : 3);
  }
}

interface Answer {
  readonly value?: SqlValue;
  readonly error?: string;
}

/** What comes of it: a value or an error's code and text. */
function answer(run: () => SqlValue): Answer {
  try {
    return { value: run() };
  } catch (error) {
    const { sqlstate, message } = error as { sqlstate?: string; message: string };
    if (sqlstate === undefined) throw error;
    return { error: `${sqlstate} ${message}` };
  }
}

/** Runs a task to its end; says how often it gave way. */
function finish(task: Task<SqlValue>, looks?: { count: number }): SqlValue {
  for (;;) {
    const step = task.next();
    if (step.done === true) return step.value;
    if (looks !== undefined) looks.count++;
  }
}

test('the functions that take long values in slices are known', () => {
  const names = new Set(longFunctions.map((fn) => fn.name));
  for (const name of ['length', 'replace', 'regexp_replace', 'textregexeq', 'md5', 'string_to_array', 'translate'])
    expect(names).toContain(name);
  for (const fn of longFunctions) expect(fn.code, `${fn.name} has no generated code`).toBeUndefined();
});

test.each(longFunctions.map((fn) => [`${fn.name} of ${fn.args.length}`, fn] as const))(
  '%s gives in slices what it gives at once',
  (name, fn) => {
    const values = new Arguments(new Prng(SEED));
    // None of these functions asks its session.
    const context = {} as EvalContext;
    for (let round = 0; round < ROUNDS; round++) {
      const args = values.of(fn);
      const atOnce = answer(() => fn.impl!(context, ...args));
      for (const piece of [1, 7, 1000]) {
        const inSlices = answer(() => finish(fn.long!.run(paceOf(piece), ...args)));
        expect(inSlices, `SEED=${SEED} ${name}(${JSON.stringify(args)}), pieces of ${piece}`).toEqual(atOnce);
      }
    }
  },
);

test('a search gives way as often as its text has pieces', () => {
  const [fn] = registry.functionsNamed('regexp_replace').filter((f) => f.args.length === 4);
  const looks = { count: 0 };
  finish(fn!.long!.run(paceOf(100), 'abcd'.repeat(1000), 'z', 'y', 'g'), looks);
  expect(looks.count).toBeGreaterThan(35);
});

const LONG_CALLS = [
  ["md5(translate(repeat('äbc', 40000), 'ä', 'a'))", "md5(repeat('abc', 40000))"],
  ["replace(repeat('ab,', 40000), ',', ';') = repeat('ab;', 40000)", 'true'],
  ["array_length(string_to_array(repeat('a,', 40000), ','), 1)", '40001'],
  ["regexp_replace(repeat('abcd', 20000), '(b)(c)', '\\2\\1', 'g') = repeat('acbd', 20000)", 'true'],
  ["length(reverse(upper(repeat('a😀', 30000)) || 'x'))", '60001'],
  ["repeat('ab', 30000) ~ '^(ab)*$'", 'true'],
  ["split_part(repeat('a,b;', 30000), ';', -2)", "'a,b'"],
  ["length(lpad(repeat('€', 50000), 60000, 'xy'))", '60000'],
] as const;

test.each(LONG_CALLS)('%s', async (call, expected) => {
  const s = new TestSession(await memoryInstance());
  expect(await s.rows(`select (${call}) = (${expected})`)).toEqual([['t']]);
});

const CALL = "regexp_replace(repeat('ab', 20000), 'b', '', 'g')";

test.each([
  ['a condition', `select count(*) from t where length(${CALL} || v) = 20002 and id > 1`, '2'],
  ['a sort key', `select id from t order by ${CALL} || v desc limit 1`, '3'],
  ['an aggregate', `select count(distinct ${CALL} || v) filter (where length(${CALL}) > 5) from t`, '3'],
  ['an ordered aggregate', `select string_agg(v, ',' order by ${CALL} || v desc) from t`, 'v3,v2,v1'],
  [
    'groups',
    `select count(*) from (select ${CALL} || id % 2 from t group by 1 having length(max(${CALL})) > 5) q`,
    '2',
  ],
  ['a direct argument', `select percentile_disc(length(${CALL}) / 20000.0) within group (order by id) from t`, '3'],
  ['a hash join', `select count(*) from t a join t b on ${CALL} || a.v = ${CALL} || b.v`, '3'],
  ['a nested loop', `select count(*) from t a join t b on ${CALL} || a.v < ${CALL} || b.v`, '3'],
  ['an outer join', `select count(b.id) from t a left join t b on a.id = b.id and length(${CALL}) > a.id`, '3'],
  ['a lateral join', `select sum(n) from t, lateral (select length(${CALL} || t.v) n) q`, '60006'],
  ['a window', `select max(n) from (select rank() over (partition by ${CALL} order by ${CALL} || v) n from t) q`, '3'],
  [
    'an argument of a window function',
    `select max(length(x)) from (select lag(${CALL} || v) over () x from t) q`,
    '20002',
  ],
  ['EXISTS', `select count(*) from t a where exists (select from t where ${CALL} || id = ${CALL} || a.id)`, '3'],
  ['a sub-query', `select (select length(${CALL} || a.v) from t limit 1) from t a limit 1`, '20002'],
  ['IN', `select count(*) from t where ${CALL} || v in (select ${CALL} || v from t where id > 1)`, '2'],
  ['DISTINCT ON', `select count(*) from (select distinct on (${CALL} || id % 2) id from t) q`, '2'],
  ['a set operation', `select count(*) from (select ${CALL} from t union select ${CALL} from t) q`, '1'],
  ['LIMIT', `select count(*) from (select from t limit length(${CALL}) - 19998) q`, '2'],
  ['VALUES', `select max(length(column1)) from (values (${CALL}), (${CALL} || 'x')) q`, '20001'],
  ['a function in FROM', `select count(*) from generate_series(1, length(${CALL}))`, '20000'],
  ['a set in the select list', `select count(*) from (select generate_series(1, length(${CALL})) from t) q`, '60000'],
  [
    'a recursive query',
    `with recursive r(n) as (select 1 union select n + 1 from r where n < length(${CALL}) - 19995) select max(n) from r`,
    '5',
  ],
  ['a key of the table', `select count(*) from t where id = length(${CALL}) - 19998`, '1'],
  ['CASE', `select case when length(${CALL}) = 20000 then left(${CALL}, 1) end from t limit 1`, 'a'],
])('in %s', async (_where, query, expected) => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (id int primary key, v text)');
  await s.run(`insert into t select g, 'v' || g from generate_series(1, 3) g`);
  expect(await s.rows(query)).toEqual([[expected]]);
});

test('checks, generated columns, defaults, index expressions and changes may be long', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run(`create table t (id int primary key, v text default upper(repeat('abc', 20000)) check (length(v) > 5),
                               n int generated always as (length(replace(v, 'B', ''))) stored)`);
  await s.run(`create index on t (md5(reverse(v)))`);
  await s.run('insert into t (id) values (1)');
  await s.run(`insert into t values (2, repeat('bB', 40000))`);
  expect(await s.rows('select id, length(v), n from t order by id')).toEqual([
    ['1', '60000', '40000'],
    ['2', '80000', '40000'],
  ]);
  expect(await s.rows(`select id from t where md5(reverse(v)) = md5(repeat('Bb', 40000))`)).toEqual([['2']]);
  expect(await s.rows(`update t set v = regexp_replace(v, 'b', '', 'g') where id = 2 returning id, n`)).toEqual([
    ['2', '0'],
  ]);
  expect((await s.failure(`insert into t values (3, left(repeat('a', 50000), 4))`)).sqlstate).toBe('23514');
  await s.run(`alter table t add column w text default left(lower(repeat('ABC', 20000)), 300)`);
  expect(await s.rows('select distinct length(w) from t')).toEqual([['300']]);
});

test('a row whose course depends on chance keeps to it when it is evaluated again', async () => {
  const s = new TestSession(await memoryInstance());
  const rows = await s.rows(`
    select distinct case when random() < 0.5 then replace(repeat('a', 40000), 'a', 'x') = repeat('x', 40000)
                         else reverse(repeat('ab', 40000)) = repeat('ba', 40000) end
    from generate_series(1, 40)`);
  expect(rows).toEqual([['t']]);
});

test('errors in the middle are those of short values', async () => {
  const s = new TestSession(await memoryInstance());
  expect(await s.failure(`select substr(repeat('a', 50000), 1, -1)`)).toMatchObject({ sqlstate: '22011' });
  expect(await s.failure(`select decode(repeat('ab', 50000) || 'zz', 'hex')`)).toMatchObject({ sqlstate: '22023' });
  expect(await s.failure(`select regexp_count(repeat('ab', 50000), '(a')`)).toMatchObject({ sqlstate: '2201B' });
  expect(await s.failure(`select split_part(repeat('ab', 50000), 'a', 0)`)).toMatchObject({ sqlstate: '22023' });
  expect(await s.rows('select 1')).toEqual([['1']]);
});

test('a long call is cancelled in the middle, and its session goes on', async () => {
  const s = new TestSession(await memoryInstance());
  const task = s.sql.simple(
    `select length(regexp_replace(repeat('abcd', 500000), 'b', 'xx', 'g'))`,
    new TextSink(() => s.sql),
  );
  let error: unknown;
  try {
    for (let stretches = 0; ; stretches++) {
      const step = stretches === 20 ? task.throw(cancelledByUser()) : task.next();
      if (step.done === true) break;
      step.value.answerNow();
    }
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ sqlstate: '57014' });
  for (const step of s.sql.failed()) step.answerNow();
  expect(await s.rows(`select regexp_replace('abcd', 'b', 'xx', 'g')`)).toEqual([['axxcd']]);
});

test('sessions search with the same pattern by turns', async () => {
  const instance = await memoryInstance();
  const sessions = [1, 2, 3].map((n) => {
    const session = new TestSession(instance);
    const sink = new TextSink(() => session.sql);
    const text = `select md5(regexp_replace(repeat('abc${n}', 30000), '(b)(c\\d)', '\\2\\1', 'g')) = md5(repeat('ac${n}b', 30000)),
                         'abc' ~ '(b)(c\\d)'`;
    return { sink, task: session.sql.simple(text, sink) };
  });
  let running = sessions;
  while (running.length > 0) {
    running = running.filter(({ task }) => {
      const step = task.next();
      if (step.done !== true) step.value.answerNow();
      return step.done !== true;
    });
  }
  for (const { sink } of sessions) expect(sink.outcomes[0]?.rows).toEqual([['t', 'f']]);
});
