/** Quiet and sound: what tests of defragmentation ask of the one database of an instance. */
import { expect } from 'vitest';
import { runNow } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { checkStoreNow } from '../../src/storage/check.ts';

/** Does what there is to do in the background. */
export function settle({ single }: Instance): void {
  while (runNow(single.file.store.background()));
}

/** Proves the structure of the file, as `extentdb check` does. */
export function sound({ single: { file } }: Instance): void {
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
}
