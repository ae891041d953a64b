/**
 * What importing the package does not do: it loads no package and no module of Node that a program may never need, and
 * makes no part of the registry. Each costs milliseconds of every start.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as definitions from '../../src/sql/functions/all-definitions.ts';
import * as facts from '../../src/sql/functions/facts.ts';
import { ROOT } from './sources.ts';

vi.mock('../../src/sql/functions/all-definitions.ts', { spy: true });
vi.mock('../../src/sql/functions/facts.ts', { spy: true });

const bundle = join(ROOT, 'dist/bundle/index.js');

/** Node's modules and the packages that a process has loaded when a program is done. */
function loadedBy(program: string): { modules: string[]; packages: string[] } {
  const script = `
    import { createRequire } from 'node:module';
    const before = new Set(process.moduleLoadList);
    ${program}
    const modules = process.moduleLoadList.filter((name) => !before.has(name));
    const files = Object.keys(createRequire(import.meta.url).cache);
    const packages = files.flatMap((file) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)?.[1] ?? []);
    console.log(JSON.stringify({ modules, packages }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

test.runIf(existsSync(bundle))(
  'importing the bundle loads no package; the class of its errors comes with the first of them',
  () => {
    const { modules, packages } = loadedBy(`await import(${JSON.stringify(bundle)});`);
    expect(packages).toEqual([]);
    const failing = `const { DatabaseError } = await import(${JSON.stringify(bundle)}); new DatabaseError('', 0, 'error');`;
    expect([...new Set(loadedBy(failing).packages)]).toEqual(['pg-protocol']);
    for (const name of ['crypto', 'net', 'http', 'readline', 'child_process', 'worker_threads']) {
      expect(modules).not.toContain(`NativeModule ${name}`);
    }
  },
);

test.runIf(existsSync(bundle))('an error that nobody catches shows where it comes from, not the bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'extentdb-start-'));
  const program = `
    const { open } = await import(${JSON.stringify(bundle)});
    const db = await open(${JSON.stringify(join(folder, 'a.extent'))});
    await db.query('select nowhere');`;
  const failing = (...flags: string[]): string =>
    spawnSync(process.execPath, [...flags, '--input-type=module', '-e', program], { encoding: 'utf8' }).stderr;
  const said = failing();
  expect(said).toContain('error: column "nowhere" does not exist');
  expect(said.length).toBeLessThan(4000);
  // The source map still fits the file that was cut into lines.
  expect(failing('--enable-source-maps')).toMatch(/at ApiSession\.query \(.*dist\/api\/api-session\.js:/);
  rmSync(folder, { recursive: true });
});

test('importing the registry makes no function, operator or cast; asking for one makes what it needs', async () => {
  const { registry } = await import('../../src/sql/types/registry.ts');
  expect(definitions.allDefinitions).not.toHaveBeenCalled();
  expect(registry.typeNamed('int4')?.oid).toBe(23);
  expect(definitions.allDefinitions).not.toHaveBeenCalled();
  expect(facts.functionFactsNamed).not.toHaveBeenCalled();

  expect(registry.functionsNamed('lpad').map((f) => f.args.length)).toEqual([2, 3]);
  expect(definitions.allDefinitions).toHaveBeenCalledTimes(1);
  expect(vi.mocked(facts.functionFactsNamed).mock.calls).toEqual([['lpad']]);
  expect(facts.allCastFacts).not.toHaveBeenCalled();
  expect(facts.aggregateFacts).not.toHaveBeenCalled();
});
