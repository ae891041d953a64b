/**
 * CommonJS files that start from the code which V8 made of them earlier.
 *
 * V8 reads the bundle's 1.3 MB for longer than it takes to open a database. So the build (`scripts/bundle.js`) keeps beside
 * the bundle what V8 compiled while a first query ran:
 *
 *   0  crc32 of the file     4  crc32 of what follows     8  V8's code
 *
 * It is used for exactly the file that it was made of (the checksums) and by exactly the V8 that made it (which looks at its
 * own version and flags). In every other case, and when stack traces are mapped to the sources, the file is required as
 * usual: nothing is different but the time.
 */
import { isAscii } from 'node:buffer';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const HEADER_BYTES = 8;

/** What is compiled to be kept, by the file of its code; undefined except while a build looks on. */
let observed: Map<string, { readonly script: Script; readonly text: Buffer }> | undefined;

/**
 * Requires a CommonJS file, with the code of `codeFile` if it fits. Of one file it must be asked once only: unlike `require`
 * it remembers nothing.
 */
export function requireCompiled<Exports extends object>(file: string, codeFile: string): Exports {
  const require = createRequire(file);
  if (observed === undefined && (process.sourceMapsEnabled || !existsSync(codeFile))) return require(file);
  const text = readFileSync(file);
  const code = observed === undefined ? fittingCode(text, readFileSync(codeFile)) : undefined;
  if (observed === undefined && code === undefined) return require(file);
  const script = new Script(wrapped(text), { filename: file, ...(code === undefined ? {} : { cachedData: code }) });
  observed?.set(codeFile, { script, text });
  const module = { exports: {} };
  return script.runInThisContext().call(module.exports, module.exports, require, module, file, dirname(file));
}

/** From here on, what is required is compiled with V8's bookkeeping on. @returns a function that writes the code files. */
export function observeCompiling(): () => void {
  const files = new Map<string, { readonly script: Script; readonly text: Buffer }>();
  observed = files;
  return () => {
    observed = undefined;
    for (const [codeFile, { script, text }] of files) {
      const code = script.createCachedData();
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(crc32(text), 0);
      header.writeUInt32LE(crc32(code), 4);
      writeFileSync(codeFile, Buffer.concat([header, code]));
    }
  };
}

/** V8's code, if both checksums are right. */
function fittingCode(text: Buffer, bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== crc32(text)) return undefined;
  const code = bytes.subarray(HEADER_BYTES);
  return bytes.readUInt32LE(4) === crc32(code) ? code : undefined;
}

/** The file as a function of what CommonJS gives a file. Lines keep their numbers. */
function wrapped(text: Buffer): string {
  const source = text.toString(isAscii(text) ? 'latin1' : 'utf8');
  return `(function (exports, require, module, __filename, __dirname) { ${source}\nreturn module.exports; })`;
}
