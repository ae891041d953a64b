/**
 * The rules of the house: who may import whom, what may touch the world, what a file looks like.
 *
 *   base ← io ← storage ← space ← defrag ← engine ← sql ← server ← api, cli      (sql sees only base and engine)
 */
import { describe, expect, test } from 'vitest';
import { exists, findings, type SourceFile, sourcesOf } from './sources.ts';

/** Layer → the layers that it may import, type-only imports included. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  io: ['base'],
  storage: ['base', 'io'],
  space: ['base', 'io', 'storage'],
  defrag: ['base', 'io', 'storage', 'space'],
  engine: ['base', 'io', 'storage', 'space', 'defrag'],
  sql: ['base', 'engine'],
  server: ['base', 'engine', 'sql'],
  cli: ['base', 'io', 'storage', 'space', 'defrag', 'engine', 'sql', 'server'],
  api: ['base', 'io', 'storage', 'space', 'defrag', 'engine', 'sql', 'server'],
  'index.ts': ['api', 'base', 'io', 'storage', 'space', 'defrag', 'engine', 'sql', 'server'],
};

/** Every package has one module that knows it. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  'node-sql-parser/build/postgresql.js': /^src\/sql\/parser\/skeleton\.ts$/,
  'pg-protocol': /^src\/server\//,
  'pg-protocol/': /^src\/server\//,
  koffi: /^src\/io\/host-calls\.ts$/,
};

/** Node's own modules above `io`, with the reason each is neither file, time nor chance. */
const NODE_MODULES: Readonly<Record<string, RegExp>> = {
  // Sockets are the server's purpose; the console is the program's.
  'node:net': /^src\/server\//,
  'node:http': /^src\/server\//,
  'node:readline': /^src\/cli\//,
  'node:readline/promises': /^src\/cli\//,
  'node:util': /^src\/cli\//,
  // Checksums, digests and secrets: pure functions of their input, or the seed of Prng.
  'node:zlib': /^src\/storage\//,
  'node:crypto': /^src\/(sql|server)\//,
  // Loading a package at its first need, and our own version from package.json.
  'node:module': /^src\/(sql\/parser\/skeleton|server\/database-error|cli\/usage)\.ts$/,
  // Naming the file beside the bundle that holds the package's compiled code.
  'node:url': /^src\/sql\/parser\/skeleton\.ts$/,
};

const LONGEST_FILE = 800;
const LONG_FILE = 400;

/** Files over LONG_FILE lines that stay whole, with the reason that their heads give too. This list may only shrink. */
const WHOLE: Readonly<Record<string, string>> = {
  'src/sql/ast/definitions.ts': 'a list of node types, one after the other: nothing in it leans on anything else in it',
  'src/sql/functions/operator-facts.ts': 'one table: rows of pg_operator',
  'src/engine/table-writer.ts': 'one rule in all of it: a row and its index entries are written as one, in this order',
  'src/storage/rows.ts': 'insert, update and remove share the preparing and the applying of one change',
  'src/storage/page-cache.ts': 'frames are read, written, given and taken by one set of arrays',
};

const src = sourcesOf('src');
const tests = sourcesOf('test');
const everything = [...src, ...tests, ...sourcesOf('scripts'), ...sourcesOf('bench')];

function layerOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function relative(file: SourceFile): { from: string; to: string }[] {
  return file.imports.flatMap((i) => (i.path === undefined ? [] : [{ from: `${file.path}:${i.line}`, to: i.path }]));
}

describe('imports', () => {
  test('the reader sees the whole house', () => {
    const edges = src.reduce((sum, file) => sum + file.imports.length, 0);
    console.log(`house: ${src.length} modules in src, ${edges} imports; ${tests.length} files in test`);
    expect(src.length).toBeGreaterThan(100);
    expect(edges).toBeGreaterThan(2 * src.length);
    for (const layer of new Set(src.map((f) => layerOf(f.path)))) expect(Object.keys(MAY_IMPORT)).toContain(layer);
  });

  test('every relative import names an existing file', () => {
    const broken = everything.flatMap(relative).filter(({ to }) => !/\.(?:ts|json)$/.test(to) || !exists(to));
    expect(broken).toEqual([]);
  });

  test('imports point down', () => {
    const upward = src.flatMap((file) => {
      const own = layerOf(file.path);
      const allowed = [own, ...(MAY_IMPORT[own] ?? [])];
      return relative(file).filter(({ to }) => to.startsWith('src/') && !allowed.includes(layerOf(to)));
    });
    expect(upward).toEqual([]);
  });

  test('the product imports nothing from tests, scripts or benches', () => {
    expect(src.flatMap(relative).filter(({ to }) => !/^(?:src\/|package\.json$)/.test(to))).toEqual([]);
  });

  test('each package and each module of Node stands where it belongs', () => {
    const misplaced = src.flatMap((file) =>
      file.imports
        .filter((i) => i.path === undefined && !mayImport(file.path, i.specifier))
        .map((i) => `${file.path}:${i.line}: ${i.specifier}`),
    );
    expect(misplaced).toEqual([]);
  });

  test('every module is reached from the program, the public API or a worker', () => {
    const entries = src.filter((f) => /^src\/(cli\/main|index)\.ts$/.test(f.path)).map((f) => f.path);
    const byPath = new Map(src.map((f) => [f.path, f]));
    const reached = new Set<string>(entries);
    for (const path of reached) for (const { to } of relative(byPath.get(path)!)) if (byPath.has(to)) reached.add(to);
    // These two are for tests of every layer: the disk that loses power, and the disk that fails.
    const forTests = ['src/io/faulty-vfs.ts', 'src/io/memory-vfs.ts'];
    const unreached = src.map((f) => f.path).filter((p) => !reached.has(p));
    expect(unreached).toEqual(forTests);
  });
});

function mayImport(path: string, specifier: string): boolean {
  // The two lowest layers are where the world comes in.
  if (specifier.startsWith('node:') && /^src\/(io|base)\//.test(path)) return true;
  const places = Object.entries({ ...PACKAGES, ...NODE_MODULES });
  return places.some(
    ([name, where]) => (specifier === name || (name.endsWith('/') && specifier.startsWith(name))) && where.test(path),
  );
}

describe('files, time and chance', () => {
  const above = src.filter((f) => !/^src\/(io|base)\//.test(f.path));

  test.each([
    ['clock', /\bDate\.now\b|\bperformance\.now\b|\bprocess\.hrtime\b|\bnew Date\(\)/g],
    ['timers', /\b(?:setTimeout|setInterval|setImmediate)\b/g],
    ['chance', /\bMath\.random\b|\brandomUUID\b/g],
    ['files', /\bnode:fs\b|\brequire\('fs'\)/g],
  ])('%s come through the ports of base and io', (_, pattern) => {
    expect(findings(above, pattern)).toEqual([]);
  });

  test('only the program reads arguments, environment and signals', () => {
    expect(
      findings(
        src.filter((f) => !/^src\/(io|base|cli)\//.test(f.path)),
        /\bprocess\.(?:env|argv|on|once|exit)\b/g,
      ),
    ).toEqual([]);
  });
});

describe('types', () => {
  test('no any, no silenced compiler', () => {
    const silenced = findings(src, /: any\b|\bas any\b|<any\b|\bany\[\]|@ts-(?:ignore|expect-error|nocheck)/g);
    expect(silenced).toEqual([]);
  });

  test('double assertions are named here, each with its reason', () => {
    // Node's types leave out Buffer's own utf8Slice, which reads text from bytes without making a view.
    const known = ['src/base/bytes.ts'];
    const found = findings(src, /\bas unknown as\b/g).map((f) => f.split(':')[0]!);
    expect([...new Set(found)]).toEqual(known);
  });

  test('no enum, no namespace, no default export', () => {
    expect(findings(src, /^(?:export )?(?:declare )?(?:const )?(?:enum|namespace) |^export default\b/gm)).toEqual([]);
  });
});

/** The comment that a file begins with, its lines as one. */
function headOf(text: string): string {
  return text.slice(0, text.indexOf('*/')).replace(/\n \* ?/g, ' ');
}

describe('files', () => {
  test('names are kebab-case and say what the file holds', () => {
    const names = everything.map((f) => f.path);
    expect(names.filter((p) => !/^[a-z0-9/-]+(?:(?:\.property)?\.test)?\.ts$/.test(p))).toEqual([]);
    expect(names.filter((p) => /(?:^|\/)(?:utils?|helpers?|common|misc|types)\.ts$/.test(p))).toEqual([]);
  });

  test(`none is over ${LONGEST_FILE} lines`, () => {
    expect(everything.filter((f) => f.lines > LONGEST_FILE).map((f) => `${f.path}: ${f.lines}`)).toEqual([]);
  });

  test(`those of the product over ${LONG_FILE} lines are the ones that are said to stay whole`, () => {
    const long = src.filter((f) => f.lines > LONG_FILE).map((f) => f.path);
    // One that is not in the list is to be divided by what it holds; one that no longer needs it is to leave the list.
    expect(long).toEqual(Object.keys(WHOLE).sort());
  });

  test(`the head of a file over ${LONG_FILE} lines says why it stays whole`, () => {
    const heads = src.filter((f) => f.lines > LONG_FILE).map((f) => ({ path: f.path, head: headOf(f.text) }));
    expect(heads.filter(({ head }) => !/\bstays whole\b/.test(head)).map(({ path }) => path)).toEqual([]);
  });

  test('each says at its head what lives in it', () => {
    expect(src.filter((f) => !f.text.startsWith('/**')).map((f) => f.path)).toEqual([]);
  });

  test('nothing is left for later', () => {
    const notes = everything.flatMap((file) =>
      [...file.text.matchAll(/\b(?:TODO|FIXME|XXX|HACK)\b(?!\d)/g)].map((m) => `${file.path}: ${m[0]}`),
    );
    // The rule's own words stand in this file; XX000 and its family are SQLSTATEs, and do not match.
    expect(notes.filter((n) => !n.startsWith('test/house/'))).toEqual([]);
  });
});
