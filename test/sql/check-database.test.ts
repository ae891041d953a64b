/** DBCC CHECKDB and CHECKTABLE: what they find, beside whom, and how far they are. */
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { NEED } from '../../src/storage/contracts.ts';
import { seedOf } from '../storage/open.ts';
import { TestSession } from '../support/in-process.ts';

const PATH = '/db/c.extent';

async function withRows(work: (s: TestSession, instance: Instance, vfs: MemoryVfs) => Promise<void>): Promise<void> {
  const vfs = new MemoryVfs();
  const instance = await Instance.openFile(PATH, {
    vfs,
    clock: new SystemClock(),
    prng: new Prng(2),
    pageBytes: 4096,
    shrink: 'on',
  });
  const s = new TestSession(instance);
  await s.run(`
    create table a (id int primary key, v text, w text); create index a_v on a (v); create index a_l on a (lower(v)) where id > 9;
    insert into a select i, 'v' || i, case when i % 50 = 0 then repeat('w', 9000) end from generate_series(1, 3000) i;
    create table b (n int); insert into b select * from generate_series(1, 2000);
    create table p (id int) partition by range (id);
    create table p1 partition of p for values from (0) to (10)`);
  try {
    await work(s, instance, vfs);
  } finally {
    await instance.close();
  }
}

const treeOf = (instance: Instance, name: string): number => {
  for (const o of instance.single.catalog.objects())
    if ((o.kind === 'table' || o.kind === 'index') && o.name === name) return o.tree;
  return 0;
};

test('a sound database has no findings; what is said, and what NO_INFOMSGS leaves out', () =>
  withRows(async (s) => {
    const [outcome] = await s.run('dbcc checkdb');
    expect(outcome).toMatchObject({ tag: 'DBCC CHECKDB', rows: [] });
    expect(s.notices.map((n) => n.message)).toEqual(['CHECKDB found 0 errors in database "c"']);
    await s.run('dbcc checkdb (c) with no_infomsgs; dbcc checkdb (0) with no_infomsgs, all_errormsgs, physical_only');
    expect(s.notices).toHaveLength(1);
    await s.run(`dbcc checktable ('a'); dbcc checktable (p)`);
    expect(s.notices.slice(1).map((n) => n.message)).toEqual([
      'CHECKTABLE found 0 errors in table "a"',
      'CHECKTABLE found 0 errors in table "p"',
    ]);
    expect(await s.rows('dbcc checkdb with tableresults')).toEqual([]);
    expect(await s.failure('dbcc checkdb (other)')).toMatchObject({ sqlstate: '3D000' });
    expect(await s.failure(`dbcc checktable ('none')`)).toMatchObject({ sqlstate: '42P01' });
    expect(await s.failure('dbcc checkdb with estimateonly')).toMatchObject({ sqlstate: '42601' });
    expect(await s.failure('begin; dbcc checkdb')).toMatchObject({ sqlstate: '25001' });
    await s.run('rollback');
    expect(await s.rows(`select distinct commandtype, status from extentdb.commandlog order by 1, 2`)).toEqual([
      ['DBCC_CHECKDB', 'done'],
      ['DBCC_CHECKDB', 'failed'],
      ['DBCC_CHECKTABLE', 'done'],
      ['DBCC_CHECKTABLE', 'failed'],
    ]);
  }));

describe('what is wrong is found, while the database is open', () => {
  const cases: [string, RegExp, (instance: Instance, vfs: MemoryVfs) => void][] = [
    [
      'a page that is damaged on disk and not in memory',
      /page \d+: blank or wrong checksum$/,
      (instance, vfs) => {
        const { core } = instance.single.file.store.parts;
        core.cache.evictClean();
        damage(instance, vfs);
      },
    ],
    [
      'a page that is damaged on disk while it is well in memory',
      /page \d+: blank or wrong checksum on disk, while it is well in memory$/,
      (instance, vfs) => {
        const { core } = instance.single.file.store.parts;
        core.cache.load(core.tree(treeOf(instance, 'a')).root);
        damage(instance, vfs);
      },
    ],
    [
      'keys outside of the separators, links that lead astray',
      /left neighbour is 7, not \d+$|the first page of level 1 has a left neighbour|last page of level/,
      (instance) => {
        const { core } = instance.single.file.store.parts;
        const frame = core.cache.load(core.tree(treeOf(instance, 'a_v')).root);
        core.cache.views[frame]!.setUint32(PREV_AT, 7, true);
        core.cache.markDirty(frame);
      },
    ],
    [
      'a page that is in use and available',
      /is in use and available$|lies in extent/,
      (instance) => {
        const { core } = instance.single.file.store.parts;
        const { root } = instance.single.file.space;
        const tree = core.tree(treeOf(instance, 'a_v'));
        while (core.reserve() === NEED || root.space.available.room(tree.root) === NEED) core.need.answerNow();
        core.group.begin();
        instance.single.file.space.opened.map.of(tree)?.available.insert(tree.root, 1);
        core.group.end();
      },
    ],
  ];

  test.each(cases)('%s: XX001', (_, pattern, harm) =>
    withRows(async (s, instance, vfs) => {
      await s.run('checkpoint');
      harm(instance, vfs);
      const rows = await s.rows('dbcc checkdb with tableresults');
      expect(rows.map((row) => row[0])).toContain('XX001');
      expect(rows.map((row) => row[1]).filter((message) => pattern.test(message ?? ''))).not.toEqual([]);
      s.notices.length = 0;
      expect(await s.failure('dbcc checkdb')).toMatchObject({
        sqlstate: 'XX001',
        message: expect.stringMatching(/^CHECKDB found \d+ errors? in database "c"$/),
      });
      expect(s.notices[0]).toMatchObject({ severity: 'WARNING', sqlstate: 'XX001' });
    }),
  );

  test('an index that misses a row, or has one too many: XX002, and only there', () =>
    withRows(async (s, instance) => {
      const { store } = instance.single;
      const t = store.begin(1);
      const scan = store.scan();
      const tree = treeOf(instance, 'a_v');
      const snapshot = t.snapshot();
      scan.open(tree, undefined, undefined, false, snapshot);
      while (scan.next() === NEED) store.need.answerNow();
      const key = scan.key.slice(0, scan.keyAt(scan.from));
      scan.close();
      while (store.remove(t, tree, key, key.length, undefined) === NEED) store.need.answerNow();
      t.release(snapshot);
      runNow(t.commit());
      expect(await s.failure('dbcc checkdb')).toMatchObject({ sqlstate: 'XX002' });
      expect(await s.failure('dbcc checktable (a)')).toMatchObject({ sqlstate: 'XX002' });
      await s.run('dbcc checktable (b); dbcc checkdb with physical_only; reindex index a_v; dbcc checkdb');
    }));
});

const PREV_AT = 44;

/** Some bytes of the root page of the table on disk. */
function damage(instance: Instance, vfs: MemoryVfs): void {
  const { core } = instance.single.file.store.parts;
  const { root } = core.tree(treeOf(instance, 'a'));
  vfs.open(PATH, 'write').write(new Uint8Array([9, 9, 9, 9]), 0, 4, (root + 1) * 4096 + 3000);
}

test.each([seedOf(5), seedOf(5) + 1])('beside everybody else it finds nothing (seed %i)', (seed) =>
  withRows(async (s, instance) => {
    const prng = new Prng(seed);
    let over = false;
    const others = [
      'update a set v = v || 1 where id % 9 = 2',
      'delete from a where id % 11 = 5; insert into a select i, null, null from generate_series(4000, 4200) i on conflict do nothing',
      'alter index all on a reorganize',
      'reindex index a_v',
      'alter database c shrink',
      'create table x (i int primary key); insert into x select * from generate_series(1, 500); drop table x',
      'truncate b; insert into b select * from generate_series(1, 300)',
      'checkpoint',
    ];
    const working = async (): Promise<void> => {
      const own = new TestSession(instance);
      while (!over)
        await own
          .run(prng.pick(others))
          .catch((error: unknown) =>
            expect(error).toMatchObject({ sqlstate: expect.stringMatching(/^(40P01|55006)$/) }),
          );
    };
    const running = [working(), working()];
    for (let n = 0; n < 4; n++) expect(await s.rows('dbcc checkdb with tableresults'), `seed=${seed}`).toEqual([]);
    over = true;
    await Promise.all(running);
  }),
);

test('R39: a check shows its percentage', () =>
  withRows(async (s, instance) => {
    const watcher = new TestSession(instance);
    const seen: number[] = [];
    const phases = new Set<string | null | undefined>();
    let over = false;
    const watching = (async () => {
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve));
        const [row] = await watcher.rows(`
          select c.phase, c.percent_complete, r.percent_complete from pg_stat_progress_check c
          join sys.dm_exec_requests r on r.session_id = c.pid and r.command = 'DBCC CHECKDB'`);
        if (row === undefined) continue;
        phases.add(row[0]);
        seen.push(Number(row[1]));
      }
    })();
    await s.run('dbcc checkdb');
    over = true;
    await watching;
    expect([...phases].sort()).toEqual(['checking pages', 'comparing tables with indexes']);
    expect(seen.every((p, i) => p >= (seen[i - 1] ?? 0) && p <= 100)).toBe(true);
    expect(seen.at(-1)).toBeGreaterThan(seen[0] ?? 100);
  }));
