/** Every scalar, set-returning and window function that has an implementation or a meaning to the executor. */

import type { TypeTable } from '../types/type-table.ts';
import { ARRAY_FUNCTIONS } from './array-functions.ts';
import { BYTEA_FUNCTIONS } from './bytea-functions.ts';
import { CONVERSIONS } from './conversions.ts';
import { DATETIME_ARITHMETIC } from './datetime-arithmetic.ts';
import { DATETIME_FUNCTIONS } from './datetime-functions.ts';
import type { Definition } from './definition.ts';
import { FLOAT_ARITHMETIC } from './float-arithmetic.ts';
import { FORMATTING_FUNCTIONS } from './formatting-functions.ts';
import { functionDescriptions } from './function-descriptions.ts';
import { INTEGER_ARITHMETIC } from './integer-arithmetic.ts';
import { NUMERIC_ARITHMETIC } from './numeric-arithmetic.ts';
import { PATTERN_FUNCTIONS } from './pattern-functions.ts';
import { SET_FUNCTIONS } from './set-functions.ts';
import { SPACE_FUNCTIONS } from './space-functions.ts';
import { STRING_FUNCTIONS } from './string-functions.ts';
import { SYSTEM_FUNCTIONS } from './system-functions.ts';
import { textOutputFunctions } from './text-output-functions.ts';
import { WINDOW_FUNCTIONS } from './window-functions.ts';

/** The definitions; those that print values of any type take their output from `types`. */
export function allDefinitions(types: TypeTable): readonly Definition[] {
  return [
    ...INTEGER_ARITHMETIC,
    ...FLOAT_ARITHMETIC,
    ...NUMERIC_ARITHMETIC,
    ...DATETIME_ARITHMETIC,
    ...CONVERSIONS,
    ...STRING_FUNCTIONS,
    ...BYTEA_FUNCTIONS,
    ...PATTERN_FUNCTIONS,
    ...textOutputFunctions(types),
    ...functionDescriptions(types),
    ...ARRAY_FUNCTIONS,
    ...DATETIME_FUNCTIONS,
    ...FORMATTING_FUNCTIONS,
    ...SET_FUNCTIONS,
    ...SYSTEM_FUNCTIONS,
    ...SPACE_FUNCTIONS,
    ...WINDOW_FUNCTIONS,
  ];
}
