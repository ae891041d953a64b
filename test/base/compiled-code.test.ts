/** Files that start from kept code: the code is used when it fits, and never otherwise. */
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observeCompiling, requireCompiled } from '../../src/base/compiled-code.ts';
import { Folder } from '../support/folder.ts';

let folder: Folder;
let file: string;
let codeFile: string;

beforeEach(() => {
  folder = new Folder('compiled');
  file = folder.file('answer.cjs');
  codeFile = folder.file('answer.code');
  write('forty-two');
});
afterEach(() => folder.remove());

interface Answer {
  answer(): string;
  readonly place: string;
  /** Whether it was run by `require` itself, which tells a module its own id. */
  readonly required: boolean;
}

/** All answers have the same length: the length is all that V8 itself compares. */
function write(answer: string): void {
  writeFileSync(
    file,
    `exports.answer = () => '${answer}'; exports.place = __filename; exports.required = module.id === __filename;`,
  );
}

function keep(): void {
  const done = observeCompiling();
  requireCompiled<Answer>(file, codeFile).answer();
  done();
}

test('without kept code a file is required', () => {
  const { answer, place, required } = requireCompiled<Answer>(file, codeFile);
  expect([answer(), place, required]).toEqual(['forty-two', file, true]);
});

test('with kept code it starts from that', () => {
  keep();
  const { answer, place, required } = requireCompiled<Answer>(file, codeFile);
  expect([answer(), place, required]).toEqual(['forty-two', file, false]);
});

test('code of another text is not used', () => {
  keep();
  write('forty-six');
  expect(requireCompiled<Answer>(file, codeFile)).toMatchObject({ required: true });
  expect(requireCompiled<Answer>(file, codeFile).answer()).toBe('forty-six');
});

test.each([
  ['cut off', (code: Buffer) => code.subarray(0, code.length >> 1)],
  ['empty', () => Buffer.alloc(0)],
  ['shorter than its head', (code: Buffer) => code.subarray(0, 5)],
  ['with a bit flipped', (code: Buffer) => code.map((byte, i) => (i === code.length - 9 ? byte ^ 16 : byte))],
])('code that is %s is not used', (_, spoil) => {
  keep();
  writeFileSync(codeFile, spoil(readFileSync(codeFile)));
  const { answer, required } = requireCompiled<Answer>(file, codeFile);
  expect([answer(), required]).toEqual(['forty-two', true]);
});

test("code of another V8 is V8's to refuse: the file runs all the same", () => {
  keep();
  const bytes = readFileSync(codeFile);
  // V8's own head: magic number, version hash, hash of the source's length, flags.
  bytes.writeUInt32LE(bytes.readUInt32LE(12) ^ 1, 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  writeFileSync(codeFile, bytes);
  expect(requireCompiled<Answer>(file, codeFile).answer()).toBe('forty-two');
});

test('stack traces name the file and its line', () => {
  writeFileSync(file, `exports.answer = () => {\n  throw new Error('no');\n};`);
  keepNothing();
  let stack = '';
  try {
    requireCompiled<Answer>(file, codeFile).answer();
  } catch (error) {
    stack = error instanceof Error ? (error.stack ?? '') : '';
  }
  expect(stack).toContain(`${file}:2:`);
});

function keepNothing(): void {
  const done = observeCompiling();
  requireCompiled<Answer>(file, codeFile);
  done();
}
