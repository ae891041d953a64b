import { expect, test } from 'vitest';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { attempt, commit, encode } from '../storage/open.ts';
import { check, fill, keyOf, makeTree, open, owned, settle } from './open.ts';

/** More leaves than the purge remembers one by one. */
const ROWS = 22_000;

test('a large table that is emptied in one transaction gives its pages back', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  fill(file, tree, 0, ROWS);
  expect(file.store.facts(tree.tree).leafPages).toBeGreaterThan(5000);
  commit(file.store, (t) => {
    for (let i = 0; i < ROWS; i++) tree.remove(t, keyOf(i));
  });
  settle(file);
  expect(file.store.facts(tree.tree).leafPages).toBeLessThan(3);
  expect(owned(file, tree).reduce((a, b) => a + b)).toBeLessThan(40);
  check(file);
});

test('a large bulk load that rolls back gives its pages back', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  const t = file.store.begin(1);
  const appender = file.store.appender(t, tree.tree);
  const record = encode('v'.repeat(900));
  for (let i = 0; i < ROWS; i++) {
    const key = encode(keyOf(i));
    attempt(file.store, () => appender.add(key, key.length, record, 0, record.length));
  }
  attempt(file.store, () => appender.flush());
  runNow(t.rollback());
  settle(file);
  expect(file.store.facts(tree.tree).leafPages).toBeLessThan(3);
  check(file);
});
