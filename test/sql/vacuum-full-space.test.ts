import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { ShrinkMode } from '../../src/space/open-database-file.ts';
import { TestSession, TextSink } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

async function start(shrink?: ShrinkMode, vfs = new MemoryVfs()): Promise<void> {
  instance = await Instance.openFile('/test.extent', { vfs, clock: new SystemClock(), prng: new Prng(1), shrink });
  s = new TestSession(instance);
}

function filePages(): number {
  return instance.single.file.store.parts.core.file.size() / instance.single.file.store.pageBytes - 1;
}

async function number(text: string): Promise<number> {
  return Number((await s.rows(text))[0]?.[0]);
}

/** A table of which most rows went, with an index and long values; pages in the file are nearly all its own. */
async function worn(name = 't', rows = 6000): Promise<void> {
  await s.run(`
    create table ${name} (id int primary key, v text, n int);
    create index ${name}_n on ${name} (n);
    insert into ${name} select i, case when i % 400 = 0 then repeat('long', 9000) else repeat('x', 300) end, i % 977
      from generate_series(1, ${rows}) i;
    delete from ${name} where id % 4 <> 0`);
  settle(instance);
}

const CONTENT = (name: string): string => `select count(*), sum(id), sum(length(v)), sum(n) from ${name}`;

async function runsOf(name: string): Promise<number> {
  return number(`select sum(io_runs) from extent_stats('${name}')`);
}

describe('VACUUM FULL of a table', () => {
  test.each([true, false])('makes the file shorter, in the order of its rows (holes: %s)', async (holes) => {
    const vfs = new MemoryVfs();
    vfs.holes = holes;
    await start(undefined, vfs);
    await worn();
    const before = filePages();
    const content = await s.rows(CONTENT('t'));
    await s.run('vacuum full t');
    expect(filePages()).toBeLessThan(before * 0.55);
    expect(await s.rows(CONTENT('t'))).toEqual(content);
    // A table, an index and long values that grew beside each other, and a few seams, more where space is trimmed meanwhile.
    expect(await runsOf('t')).toBeLessThan(40);
    sound(instance);
    const again = filePages();
    await s.run('vacuum full t');
    expect(filePages()).toBeLessThanOrEqual(again + 16);
    sound(instance);
  });

  test('a packed table that is nearly all of the file leaves it as long as it was, time after time', async () => {
    await start('realtime');
    await s.run(`
      create table p (id int primary key, v text);
      insert into p select i, repeat('x', 300) from generate_series(1, 15000) i`);
    settle(instance);
    const before = filePages();
    for (let time = 0; time < 4; time++) {
      await s.run('vacuum full p');
      expect(filePages()).toBeLessThanOrEqual(before + 16);
      sound(instance);
    }
  });

  test('what was written anew comes to lie in the order of its keys', async () => {
    await start();
    await s.run(`
      create table r (id int primary key, v text);
      insert into r select (i * 7919) % 104729, repeat('x', 300) from generate_series(1, 6000) i;
      delete from r where id % 3 <> 0`);
    settle(instance);
    await s.run('vacuum full r');
    // What trims in the background meanwhile decides where a few seams are; rows in the order of their making have over 90.
    expect(await number(`select fragmentation_percent from extent_stats('r')`)).toBeLessThan(10);
    sound(instance);
  });

  test('other tables stay where they are, and the file ends where they do', async () => {
    await start('on');
    await worn();
    await s.run(`create table u (id int primary key, v text);
      insert into u select i, repeat('y', 300) from generate_series(1, 2000) i`);
    settle(instance);
    const where = `select first_page from extentdb.extents where object = 'u' and space = 'owned' order by 1`;
    const places = await s.rows(where);
    const end = await number(`select max(first_page + pages) from extentdb.extents where object = 'u'`);
    const length = filePages();
    await s.run('vacuum (full, verbose) t');
    expect(await s.rows(where)).toEqual(places);
    expect(filePages()).toBeLessThanOrEqual(length);
    expect(filePages()).toBeGreaterThanOrEqual(end);
    expect(s.notices.at(-1)?.message).toMatch(
      /^"t": file of \d+ pages before, \d+ now, [1-9]\d* of them holes \([1-9]\d* new\); \d+ pages moved: what lies at its end belongs to others$/,
    );
    expect(await number('select hole_bytes from extentdb.file_space')).toBeGreaterThan(500_000);
    sound(instance);
  });

  test('VERBOSE says what was given back; with shrink off that nothing was', async () => {
    await start();
    await worn();
    await s.run('vacuum (full, verbose) t');
    const [before, now, moved] = (
      /^"t": file of (\d+) pages before, (\d+) now, \d+ of them holes \(\d+ new\); (\d+) pages moved: /
        .exec(s.notices.at(-1)?.message ?? '')
        ?.slice(1) ?? []
    ).map(Number);
    expect(now).toBe(filePages());
    expect(now).toBeLessThan(before! * 0.55);
    expect(moved).toBeGreaterThan(10);
    await instance.close();
    await start('off');
    await worn();
    const length = filePages();
    await s.run('vacuum (full, verbose) t');
    expect(filePages()).toBeGreaterThan(length);
    expect(s.notices.at(-1)?.message).toBe(
      '"t": what is free stays in the file, as giving back is switched off (shrink = off)',
    );
    sound(instance);
  });

  test('each partition gives back what it had', async () => {
    await start();
    await s.run(`
      create table p (id int primary key, v text) partition by range (id);
      create table p1 partition of p for values from (0) to (3000);
      create table p2 partition of p for values from (3000) to (6000);
      insert into p select i, repeat('x', 300) from generate_series(0, 5999) i;
      delete from p where id % 4 <> 0`);
    settle(instance);
    const before = filePages();
    await s.run('vacuum full p');
    expect(filePages()).toBeLessThan(before * 0.6);
    expect(await s.rows('select count(*) from p')).toEqual([['1500']]);
    sound(instance);
  });

  test('indexes that take their space from the table come along', async () => {
    await start();
    await s.run(`
      create table l (id int primary key, v text, n int) with (initial_size = '1MB');
      create index l_n on l (n, v) with (utilize_parent_space);
      insert into l select i, repeat('x', 200), i % 977 from generate_series(1, 6000) i;
      delete from l where id % 4 <> 0`);
    settle(instance);
    const before = filePages();
    await s.run('vacuum full l');
    expect(filePages()).toBeLessThan(before * 0.8);
    expect(await s.rows('select count(*) from l where n = 4')).toEqual(
      await s.rows('select count(*) from l where n + 0 = 4'),
    );
    sound(instance);
  });
});

describe('VACUUM FULL of the database', () => {
  test('leaves a file without free space to speak of', async () => {
    await start();
    for (const name of ['a', 'b', 'c']) await worn(name, 3000);
    const contents = [await s.rows(CONTENT('a')), await s.rows(CONTENT('c'))];
    const before = filePages();
    await s.run('drop table b');
    s.notices.length = 0;
    await s.run('vacuum (full, verbose)');
    expect(filePages()).toBeLessThan(before * 0.4);
    expect(
      await number('select 100 * (free_bytes + trimmed_bytes) / file_bytes from extentdb.file_space'),
    ).toBeLessThan(10);
    expect(await s.rows(CONTENT('a'))).toEqual(contents[0]);
    expect(await s.rows(CONTENT('c'))).toEqual(contents[1]);
    expect(s.notices.at(-1)?.message).toMatch(/^database "test": file of \d+ pages before, \d+ now, /);
    sound(instance);
  });

  test('progress shows the last part', async () => {
    await start();
    await worn('t', 2000);
    const seen = new Set<string>();
    const sink = new TextSink(() => s.sql);
    const task = s.sql.simple('vacuum full t', sink);
    for (let step = task.next(); step.done !== true; step = task.next()) {
      step.value.answerNow();
      for (const work of instance.single.maintenance.works) seen.add(work.phase);
    }
    expect([...seen].at(-1)).toBe('performing final cleanup');
  });
});
