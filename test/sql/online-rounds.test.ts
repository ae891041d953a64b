/** The end of builds beside writers: rounds that catch up, and a last lock that does not depend on how much was written. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import type { TableObject } from '../../src/engine/catalog.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { RowWatch, WATCH_BYTES } from '../../src/engine/row-watches.ts';
import { cancelledByUser, Running } from '../../src/engine/scheduler.ts';
import { SpillFile } from '../../src/engine/spill-file.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { FEW_NOTES } from '../../src/sql/ddl/online-rounds.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession, TextSink } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

const ROWS = 4000;
const ROW_EXCLUSIVE = 3;
const SHARE_ROW_EXCLUSIVE = 6;

let vfs: MemoryVfs;
let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  vfs = new MemoryVfs();
  instance = await memoryInstance({ vfs });
  s = new TestSession(instance);
  await s.run(`
    create table t (id int primary key, v text, n int, u int, w text);
    insert into t select i, md5(i::text), i % 97, i from generate_series(1, ${ROWS}) i`);
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Lets everybody go on until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; !holds(); n++) {
    expect(n, String(holds)).toBeLessThan(100_000);
    await turn();
  }
}

function table(): TableObject {
  const found = instance.single.catalog.relationNamed(2200, 't');
  if (found?.kind !== 'table') throw new Error('no table t');
  return found;
}

/** Indexes agree with their tables, the file is sound, and nothing temporary is left. */
async function agrees(): Promise<void> {
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  settle(instance);
  sound(instance);
  expect(vfs.list('/').filter((name) => name.includes('-spill-'))).toEqual([]);
}

/** Could nobody write the table now? */
function isLocked(oid: number, mode: 3 | 6 = ROW_EXCLUSIVE): boolean {
  return !instance.single.store.begin(0).tableIsFree(oid, mode);
}

/** What the builds that begin now do. */
class Watched {
  /** At each cut of the notes: how many there are, and whether writers are kept away. */
  readonly cuts: { count: number; locked: boolean }[] = [];
  /** Rows looked up in the old tree, while writers are kept away and while they are not. */
  readonly looks = { locked: 0, free: 0 };
  onCut: (cuts: number) => void = () => {};

  constructor() {
    const { watches, store } = instance.single;
    const { oid, tree: old } = table();
    const begin = watches.begin.bind(watches);
    vi.spyOn(watches, 'begin').mockImplementation((tree) => {
      const watch = begin(tree);
      const cut = watch.cut.bind(watch);
      vi.spyOn(watch, 'cut').mockImplementation(() => {
        this.cuts.push({ count: watch.count, locked: isLocked(oid) });
        this.onCut(this.cuts.length);
        return cut();
      });
      return watch;
    });
    const find = store.find.bind(store);
    vi.spyOn(store, 'find').mockImplementation((tree, ...rest) => {
      if (tree === old) this.looks[isLocked(oid) ? 'locked' : 'free']++;
      return find(tree, ...rest);
    });
  }
}

/** A build that waits for a writer: what is changed until `go` is noted. */
async function begun(text: string): Promise<{ build: Promise<unknown>; go: () => Promise<unknown> }> {
  const writer = new TestSession(instance);
  await writer.run('begin; insert into t values (-1)');
  const build = s.run(text);
  build.catch(() => {});
  await until(() => instance.single.watches.of(table().tree) !== undefined);
  return { build, go: () => writer.run('commit') };
}

const TARGETS = [
  'create index concurrently on t (v)',
  'create unique index concurrently on t (u)',
  'create index concurrently on t (upper(v), n desc) where n > 10',
  'create index concurrently on t (n) include (v, w)',
  'reindex index concurrently t_u',
  'alter index t_pkey on t rebuild with (online = on)',
];

describe('the last lock', () => {
  beforeEach(async () => {
    await s.run('create unique index t_u on t (u); create index t_n on t (n) include (w)');
  });

  test.each(TARGETS)('%s: writers wait for few of many rows', async (text) => {
    const watched = new Watched();
    const { build, go } = await begun(text);
    await new TestSession(instance).run("update t set v = v || 'x', n = n + 1, u = -u");
    await go();
    await build;
    expect(watched.cuts[0]).toEqual({ count: ROWS, locked: false });
    expect(watched.cuts.map(({ locked }) => locked)).toEqual([false, false, true]);
    expect(watched.cuts.at(-1)?.count).toBeLessThanOrEqual(FEW_NOTES);
    expect(watched.looks.free).toBeGreaterThanOrEqual(ROWS);
    expect(watched.looks.locked).toBeLessThanOrEqual(2 * FEW_NOTES);
    await agrees();
  });

  test('writers of each moment: rounds go on between the tries for the lock', async () => {
    const watched = new Watched();
    let isBuilding = true;
    const build = s.run('create index concurrently on t (v)').finally(() => {
      isBuilding = false;
    });
    // Two take turns so that the table is never free of writers, until one of them has to wait.
    const [a, b] = [new TestSession(instance), new TestSession(instance)];
    await a.run('begin; update t set n = n + 1 where id = 1');
    for (let n = 0; isBuilding; n++) {
      const [enters, leaves] = n % 2 === 0 ? [b, a] : [a, b];
      const from = 2 + ((n * 8) % (ROWS - 20));
      await enters.run('begin');
      const write = enters.run(`update t set v = v || 'y' where id between ${from} and ${from + 8}`);
      await turn();
      await leaves.run('commit');
      await write;
    }
    await Promise.all([a.run('rollback'), b.run('rollback')]);
    await build;
    expect(watched.cuts.length).toBeGreaterThan(3);
    expect(watched.cuts.at(-1)?.locked).toBe(true);
    expect(watched.looks.locked).toBeLessThanOrEqual(2 * FEW_NOTES);
    await agrees();
  });
});

test('writers that stay open over rounds are found by the round after their end, and nobody queues', async () => {
  const watched = new Watched();
  const { build, go } = await begun('create unique index concurrently t_u on t (u) include (w)');
  let isDone = false;
  void build.then(() => {
    isDone = true;
  });
  const [a, b, c, d] = [1, 2, 3, 4].map(() => new TestSession(instance)) as [
    TestSession,
    TestSession,
    TestSession,
    TestSession,
  ];
  await d.run('update t set w = $$early$$ where id > 2000');
  await a.run('begin; update t set u = u + 100000 where id between 1 and 10');
  await go();
  // Round 1 waits for a. While it does, b begins, which its snapshot then does not see.
  await until(() => watched.cuts.length === 1);
  await b.run('begin; update t set u = u + 200000 where id between 11 and 20; delete from t where id = 21');
  await b.run('savepoint one; update t set u = 1 where id between 22 and 30; rollback to one');
  await d.run(`update t set w = repeat('long', 4000) where id between 15 and 40 and id not between 11 and 21`);
  await d.run(`update t set w = 'd' where id > 3000`);
  await a.run('commit');
  await until(() => watched.cuts.length === 3);
  expect(watched.cuts.every(({ locked }) => !locked)).toBe(true);
  // Round 2 waits for b; c begins, and is there over its snapshot.
  await c.run('begin; update t set u = u + 300000 where id between 1 and 10; insert into t values (9001, null, 1, 4)');
  await b.run('update t set u = u + 1 where id between 11 and 20; insert into t values (9002, null, 1, 21)');
  // A value goes from row to row: what had it has it no more.
  await d.run('update t set u = -100 where id = 100; update t set u = 100 where id = 101');
  await d.run(`update t set w = 'e' where id > 3000`);
  await b.run('commit');
  await until(() => watched.cuts.length >= 4);
  await turn();
  expect(isDone).toBe(false);
  await c.run('delete from t where id = 9001; commit');
  await build;
  expect(watched.looks.locked).toBeLessThanOrEqual(2 * FEW_NOTES);
  expect(await s.rows('select id, u from t where u > 100000 order by u')).toEqual(
    (await s.rows('select id, u from t'))
      .filter(([, u]) => Number(u) > 100_000)
      .sort((x, y) => Number(x[1]) - Number(y[1])),
  );
  await agrees();
});

test('a duplicate that nobody could see is none; one that everybody sees ends the build', async () => {
  const watched = new Watched();
  for (const ends of ['update t set u = -5 where id = 6; commit', 'commit']) {
    watched.cuts.length = 0;
    const { build, go } = await begun('create unique index concurrently t_u on t (u)');
    const [a, b] = [new TestSession(instance), new TestSession(instance)];
    await a.run('begin; update t set n = 0 where id = 1');
    await b.run('update t set n = n + 1 where id > 1000');
    await go();
    await until(() => watched.cuts.length === 1);
    // Committed, and gone before the round's snapshot.
    await b.run('update t set u = 7 where id = 8');
    await b.run('update t set u = 8 where id = 8');
    await a.run(`update t set u = 5 where id = 6; ${ends}`);
    if (ends === 'commit')
      await expect(build).rejects.toMatchObject({
        sqlstate: '23505',
        message: 'could not create unique index "t_u"',
        detail: 'Key (u)=(5) is duplicated.',
      });
    else await build;
    await a.run('drop index if exists t_u; update t set u = id; delete from t where id < 0');
    await agrees();
  }
});

test.each([
  'create unique index t_v on t (v)',
  'alter table t add constraint t_v unique (v) deferrable',
  'alter table t add constraint t_v unique (v) deferrable initially deferred',
])(
  'a duplicate that came while a unique index was disabled ends the rebuild of the table with 23505 (%s)',
  async (made) => {
    await s.run(`${made}; alter index t_v on t disable`);
    const { build, go } = await begun('alter index all on t rebuild with (online = on)');
    const writer = new TestSession(instance);
    await writer.run("begin; insert into t values (9001, repeat('v', 1000), 0, 0, repeat('w', 9000))");
    await writer.run("insert into t values (9002, repeat('v', 1000), 0, 0, repeat('w', 9000))");
    await go();
    for (let n = 0; n < 20; n++) await turn();
    await writer.run('commit');
    await expect(build).rejects.toMatchObject({
      sqlstate: '23505',
      message: 'could not create unique index "t_v"',
      detail: expect.stringMatching(/^Key \(v\)=\(v{64}\.{3}\) is duplicated\.$/) as string,
    });
    await s.run('delete from t where id = 9002');
    await s.run('alter index all on t rebuild with (online = on)');
    await agrees();
  },
);

test('a key that comes meanwhile and is too long ends the build as one that was there', async () => {
  const { build, go } = await begun('create index concurrently t_v on t (v)');
  const writer = new TestSession(instance);
  await writer.run(
    "begin; update t set v = (select string_agg(md5(i::text), '') from generate_series(1, 500) i) where id = 1",
  );
  await go();
  for (let n = 0; n < 20; n++) await turn();
  await writer.run('commit');
  await expect(build).rejects.toMatchObject({
    sqlstate: '54000',
    message: expect.stringMatching(
      /^index row size \d+ exceeds btree version 4 maximum \d+ for index "t_v"$/,
    ) as string,
  });
  await agrees();
});

test('who waits for the build while a round waits for him gets 40P01, and the build goes on', async () => {
  const watched = new Watched();
  const { build, go } = await begun('create index concurrently t_v on t (v)');
  const [a, b] = [new TestSession(instance), new TestSession(instance)];
  await a.run("begin; update t set v = 'a' where id = 1");
  await b.run("update t set v = v || 'b' where id > 1000");
  await go();
  await until(() => watched.cuts.length === 1);
  expect(isLocked(table().oid, SHARE_ROW_EXCLUSIVE)).toBe(true);
  expect((await a.failure('lock table t in share row exclusive mode')).sqlstate).toBe('40P01');
  await a.run('rollback');
  await build;
  await agrees();
});

describe.each([
  ['create index concurrently on t (n) include (w)', 'while a round waits', 1],
  ['create index concurrently on t (n) include (w)', 'while a round looks', 2],
  ['alter index t_pkey on t rebuild with (online = on)', 'while a round waits', 1],
  ['alter index t_pkey on t rebuild with (online = on)', 'while a round looks', 2],
])('%s', (text, when, atCut) => {
  test(`cancelled ${when}, it leaves nothing behind`, async () => {
    const owned = "select sum(owned_pages) from extentdb.space where kind <> 'database'";
    await s.run("update t set w = repeat('long', 3000) where id % 100 = 0");
    instance.single.watches.memoryBytes = 8192;
    // What the writers of this test write, so that the space of the old trees is the same before and after.
    const write = (w: TestSession): Promise<unknown> => w.run("update t set n = n + 1, v = 'changed' where id < 3500");
    const [a, b, old] = [new TestSession(instance), new TestSession(instance), new TestSession(instance)];
    await write(b);
    settle(instance);
    const pages = await s.rows(owned);
    const watched = new Watched();
    const running = new Running();
    watched.onCut = (cuts) => {
      if (cuts === atCut && atCut === 2) running.cancel(cancelledByUser());
    };
    await old.run('begin; insert into t values (-1)');
    const build = new Promise((resolve, reject) => {
      instance.single.scheduler.run(s.sql.simple(text, new TextSink(() => s.sql)), running, resolve, reject);
    });
    build.catch(() => {});
    await until(() => instance.single.watches.of(table().tree) !== undefined);
    await write(b);
    await a.run('begin; update t set n = n where id = 1');
    await old.run('rollback');
    await until(() => watched.cuts.length === 1);
    if (atCut === 1) running.cancel(cancelledByUser());
    else await a.run('commit');
    await expect(build).rejects.toMatchObject({ sqlstate: '57014' });
    await runTask(s.sql.failed());
    if (atCut === 1) await a.run('commit');
    expect(instance.single.watches.of(table().tree)).toBeUndefined();
    expect(watched.cuts.length).toBe(atCut);
    await agrees();
    expect(await s.rows(owned)).toEqual(pages);
    expect(instance.single.store.begin(0).tableIsFree(table().oid, 8)).toBe(true);
    // What nobody sees any more may go: no snapshot is left.
    await s.run(text);
    await agrees();
  });
});

/** One random change, often of many rows, some of them undone or left open for a while. */
async function change(w: TestSession, prng: Prng): Promise<void> {
  const id = (): number => 1 + prng.below(ROWS + 500);
  const fresh = (): number => ROWS + 1000 + prng.below(1_000_000);
  const some = id();
  const statements = [
    () => `update t set v = md5('${fresh()}'), n = n + 3 where id between ${some} and ${some + 200}`,
    () => `update t set n = case when n > 10 then 3 else 50 end where id between ${some} and ${some + 30}`,
    () => `update t set id = ${fresh()} where id = ${some}`,
    () => `delete from t where id between ${some} and ${some + 3}`,
    () => `insert into t values (${fresh()}, repeat('w', ${prng.below(300)}), ${prng.below(100)}, -${fresh()})`,
    () => `insert into t values (${fresh()}, 'long', 20, null, repeat('long', ${prng.below(9000)}))`,
    () => `update t set w = repeat('${fresh()}', ${prng.below(3000)}) where id between ${some} and ${some + 4}`,
  ];
  const one = async (): Promise<void> => {
    if (prng.chance(0.7)) {
      await w.run(statements[prng.below(statements.length)]!());
      return;
    }
    // Two rows change their unique values, which one of them gives up before the other takes it.
    const rows = await w.rows(`select id, u from t where id in (${id()}, ${id()}) and u > 0 order by id for update`);
    const [[a, x] = [], [b, y] = []] = rows;
    if (a === undefined || b === undefined) return;
    await w.run(`update t set u = -1000000 - id where id = ${a}`);
    await w.run(`update t set u = ${x} where id = ${b}`);
    await w.run(`update t set u = ${y} where id = ${a}`);
  };
  await w.run('begin');
  for (let step = 1 + prng.below(3); step > 0; step--) {
    if (prng.chance(0.3)) {
      await w.run('savepoint one');
      await one();
      await w.run('rollback to one');
    }
    await one();
    for (let turns = prng.below(4); turns > 0; turns--) await turn();
  }
  await w.run(prng.chance(0.7) ? 'commit' : 'rollback');
}

describe.each([
  ['beside random writers', WATCH_BYTES],
  ['beside random writers, with notes that go to files', 4096],
])('%s', (_, memoryBytes) => {
  const seed = seedOf(20_261_201);
  test.each(
    [...TARGETS, 'alter index all on t rebuild with (online = on)'].map((text, i) => ({ text, seed: seed + i })),
  )('$text (seed $seed)', async ({ text, seed: own }) => {
    await s.run('create index t_n on t (n) include (w); create index t_p on t (upper(v)) where n > 10');
    if (!text.startsWith('create unique')) await s.run('create unique index t_u on t (u)');
    instance.single.watches.memoryBytes = memoryBytes;
    const prng = new Prng(own);
    const watched = new Watched();
    const { build, go } = await begun(text);
    let isBuilding = true;
    let changes = 0;
    const writer = async (): Promise<void> => {
      const w = new TestSession(instance);
      while (isBuilding) {
        await change(w, prng).catch(async (error: { sqlstate?: string }) => {
          // Writers may meet each other's keys and locks; that is their own affair.
          expect(['23505', '40P01'], String(error)).toContain(error.sqlstate);
          await w.run('rollback');
        });
        changes++;
        await turn();
      }
    };
    const writers = [writer(), writer(), writer()];
    await until(() => changes > 20);
    await go();
    await build.finally(() => {
      isBuilding = false;
    });
    await Promise.all(writers);
    expect(watched.cuts.length, 'cuts').toBeGreaterThan(1);
    expect(watched.cuts.at(-1)?.locked).toBe(true);
    await agrees();
  });
});

describe('notes that are cut', () => {
  const seed = seedOf(20_261_202);
  test.each([WATCH_BYTES, 2000, 300])(
    `each is in what is kept until it is forgotten (%i bytes, seed ${seed})`,
    (bytes) => {
      const prng = new Prng(seed + bytes);
      let files = 0;
      const watch = new RowWatch(
        () => {},
        () => new SpillFile(vfs, `/notes-spill-${files++}`, 64),
        bytes,
      );
      /** Keys of each batch that is kept; the last is open. */
      const wanted: Set<string>[] = [new Set()];
      for (let n = 0; n < 20_000; n++) {
        const key = Buffer.from(`${prng.below(3000)}`.padStart(1 + prng.below(40), '0'));
        watch.note(key, key.length);
        wanted.at(-1)?.add(key.toString());
        if (!prng.chance(0.003)) continue;
        const kept = watch.cut();
        expect(kept.map((notes) => new Set([...notes.keys()].map((k) => Buffer.from(k).toString())))).toEqual(wanted);
        expect(watch.count).toBeGreaterThanOrEqual(new Set(wanted.flatMap((keys) => [...keys])).size);
        wanted.push(new Set());
        if (prng.chance(0.5)) {
          const gone = prng.below(kept.length + 1);
          watch.forget(kept.slice(0, gone));
          wanted.splice(0, gone);
        }
      }
      if (bytes < WATCH_BYTES) expect(files).toBeGreaterThan(3);
      watch.end();
      expect(vfs.list('/').filter((name) => name.includes('-spill-'))).toEqual([]);
    },
  );
});
