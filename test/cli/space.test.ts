/** `extentdb space` and `extentdb map`: pictures whose numbers add up, of files that nobody or somebody has open. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SPACE_QUERY } from '../../src/cli/space.ts';
import { askAboutFile } from '../../src/cli/space-source.ts';
import { grouped, type SpaceNode, spaceTree, treeLines } from '../../src/cli/space-tree.ts';
import { displayWidth } from '../../src/cli/table-text.ts';
import { open } from '../../src/index.ts';
import { answeringHolder } from '../../src/io/lock-file.ts';
import { NodeVfs } from '../../src/io/node-vfs.ts';
import { extentdb } from '../support/cli.ts';

const SHOP = `
  create table book (id int4 primary key, title text, body text);
  create index book_title on book (title);
  insert into book select i, 'title ' || i, repeat('x', 100) from generate_series(1, 20000) i;
  insert into book select i, 'long ' || i, repeat(md5(i::text), 1000) from generate_series(30001, 30040) i;
  create table "Ελλάδα 漢字" (a int4);
  create table gone as select i, repeat('y', 500) from generate_series(1, 2000) i;
  drop table gone;
  delete from book where id between 5000 and 12000;`;
const PLAIN = { columns: 80, hasColour: false, hasUnicode: true };

let folder: string;
let shop: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-space-'));
  shop = join(folder, 'shop.extent');
  const script = join(folder, 'shop.sql');
  writeFileSync(script, SHOP);
  expect(await extentdb('run', shop, script)).toMatchObject({ status: 0, err: '' });
  // Does what there is to do in the background, so that the file stays as it is from one look to the next.
  expect(await extentdb('trim', shop)).toMatchObject({ status: 0, err: '' });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  vi.stubEnv('LC_ALL', 'C.UTF-8');
  vi.stubEnv('NO_COLOR', '');
  vi.stubEnv('TERM', 'xterm');
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  vi.unstubAllEnvs();
});

async function onTerminal<T>(columns: number, act: () => Promise<T>): Promise<T> {
  const { stdout } = process;
  const former = { isTTY: stdout.isTTY, columns: stdout.columns };
  Object.assign(stdout, { isTTY: true, columns });
  try {
    return await act();
  } finally {
    Object.assign(stdout, former);
  }
}

function withoutColours(text: string): string {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g'), '');
}

async function shopTree(): Promise<SpaceNode> {
  const { results } = await askAboutFile(shop, `${SPACE_QUERY}; select * from extentdb.file_space`);
  return spaceTree(results[0]!, results[1]![0]!);
}

/** Every line's parts, and every branch's lines. */
function expectSums(node: SpaceNode): void {
  expect([node.name, node.used + node.available + node.kept]).toEqual([node.name, node.owned]);
  for (const child of node.children) expectSums(child);
  if (node.children.length > 0)
    expect([node.name, node.children.reduce((sum, { owned }) => sum + owned, 0)]).toEqual([node.name, node.owned]);
}

describe('space', () => {
  it('shows a tree whose numbers add up to the length of the file', async () => {
    const root = await shopTree();
    expect(root.owned * 1024).toBe(statSync(shop).size);
    expectSums(root);
    const book = root.children.find(({ name }) => name === 'book');
    expect(book?.children.map(({ name }) => name)).toEqual(['rows', 'book_title', 'long values']);
    const names = root.children.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['"Ελλάδα 漢字"', 'system catalog', 'header', 'free']));
    expect(names).not.toContain('moving just now');
  });

  it('prints the file, a line for each of its parts, and bars', async () => {
    const { out, err, status } = await extentdb('space', shop);
    expect([err, status]).toEqual(['', 0]);
    expect(out).toMatch(
      /^.*shop\.extent: [\d.]+ MB, [\d,]+ pages of 8 kB, .*on disk\nkB +owned +used +available +kept +fill\nshop /,
    );
    expect(out).toMatch(/\n├─ book +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +\d+% {2}█+/);
    expect(out).toMatch(/\n│ {2}└─ long values /);
    expect(out).toMatch(/\n└─ \S/);
  });

  it('fits any width, with and without colours and beyond ASCII', async () => {
    const root = await shopTree();
    for (let columns = 20; columns <= 250; columns++) {
      const plain = treeLines(root, { ...PLAIN, columns });
      for (const line of plain) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      const coloured = treeLines(root, { ...PLAIN, columns, hasColour: true });
      expect(coloured.map(withoutColours)).toEqual(plain);
      const ascii = treeLines(root, { ...PLAIN, columns, hasUnicode: false }).join('');
      expect(ascii).toMatch(/^[\x20-\x7e]*$/);
      expect(ascii.length).toBeGreaterThan(0);
    }
  });

  it('paints for terminals only, and not against NO_COLOR', async () => {
    expect((await extentdb('space', shop)).out).not.toContain('\x1b');
    const plain = await onTerminal(100, () => extentdb('space', shop)).then(({ out }) => out);
    expect(plain).toContain('\x1b[36m█');
    vi.stubEnv('NO_COLOR', '1');
    expect((await onTerminal(100, () => extentdb('space', shop))).out).toBe(withoutColours(plain));
    vi.stubEnv('LC_ALL', 'C');
    expect((await onTerminal(100, () => extentdb('space', shop))).out).toMatch(/\n\|- book .*#+\+*\.*\n/);
  });

  it('gives all three views as one JSON document', async () => {
    const { out } = await extentdb('space', '--json', shop);
    const made = JSON.parse(out);
    expect(Object.keys(made)).toEqual(['file', 'database', 'in_use_by', 'file_space', 'space', 'extents']);
    expect(made).toMatchObject({ file: shop, database: 'shop', in_use_by: null });
    expect(made.file_space.file_bytes).toBe(statSync(shop).size);
    const index = made.space.find((row: { object: string }) => row.object === 'book_title');
    const table = made.space.find(
      (row: { object: string; kind: string }) => row.object === 'book' && row.kind === 'table',
    );
    expect(index).toMatchObject({ kind: 'index', table_relid: table.relid, hints: 'initial_density=90' });
    for (const tree of made.space) {
      const pages = made.extents
        .filter((e: { tree: number; space: string }) => e.tree === tree.tree && e.space === 'available')
        .reduce((sum: number, e: { pages: number }) => sum + e.pages, 0);
      expect(pages).toBe(tree.available_pages);
    }
  });

  it('shows no control characters of names', async () => {
    const file = join(folder, 'evil.extent');
    const db = await open(file);
    await db.exec('create table "a\x1b[31mb\nc" (a int4)');
    await db.close();
    expect((await extentdb('space', file)).out).toContain('\n├─ "a?[31mb?c" ');
    expect((await extentdb('map', file)).out).toContain('\nA "a?[31mb?c", 1 page\n');
    rmSync(file);
  });

  it('makes no file, and tells a missing one', async () => {
    const none = join(folder, 'none.extent');
    for (const command of ['space', 'map'])
      expect(await extentdb(command, none)).toEqual({
        out: '',
        err: `extentdb: there is no file "${none}"\n`,
        status: 1,
      });
    expect(existsSync(none)).toBe(false);
  });
});

describe('map', () => {
  /** Lines of the grid without page numbers, and the legend by its signs. */
  function parts(
    out: string,
    width: number,
  ): { cells: string; rows: number; legend: Map<string, string>; per: number } {
    const [grid = '', legend = ''] = out.split('\n\n');
    const rows = grid.split('\n').map((line) => (width < 40 ? line : line.replace(/^ *\d+ /, '')));
    const [head = '', ...signs] = legend.trimEnd().split('\n');
    return {
      cells: rows.join(''),
      rows: rows.length,
      legend: new Map(signs.map((line) => [line[0]!, line.slice(2)])),
      per: Number(/a cell: ([\d,]+)/.exec(head)?.[1]?.replaceAll(',', '')),
    };
  }

  it('draws a sign for each page, as many as the legend says', async () => {
    const { cells, legend, per } = parts((await extentdb('map', shop)).out, 80);
    expect(per).toBe(1);
    expect(cells.length).toBe(statSync(shop).size / 8192);
    expect(cells.startsWith('##')).toBe(true);
    for (const [sign, meaning] of legend) {
      const pages = Number(/([\d,]+) pages?$/.exec(meaning)?.[1]?.replaceAll(',', ''));
      expect([meaning, [...cells].filter((cell) => cell === sign).length]).toEqual([meaning, pages]);
    }
    expect([...legend.keys()]).toEqual(expect.arrayContaining(['A', 'B', 'C', '#', '=', '@', '.']));
    expect(legend.get('A')).toMatch(/^book, [\d,]+ pages$/);
  });

  it('fits any width, with and without colours', async () => {
    for (const width of [20, 21, 39, 40, 41, 80, 133, 999]) {
      const { out } = await extentdb('map', '--width', String(width), shop);
      for (const line of out.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      const { cells, rows, per } = parts(out, width);
      expect(rows).toBeLessThanOrEqual(32);
      expect(cells.length).toBe(Math.ceil(statSync(shop).size / 8192 / per));
      const coloured = await onTerminal(50, () => extentdb('map', '--width', String(width), shop));
      expect(coloured.out).toContain('\x1b[');
      expect(withoutColours(coloured.out)).toBe(out);
    }
  });

  it('draws how full pages are', async () => {
    const byOwner = parts((await extentdb('map', shop)).out, 80).cells;
    const { cells, legend } = parts((await extentdb('map', '--fill', shop)).out, 80);
    expect(cells.length).toBe(byOwner.length);
    for (let i = 0; i < cells.length; i++) {
      const allowed = /[A-Z]/.test(byOwner[i]!) ? /[\d=]/ : /[a-z]/.test(byOwner[i]!) ? /-/ : /[#=@._]/;
      expect(cells[i]).toMatch(allowed);
    }
    expect(cells).toMatch(/99999/);
    expect(legend.get('0')).toBe('9 how full used pages are: under 10 % to over 90 %');
  });

  it('shows holes', async () => {
    const vfs = new NodeVfs();
    const file = join(folder, 'holes.extent');
    const db = await open(file, { shrink: 'off' });
    await db.exec(
      "create table t as select i, repeat('y', 500) from generate_series(1, 5000) i; create table u (a int4)",
    );
    await db.exec('drop table t');
    await db.close();
    await extentdb('trim', file);
    const { out } = await extentdb('map', file);
    const { cells, legend } = parts(out, 80);
    const holes = [...cells].filter((cell) => cell === '_').length;
    if (vfs.canPunch(folder)) {
      expect(holes).toBeGreaterThan(100);
      expect(legend.get('_')).toBe(`hole, ${holes} pages`);
      expect((await extentdb('space', file)).out).toMatch(
        new RegExp(`─ holes +${grouped(holes * 8)} +0 +${grouped(holes * 8)} +0`),
      );
    } else expect(holes).toBe(0);
    rmSync(file);
  });

  it('refuses widths that no grid fits into', async () => {
    for (const width of ['19', '0', 'x', '100000'])
      expect(await extentdb('map', shop, '--width', width)).toMatchObject({ status: 2, out: '' });
    expect(await extentdb('space', shop, '--fill')).toMatchObject({ status: 2 });
  });
});

describe.skipIf(process.platform === 'win32')('a file in use', () => {
  it.runIf(existsSync('dist/bundle/cli.js'))('is asked of its owner: another process', async () => {
    const child = spawn(process.execPath, ['bin/extentdb.js', 'shell', shop], { stdio: ['pipe', 'pipe', 'inherit'] });
    started.push(child);
    child.stdin.write("begin; create table fresh as select i from generate_series(1, 3000) i; select 'made';\n");
    let said = '';
    while (!said.includes('made')) said += String(await once(child.stdout, 'data'));
    const { out, status } = await extentdb('space', shop);
    expect([status, out.split('\n')[0]]).toEqual([0, expect.stringContaining(`, in use by process ${child.pid}`)]);
    expect(JSON.parse((await extentdb('space', '--json', shop)).out).in_use_by).toBe(child.pid);
    expect((await extentdb('map', '--fill', shop)).status).toBe(0);
    child.stdin.end('rollback;\n');
    const [ended] = await once(child, 'close');
    expect(ended).toBe(0);
    expect((await extentdb('space', shop)).out).not.toContain('in use');
  });

  it('is asked of its owner: a program that is about to close it', async () => {
    const db = await open(shop);
    await answeringHolder(shop, 20_000);
    const asked = extentdb('map', shop);
    await db.close();
    expect(await asked).toMatchObject({ status: 0, err: '' });
  });

  it('is refused when its owner does not answer', async () => {
    const lock = new NodeVfs().lock(shop);
    const { err, status } = await extentdb('space', shop);
    expect(status).toBe(1);
    expect(err).toMatch(/^extentdb: .* is in use by the process with id \d+\nHint: It answers no questions/);
    lock.release();
  });
});
