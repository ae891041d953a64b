#!/usr/bin/env node
// Starts the built program. libuv makes its threads when they are first needed, so their number must be known before
// anything loads: reads and flushes of several databases should not queue behind four of them.
import { existsSync } from 'node:fs';

const main = new URL('../dist/bundle/cli.js', import.meta.url);
process.env.UV_THREADPOOL_SIZE ??= '8';
if (existsSync(main)) {
  const { run } = await import(main.href);
  await run(process.argv.slice(2));
} else {
  process.stderr.write('extentdb is not built yet: run `npm run build` first.\n');
  process.exitCode = 1;
}
