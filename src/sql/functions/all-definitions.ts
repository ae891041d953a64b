/** Every scalar, set-returning and window function that has an implementation or a meaning to the executor. */

import { CONVERSIONS } from './conversions.ts';
import { DATETIME_ARITHMETIC } from './datetime-arithmetic.ts';
import type { Definition } from './definition.ts';
import { FLOAT_ARITHMETIC } from './float-arithmetic.ts';
import { INTEGER_ARITHMETIC } from './integer-arithmetic.ts';
import { NUMERIC_ARITHMETIC } from './numeric-arithmetic.ts';

export const ALL_DEFINITIONS: readonly Definition[] = [
  ...INTEGER_ARITHMETIC,
  ...FLOAT_ARITHMETIC,
  ...NUMERIC_ARITHMETIC,
  ...DATETIME_ARITHMETIC,
  ...CONVERSIONS,
];
