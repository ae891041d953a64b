#!/usr/bin/env node
// Joins what `tsc` has built into one file, because a program of four hundred modules spends most of its start in finding
// and linking them; and keeps what V8 compiles of it (src/base/compiled-code.ts), because that is most of the rest. Names
// stay as they were written, so that a stack trace can be read without its source map.
//
//   dist/**.js (tsc) ──► dist/bundle/engine.cjs             everything, as CommonJS: only that can start from kept code
//                        dist/bundle/engine.code            what V8 made of it, for the Node that builds
//                        dist/bundle/node-sql-parser.code   the same for the parser, which stays where npm has put it
//                        dist/bundle/compiled-code.cjs      starts a file from its kept code
//                        dist/bundle/index.js               the embedded API (package.json, "exports"), names only
//                        dist/bundle/cli.js                 the program (bin/extentdb.js), names only
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const built = fileURLToPath(new URL('../dist/', import.meta.url));
const target = join(built, 'bundle');
const PARTS = { api: 'index.js', program: 'cli/main.js' };

// Both the starter and the bundle must use the one instance of this module: the bundle starts the parser with it.
const starter = join(built, 'base/compiled-code.js');

async function joinModules(input, file, plugins) {
  const bundle = await rolldown({
    input,
    platform: 'node',
    // The packages stay where npm has put them: a user may audit, patch or leave out (koffi) what he has installed.
    external: [/^(?!everything$)[^./]/],
    plugins,
  });
  await bundle.write({
    file: join(target, file),
    format: 'cjs',
    sourcemap: true,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await bundle.close();
}

const everything = {
  name: 'everything',
  resolveId(id, importer) {
    if (id === 'everything') return id;
    if (importer !== undefined && id.endsWith('/base/compiled-code.js'))
      return { id: './compiled-code.cjs', external: true };
    return null;
  },
  load(id) {
    if (id !== 'everything') return null;
    return Object.entries(PARTS)
      .map(([part, path]) => `export * as ${part} from ${JSON.stringify(join(built, path))};`)
      .join('\n');
  },
};

function writeStarter(file, part, names) {
  writeFileSync(
    join(target, file),
    `import { createRequire } from 'node:module';
const { requireCompiled } = createRequire(import.meta.url)('./compiled-code.cjs');
const place = (name) => \`\${import.meta.dirname}/\${name}\`;
const { ${part} } = requireCompiled(place('engine.cjs'), place('engine.code'));
export const { ${names.join(', ')} } = ${part};
`,
  );
}

/** Runs what every program runs first, and keeps what V8 compiled meanwhile. */
async function keepCode() {
  const require = createRequire(import.meta.url);
  const { observeCompiling } = require(join(target, 'compiled-code.cjs'));
  const keep = observeCompiling();
  const { open } = await import(join(target, 'index.js'));
  const folder = mkdtempSync(join(tmpdir(), 'extentdb-build-'));
  const db = await open(join(folder, 'first.extent'));
  await db.query('select 1 as x');
  keep();
  await db.close();
  rmSync(folder, { recursive: true });
}

rmSync(target, { recursive: true, force: true });
await joinModules(starter, 'compiled-code.cjs', []);
await joinModules('everything', 'engine.cjs', [everything]);
for (const [file, part] of [
  ['index.js', 'api'],
  ['cli.js', 'program'],
])
  writeStarter(file, part, Object.keys(createRequire(import.meta.url)(join(target, 'engine.cjs'))[part]));
await keepCode();
