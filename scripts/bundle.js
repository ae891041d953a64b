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
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  const { output } = await bundle.generate({
    file: join(target, file),
    format: 'cjs',
    sourcemap: true,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await bundle.close();
  const chunk = output.find(({ type }) => type === 'chunk');
  const { code, mappings } = inAscii(inLines({ code: chunk.code, mappings: chunk.map.mappings }));
  const link = `//# sourceMappingURL=${file}.map`;
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, file), code.includes(link) ? code : `${code}${link}\n`);
  writeFileSync(join(target, `${file}.map`), JSON.stringify({ ...chunk.map, mappings }));
}

/**
 * A line for each statement of a module: for an error that nobody catches Node shows the line that it comes from, and the minifier
 * puts everything on one. A statement begins where a place of the source without indentation is told, behind `;` or `}`.
 */
function inLines({ code, mappings }) {
  const lines = mappings.split(';');
  let sourceColumn = 0;
  const split = (line, number) => {
    let column = 0;
    let written = '';
    let from = 0;
    const segments = (lines[number] ?? '').split(',').map((segment, i) => {
      const [moved = 0, , , sourceMoved = 0] = readDigits(segment);
      column += moved;
      sourceColumn += sourceMoved;
      const begins = segment.length >= 4 && sourceColumn === 0 && column > from && ';}'.includes(line[column - 1]);
      if (!begins) return i === 0 ? segment : `,${segment}`;
      written += `${line.slice(from, column)}\n`;
      from = column;
      return `;A${segment.replace(FIRST_DIGITS, '')}`;
    });
    lines[number] = segments.join('');
    return written + line.slice(from);
  };
  return { code: code.split('\n').map(split).join('\n'), mappings: lines.join(';') };
}

/**
 * A single character beyond ASCII makes V8 hold the whole file with two bytes per character, and Node decode it slowly. Such
 * characters stand in texts alone; the minifier writes them as they are, so they are escaped behind it, and the source map
 * moves along.
 */
function inAscii({ code, mappings }) {
  const lines = mappings.split(';');
  const escaped = code.split('\n').map((line, number) => {
    let moved = 0;
    return line.replace(/[^\0-\x7f]/g, (character, at) => {
      const escape = `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
      const by = escape.length - 1;
      lines[number] = withColumnsMoved(lines[number] ?? '', at + moved, by);
      moved += by;
      return escape;
    });
  });
  return { code: escaped.join('\n'), mappings: lines.join(';') };
}

/** One number of a segment: digits that say that more follow, and one that does not. */
const ONE_NUMBER = /[g-z0-9+/]*[A-Za-f]/;
const FIRST_DIGITS = new RegExp(`^${ONE_NUMBER.source}`);
const EACH_NUMBER = new RegExp(ONE_NUMBER, 'g');
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** A source map's line, everything behind a column moved. Columns are differences: only the first one behind it changes. */
function withColumnsMoved(line, behind, by) {
  const segments = line.split(',');
  let column = 0;
  for (let i = 0; i < segments.length; i++) {
    const [difference] = readDigits(segments[i]);
    if (difference === undefined) continue;
    column += difference;
    if (column <= behind) continue;
    segments[i] = `${inDigits((difference + by) * 2)}${segments[i].replace(FIRST_DIGITS, '')}`;
    return segments.join(',');
  }
  return line;
}

/** The numbers of a source map's segment; the lowest bit of each is its sign. */
function readDigits(segment) {
  return [...segment.matchAll(EACH_NUMBER)].map(([digits]) => {
    const value = [...digits].reduceRight((sum, digit) => sum * 32 + (DIGITS.indexOf(digit) & 31), 0);
    return value % 2 === 0 ? value / 2 : (1 - value) / 2;
  });
}

/** A number as a source map writes it: five bits at a time, the lowest first; the sixth says that more follow. */
function inDigits(value) {
  return value < 32 ? DIGITS[value] : DIGITS[32 + (value % 32)] + inDigits(Math.floor(value / 32));
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
  await db.query('create table first (id int primary key, word text)');
  await db.query("insert into first values ($1, 'one'), ($2, 'two')", [1, 2]);
  await db.query('select * from first where id = 1 + 1');
  db.prepare('select 1 + 1 as two').all();
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
