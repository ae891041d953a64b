/** SQLite's sqllogictest scripts, wherever PostgreSQL 15 passes them. The corpus is not part of the project. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { runLogicTest } from '../support/sqllogictest.ts';

const shared = process.env['EXTENTDB_SHARED'] ?? join(import.meta.dirname, '../../../shared');
const folder = join(shared, 'corpus/sqllogictest');

describe('sqllogictest', () => {
  if (!existsSync(folder)) {
    test('is skipped: there is no corpus', () => console.log(`sqllogictest skipped: no ${folder}`));
    return;
  }
  const baseline = JSON.parse(readFileSync(join(folder, 'postgresql-baseline.json'), 'utf8')) as Record<
    string,
    { records: number; bad: number[] }
  >;
  const wanted = /^(select[1-4]|index_random|random_groupby)/;
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.test') && wanted.test(f))) {
    test(file, async () => {
      const instance = await memoryInstance();
      const session = new TestSession(instance);
      const { records, failures } = await runLogicTest(
        session,
        readFileSync(join(folder, file), 'utf8'),
        new Set(baseline[file]?.bad),
      );
      expect(failures.slice(0, 5)).toEqual([]);
      expect(records).toBeGreaterThan(100);
      await instance.close();
    });
  }
});
