/**
 * The project's sources as the house rules see them: path, code without comments, and what each file imports.
 *
 * No compiler is asked: an import is a statement at the start of a line, which the formatter guarantees. That the reader
 * sees anything at all is asserted by the tests (a checker that finds no modules finds no faults either).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceImport {
  /** As written. */
  readonly specifier: string;
  /** Path from the root, for relative imports. */
  readonly path: string | undefined;
  readonly line: number;
}

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked; lines keep their numbers. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly SourceImport[];
}

const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)|createRequire\(import\.meta\.url\)(?:\.resolve)?\('([^']+)'\)|\bprocess\.getBuiltinModule\('([^']+)'\)/gm;

/** All TypeScript files below a folder of the root. */
export function sourcesOf(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .sort()
    .map((name) => sourceFile(`${folder}/${name.replaceAll('\\', '/')}`));
}

function sourceFile(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const code = withoutComments(text);
  return { path, text, code, lines: text.split('\n').length - 1, imports: importsOf(path, code) };
}

/** Blanks comments. A comment begins at a line's start or behind white space, which keeps `'/*'` in a lexer's code. */
function withoutComments(text: string): string {
  const blank = (match: string): string => match.replace(/[^\n]/g, ' ');
  return text.replace(/(?<=^|\s)\/\/.*$/gm, blank).replace(/(?<=^|\s)\/\*[\s\S]*?\*\//g, blank);
}

function importsOf(path: string, code: string): SourceImport[] {
  return [...code.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? match[4] ?? match[5] ?? '';
    const relative = specifier.startsWith('.');
    return {
      specifier,
      path: relative ? normalize(join(dirname(path), specifier)).replaceAll('\\', '/') : undefined,
      line: lineOf(code, match.index),
    };
  });
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** Where a pattern occurs in the code of files, as `path:line: text`. The pattern must be global. */
export function findings(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    [...file.code.matchAll(pattern)].map((m) => `${file.path}:${lineOf(file.code, m.index)}: ${m[0].trim()}`),
  );
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}
