/**
 * The values of Bind, from the message's bytes. Integers in text are read digit by digit; what is not of that plain form goes
 * through the type's `parse`, which also words the errors.
 */
import { decodeClientText } from '../base/bytes.ts';
import { fail, unsupported } from '../base/errors.ts';
import { typeEntry } from '../sql/exec/values.ts';
import { readInt4, readInt8 } from '../sql/types/byte-format.ts';
import type { EvalContext, Oid, SqlValue } from '../sql/types/contracts.ts';
import type { Input } from './input.ts';

const NO_FORMATS: readonly number[] = [];
const ALL_TEXT: readonly number[] = [0];
const ALL_BINARY: readonly number[] = [1];

/** A count and so many format codes. @throws 22023 for a code that is none. */
export function readFormats(input: Input): readonly number[] {
  const count = input.uint16();
  if (count === 0) return NO_FORMATS;
  if (count === 1) return formatCode(input.uint16()) === 0 ? ALL_TEXT : ALL_BINARY;
  const formats: number[] = [];
  for (let i = 0; i < count; i++) formats.push(formatCode(input.uint16()));
  return formats.every((f) => f === 0) ? ALL_TEXT : formats;
}

function formatCode(code: number): number {
  if (code > 1) throw fail('invalid_parameter_value', `unsupported format code: ${code}`);
  return code;
}

const NO_VALUES: readonly SqlValue[] = [];

/** The parameters' values. @throws 08P01 when their number does not fit the statement. */
export function readParameters(
  input: Input,
  formats: readonly number[],
  types: readonly Oid[],
  statement: string,
  context: EvalContext,
): readonly SqlValue[] {
  const count = input.uint16();
  if (formats.length > 1 && formats.length !== count)
    throw fail('protocol_violation', `bind message has ${formats.length} parameter formats but ${count} parameters`);
  if (count !== types.length)
    throw fail(
      'protocol_violation',
      `bind message supplies ${count} parameters, but prepared statement "${statement}" requires ${types.length}`,
    );
  if (count === 0) return NO_VALUES;
  const values: SqlValue[] = [];
  for (let i = 0; i < count; i++) {
    const length = input.int32();
    if (length === -1) {
      values.push(null);
      continue;
    }
    const start = input.skip(length);
    const format = formats.length === 0 ? 0 : formats.length === 1 ? formats[0]! : formats[i]!;
    values.push(
      format === 0
        ? textValue(input.bytes, start, start + length, types[i]!, context)
        : binaryValue(input.bytes, start, start + length, types[i]!, i),
    );
  }
  return values;
}

function textValue(bytes: Uint8Array, start: number, end: number, type: Oid, context: EvalContext): SqlValue {
  const plain = type === 23 ? readInt4(bytes, start, end) : type === 20 ? readInt8(bytes, start, end) : undefined;
  if (plain !== undefined) return plain;
  const text = decodeClientText(bytes, start, end);
  return type === 25 ? text : typeEntry(type).parse(text, -1, context);
}

function binaryValue(bytes: Uint8Array, start: number, end: number, type: Oid, index: number): SqlValue {
  const entry = typeEntry(type);
  if (entry.receive === undefined)
    throw unsupported(`binary input of type ${entry.displayName} (parameter $${index + 1})`);
  return entry.receive(bytes, start, end, -1);
}
