/** The documents say what is so: generated pages are up to date, files and tests that are named exist, links lead somewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedDocs, reader } from '../../scripts/generated-docs.ts';
import { exists, ROOT } from './sources.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].filter(exists);

function text(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

describe('documents', () => {
  test.each([...generatedDocs(reader(ROOT))])('%s is what `npm run docs` makes', (path, made) => {
    expect(text(path)).toBe(made);
  });

  test('each has one title', () => {
    for (const path of pages) {
      const prose = text(path).replace(/```[\s\S]*?```/g, '');
      expect(prose.match(/^# /gm) ?? [], path).toHaveLength(1);
    }
  });

  test('paths in code font exist', () => {
    const missing = pages.flatMap((path) =>
      [...text(path).matchAll(/`((?:src|test|scripts|bench|docs|bin|\.ci)\/[\w./-]*[\w/])`/g)]
        .map((m) => m[1]!)
        // What a run or a build leaves behind is not in a fresh checkout.
        .filter((named) => !named.startsWith('bench/results') && !exists(named))
        .map((named) => `${path}: ${named}`),
    );
    expect(missing).toEqual([]);
  });

  test('relative links lead to files', () => {
    const broken = pages.flatMap((path) =>
      [...text(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
        .map((m) => normalize(join(dirname(path), m[1]!)))
        .filter((target) => !exists(target))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});
