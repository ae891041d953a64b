/**
 * Bound expressions as SQL text, in PostgreSQL's form: every literal with its type, every operator in parentheses, implicit
 * casts shown only where an operand or an argument needs them.
 *
 *   default 'x'                     'x'::text
 *   check (a > 0 and b <> 'y')      ((a > 0) AND (b <> 'y'::text))
 *
 * The catalog keeps expressions of tables in this form: it means the same to every session, whatever its settings, and
 * is what clients expect to be shown. What has no text here is kept as it was written.
 */

import { quoteIdentifier, quoteLiteral } from '../functions/string-functions.ts';
import type { CastExpr, Column, Expr, TypmodExpr } from '../plan/logical.ts';
import type { EvalContext } from '../types/contracts.ts';
import { formatType } from '../types/format-type.ts';
import { BOOL_OID, INT4_OID, NUMERIC_OID, REGCLASS_OID } from '../types/type-oids.ts';
import type { Binding } from './binding.ts';

/** An expression has no text; never leaves this module. */
class Untold extends Error {}

/** The text of an expression over a table's row, or undefined if it has none. */
export function expressionText(b: Binding, expr: Expr, row: readonly Column[]): string | undefined {
  try {
    return new Writer(b, row).write(expr, false);
  } catch (error) {
    if (error instanceof Untold) return undefined;
    throw error;
  }
}

class Writer {
  readonly #b: Binding;
  readonly #names: ReadonlyMap<number, string>;
  readonly #context: EvalContext;

  constructor(b: Binding, row: readonly Column[]) {
    this.#b = b;
    this.#names = new Map(row.map((column) => [column.id, quoteIdentifier(column.name)]));
    // Values are written as any session reads them.
    const { evaluation } = b.context;
    const settings = {
      ...evaluation.settings,
      dateStyle: 'ISO',
      dateOrder: 'MDY',
      intervalStyle: 'postgres',
      extraFloatDigits: 1,
      byteaOutput: 'hex',
    } as const;
    const { transactionMicros, statementMicros, system } = evaluation;
    this.#context = {
      settings,
      transactionMicros,
      statementMicros,
      system,
      clockMicros: () => evaluation.clockMicros(),
      random: () => evaluation.random(),
      setRandomSeed: (seed) => evaluation.setRandomSeed(seed),
    };
  }

  /** @param shows whether an implicit cast on top is written */
  write(expr: Expr, shows: boolean): string {
    if (expr.written !== undefined) return expr.written;
    switch (expr.kind) {
      case 'const':
        return this.#constant(expr);
      case 'column':
        return this.#names.get(expr.id) ?? untold();
      case 'call':
        return this.#call(expr);
      case 'cast':
      case 'typmod':
        return this.#cast(expr, shows);
      case 'and':
      case 'or':
        return `(${this.#all(expr.args, false).join(expr.kind === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `(NOT ${this.write(expr.arg, false)})`;
      case 'test':
        return `(${this.write(expr.arg, true)} IS ${expr.test.toUpperCase()})`;
      case 'distinct': {
        const [left, right] = this.#all([expr.left, expr.right], true);
        return `(${left} IS ${expr.negated ? 'NOT ' : ''}DISTINCT FROM ${right})`;
      }
      case 'case': {
        const branches = expr.branches.map((x) => `WHEN ${this.write(x.when, false)} THEN ${this.write(x.then, true)}`);
        const otherwise = expr.otherwise === undefined ? '' : ` ELSE ${this.write(expr.otherwise, true)}`;
        return `CASE ${branches.join(' ')}${otherwise} END`;
      }
      case 'coalesce':
      case 'greatest':
      case 'least':
        return `${expr.kind.toUpperCase()}(${this.#all(expr.args, true).join(', ')})`;
      case 'nullif':
        return `NULLIF(${this.#all([expr.left, expr.right], true).join(', ')})`;
      case 'anyarray': {
        const [left, array] = this.#all([expr.left, expr.array], true);
        return `(${left} ${expr.operator.name} ${expr.all ? 'ALL' : 'ANY'} (${array}))`;
      }
      case 'array':
        return expr.items.length === 0 ? untold() : `ARRAY[${this.#all(expr.items, true).join(', ')}]`;
      default:
        return untold();
    }
  }

  #all(exprs: readonly Expr[], shows: boolean): string[] {
    return exprs.map((expr) => this.write(expr, shows));
  }

  #call(expr: Extract<Expr, { kind: 'call' }>): string {
    const { fn, operator } = expr;
    const args = this.#all(expr.args, true);
    if (operator !== undefined)
      return args.length === 1 ? `(${operator.name} ${args[0]})` : `(${args[0]} ${operator.name} ${args[1]})`;
    // What VARIADIC has gathered would have to be written with that word.
    if (fn.schema !== 'pg_catalog' || fn.variadic !== 0) return untold();
    return `${quoteIdentifier(fn.name)}(${args.join(', ')})`;
  }

  #cast(expr: CastExpr | TypmodExpr, shows: boolean): string {
    if (!expr.explicit && !shows) return this.write(expr.arg, false);
    // A cast and the length that follows it were one word.
    const inner = expr.kind === 'typmod' && expr.arg.kind === 'cast' ? expr.arg.arg : expr.arg;
    return `(${this.write(inner, false)})::${this.#typeName(expr.type, expr.typmod)}`;
  }

  #constant({ value, type, typmod }: Extract<Expr, { kind: 'const' }>): string {
    if (value === null) return `NULL::${this.#typeName(type, typmod)}`;
    if (type === BOOL_OID) return value === true ? 'true' : 'false';
    if (type === REGCLASS_OID) return `${quoteLiteral(this.#relation(Number(value)))}::regclass`;
    const entry = this.#b.type(type);
    if (entry === undefined) return untold();
    const text = entry.format(value, this.#context);
    // A minus sign would be read as an operator.
    if (type === INT4_OID && !text.startsWith('-')) return text;
    if (type === NUMERIC_OID && /^\d.*[.e]/.test(text)) return text;
    return `${quoteLiteral(text)}::${this.#typeName(type, -1)}`;
  }

  /** With its schema, whatever the search path: who reads it may have another. */
  #relation(oid: number): string {
    const { catalog } = this.#b.context;
    const relation = catalog.object(oid);
    const schema = relation === undefined ? undefined : catalog.object(relation.schema);
    if (relation === undefined || schema === undefined) return untold();
    return `${quoteIdentifier(schema.name)}.${quoteIdentifier(relation.name)}`;
  }

  #typeName(oid: number, typmod: number): string {
    const type = this.#b.type(oid);
    if (type === undefined || type.typeType !== 'b') return untold();
    return formatType(type, typmod, this.#b.type(type.elementOid));
  }
}

function untold(): never {
  throw new Untold();
}
