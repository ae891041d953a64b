#!/usr/bin/env node
// Joins what `tsc` has built into a few files, because a program of four hundred modules spends most of its start in
// finding and linking them. Names stay as they were written, so that a stack trace can be read without its source map.
//
//   dist/**.js (tsc) ──► dist/bundle/index.js   the embedded API (package.json, "exports")
//                        dist/bundle/cli.js     the program (bin/extentdb.js)
//                        dist/bundle/*.js       what both share
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const built = fileURLToPath(new URL('../dist/', import.meta.url));
rmSync(`${built}bundle`, { recursive: true, force: true });
const bundle = await rolldown({
  input: { index: `${built}index.js`, cli: `${built}cli/main.js` },
  platform: 'node',
  // The packages stay where npm has put them: a user may audit, patch or leave out (koffi) what he has installed.
  external: [/^[^./]/],
});
await bundle.write({
  dir: `${built}bundle`,
  format: 'esm',
  sourcemap: true,
  chunkFileNames: '[name].js',
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});
await bundle.close();
