/** What is known of the commonest skeletons is what the parser answers. */
import { expect, test } from 'vitest';
import { commonSkeletons } from '../../../src/sql/parser/common-skeletons.ts';
import { askParser } from '../../../src/sql/parser/skeleton.ts';

test.each([...commonSkeletons()])('%s', (text, skeleton) => {
  const placeholders = new Set([...text.matchAll(/\b[ent](\d+)\b/g)].map(([, number]) => number));
  expect(askParser(text, placeholders.size)).toEqual(skeleton);
});
