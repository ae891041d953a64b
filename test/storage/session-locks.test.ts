/** Advisory locks of sessions: what a wait that is given up leaves behind. */
import { expect, test } from 'vitest';
import { runNow, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import {
  LOCK_NOWAIT,
  LOCK_WAIT,
  type LockPolicy,
  type SessionLocks,
  type Transaction,
} from '../../src/storage/contracts.ts';
import { open } from '../space/open.ts';

const KEY = '7';

function sessions(count: number): { locks: SessionLocks; transaction: Transaction }[] {
  const { store } = open(new MemoryVfs());
  return Array.from({ length: count }, (_, i) => ({
    locks: store.sessionLocks(i + 1),
    transaction: store.begin(i + 1),
  }));
}

function taken(
  session: { locks: SessionLocks; transaction: Transaction },
  policy: LockPolicy = LOCK_NOWAIT,
): Task<boolean> {
  return session.locks.lock(session.transaction, KEY, true, policy);
}

test.each([false, true])('a wait that is given up holds nothing (granted just before: %s)', (granted) => {
  const [first, second, third] = sessions(3);
  expect(runNow(taken(first!))).toBe(true);
  const task = taken(second!, LOCK_WAIT);
  const step = task.next();
  if (step.done === true) throw new Error('it did not wait');
  const giveUp = step.value.start(() => {});
  // From here on the lock is the second one's, which does not know it yet.
  if (granted) expect(first!.locks.unlock(KEY, true)).toBe(true);
  giveUp();
  expect(() => task.throw(new Error('cancelled'))).toThrow('cancelled');
  if (!granted) expect(first!.locks.unlock(KEY, true)).toBe(true);
  expect(runNow(taken(third!))).toBe(true);
  expect(second!.locks.unlock(KEY, true)).toBe(false);
});
