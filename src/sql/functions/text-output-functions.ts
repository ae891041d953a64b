/**
 * Functions that print values of any type: concat, format, array_to_string, `||` with text, quote_literal.
 *
 * Their implementation is chosen per call, when the types of the arguments are known.
 */

import { fail } from '../../base/errors.ts';
import type { PgArray } from '../types/array.ts';
import type { CallTypes, EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import { formatType } from '../types/format-type.ts';
import { codePointLength } from '../types/text-order.ts';
import { BOOL_OID, RECORD_OID, TEXT_OID } from '../types/type-oids.ts';
import type { TypeTable } from '../types/type-table.ts';
import type { NonNullValue } from '../types/value-bytes.ts';
import { type ContextFunction, contextual, type Definition } from './definition.ts';
import { quoteIdentifier, quoteLiteral } from './string-functions.ts';

type Print = (value: NonNullValue, context: EvalContext) => string;

/** Printers of a call's arguments. Row types of tables print as records. */
function printers(types: TypeTable, args: readonly Oid[]): readonly Print[] {
  return args.map((oid): Print => {
    if (oid === TEXT_OID) return (value) => String(value);
    const entry = types.byOid(oid) ?? types.byOid(RECORD_OID);
    return (value, context) => entry?.format(value, context) ?? '';
  });
}

/** Prints one non-null value of a type as text's cast does, which says true and false. */
function castPrinter(types: TypeTable, oid: Oid): Print {
  if (oid === BOOL_OID) return (value) => (value === true ? 'true' : 'false');
  return printers(types, [oid])[0] ?? ((value) => String(value));
}

/** Texts of arguments from `first` on, without nulls; a VARIADIC array argument gives its elements. */
function texts(print: readonly Print[], context: EvalContext, args: readonly SqlValue[], first: number): string[] {
  const result: string[] = [];
  args.forEach((value, i) => {
    if (i >= first && value !== null) result.push(print[i]?.(value, context) ?? '');
  });
  return result;
}

function concat(types: TypeTable): (call: CallTypes) => ContextFunction {
  return (call) => {
    const print = printers(types, call.args);
    return (context, ...args: SqlValue[]) => texts(print, context, args, 0).join('');
  };
}

function concatWithSeparator(types: TypeTable): (call: CallTypes) => ContextFunction {
  return (call) => {
    const print = printers(types, call.args);
    return (context, separator: string | null, ...rest: SqlValue[]) =>
      separator === null ? null : texts(print, context, [separator, ...rest], 1).join(separator);
  };
}

const SPECIFIER = /%(?:(%)|(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?([a-zA-Z])?)/g;

/** `format`: %s, %I, %L and %% with argument positions, `-` and widths. */
class Formatter {
  readonly #print: readonly Print[];
  readonly #context: EvalContext;
  readonly #args: readonly SqlValue[];
  #next = 0;

  constructor(print: readonly Print[], context: EvalContext, args: readonly SqlValue[]) {
    this.#print = print;
    this.#context = context;
    this.#args = args;
  }

  run(template: string): string {
    return template.replace(SPECIFIER, (whole, percent, position, minus, width, widthAt, letter) => {
      if (percent !== undefined) return '%';
      if (letter === undefined) {
        throw fail('invalid_parameter_value', 'unterminated format() type specifier', {
          hint: 'For a single "%" use "%%".',
        });
      }
      const wanted = whole.includes('*') ? this.#width(widthAt) : Number(width ?? 0);
      const text = this.#value(position, letter);
      const blanks = ' '.repeat(Math.max(0, Math.abs(wanted) - codePointLength(text)));
      return minus !== undefined || wanted < 0 ? text + blanks : blanks + text;
    });
  }

  #take(position: string | undefined): number {
    const index = position === undefined ? this.#next : Number(position) - 1;
    if (index < 0) {
      throw fail('invalid_parameter_value', 'format specifies argument 0, but arguments are numbered from 1');
    }
    if (index >= this.#args.length) throw fail('invalid_parameter_value', 'too few arguments for format()');
    this.#next = index + 1;
    return index;
  }

  #width(position: string | undefined): number {
    const value = this.#args[this.#take(position)] ?? null;
    return value === null ? 0 : Number(value);
  }

  #value(position: string | undefined, letter: string): string {
    const index = this.#take(position);
    const value = this.#args[index] ?? null;
    const text = value === null ? null : (this.#print[index + 1]?.(value, this.#context) ?? '');
    if (letter === 's') return text ?? '';
    if (letter === 'L') return text === null ? 'NULL' : quoteLiteral(text);
    if (letter !== 'I') {
      throw fail('invalid_parameter_value', `unrecognized format() type specifier "${letter}"`, {
        hint: 'For a single "%" use "%%".',
      });
    }
    if (text === null) {
      throw fail('null_value_not_allowed', 'null values cannot be formatted as an SQL identifier');
    }
    return quoteIdentifier(text);
  }
}

function format(types: TypeTable): (call: CallTypes) => ContextFunction {
  return (call) => {
    const print = printers(types, call.args);
    return (context, template: string | null, ...args: SqlValue[]) =>
      template === null ? null : new Formatter(print, context, args).run(template);
  };
}

function arrayToString(types: TypeTable): (call: CallTypes) => ContextFunction {
  return () =>
    (context, array: PgArray | null, delimiter: string | null, nullText: string | null = null) => {
      if (array === null || delimiter === null) return null;
      const [print] = printers(types, [array.elementType]);
      const parts: string[] = [];
      for (const value of array.values) {
        if (value !== null) parts.push(print?.(value, context) ?? '');
        else if (nullText !== null) parts.push(nullText);
      }
      return parts.join(delimiter);
    };
}

function formatTypeFunction(types: TypeTable): ContextFunction {
  return (context, oid: number | null, typmod: number | null) => {
    if (oid === null) return null;
    if (oid === 0) return '-';
    const entry = types.byOid(oid);
    if (entry === undefined) return context.system.typeName(oid) ?? '???';
    return formatType(entry, typmod ?? undefined, types.byOid(entry.elementOid));
  };
}

/** The definitions over the output functions of `types`. */
export function textOutputFunctions(types: TypeTable): readonly Definition[] {
  const specialized = (signature: string, specialize: (call: CallTypes) => ContextFunction): Definition => ({
    signature,
    specialize,
  });
  return [
    specialized('concat(any)', concat(types)),
    specialized('concat_ws(text,any)', concatWithSeparator(types)),
    specialized('format(text)', format(types)),
    specialized('format(text,any)', format(types)),
    specialized('array_to_string(anyarray,text)', arrayToString(types)),
    specialized('array_to_string(anyarray,text,text)', arrayToString(types)),
    specialized('textanycat(text,anynonarray)', (call) => {
      const print = castPrinter(types, call.args[1] ?? TEXT_OID);
      return (context, text: string, value: NonNullValue) => text + print(value, context);
    }),
    specialized('anytextcat(anynonarray,text)', (call) => {
      const print = castPrinter(types, call.args[0] ?? TEXT_OID);
      return (context, value: NonNullValue, text: string) => print(value, context) + text;
    }),
    specialized('quote_literal(anyelement)', (call) => {
      const print = castPrinter(types, call.args[0] ?? TEXT_OID);
      return (context, value: NonNullValue) => quoteLiteral(print(value, context));
    }),
    specialized('quote_nullable(anyelement)', (call) => {
      const print = castPrinter(types, call.args[0] ?? TEXT_OID);
      return (context, value: SqlValue) => (value === null ? 'NULL' : quoteLiteral(print(value, context)));
    }),
    contextual('format_type(oid,int4)', formatTypeFunction(types)),
  ];
}
