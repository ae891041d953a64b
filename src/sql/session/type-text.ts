/** Reads a type's name that is a value, as `regtype` takes it: in SQL's own words, with modifiers and dimensions. */
import { ExtentError, fail } from '../../base/errors.ts';
import type { TypeName } from '../ast/names.ts';
import { parseTypeText } from '../parser/parser.ts';

/** @throws 42601 */
export function readTypeName(text: string): TypeName {
  let name: TypeName | undefined;
  if (text.trim() !== '')
    try {
      name = parseTypeText(text);
    } catch (error) {
      // Its position lies in the name, not in the statement.
      if (error instanceof ExtentError) throw fail(error.code, error.message, { where: `invalid type name "${text}"` });
      throw error;
    }
  if (name === undefined || name.setOf) throw fail('syntax_error', `invalid type name "${text}"`);
  return name;
}
