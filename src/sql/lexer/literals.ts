/** Literals of a statement as values apart from its text: their classes, and what the plan cache's key says of them. */
import { COLON_COLON, EQUALS_GREATER, INTEGER, type Lexer, NUMBER, OPERATOR, PUNCTUATION, STRING } from './lexer.ts';

const SHARED_LIST_MAX = 16;
const MINUS = 45;

export type ScalarClass = 'int4' | 'int8' | 'numeric' | 'string';

export interface ScalarValue {
  readonly kind: 'scalar';
  readonly class: ScalarClass;
  readonly text: string;
  readonly at: number;
}

/** The items of an IN list; a number may carry its minus sign. */
export interface ListValue {
  readonly kind: 'list';
  readonly class: ScalarClass;
  readonly texts: readonly string[];
  readonly offsets: readonly number[];
  readonly at: number;
}

/** The rows of VALUES, row by row; null is NULL. */
export interface RowsValue {
  readonly kind: 'rows';
  readonly classes: readonly ScalarClass[];
  readonly texts: readonly (string | null)[];
  readonly offsets: readonly number[];
  readonly at: number;
}

export type LiteralValue = ScalarValue | ListValue | RowsValue;

/** With a minus sign these two have the next smaller type, so the sign decides the type and the literal stays text. */
export const EDGES = new Set(['2147483648', '9223372036854775808']);

/** Short lists of the same literals share a slot, so that `GROUP BY a IN (1, 2)` finds what it groups. */
export function isSameList(a: LiteralValue, b: ListValue): boolean {
  return (
    a.kind === 'list' &&
    a.class === b.class &&
    b.texts.length <= SHARED_LIST_MAX &&
    a.texts.length === b.texts.length &&
    a.texts.every((text, i) => text === b.texts[i])
  );
}

/** Reads one literal with an optional minus sign; the result stands in the fields until the next call. */
export class LiteralReader {
  readonly #lexer: Lexer;
  /** Null for NULL. */
  class: ScalarClass | null = null;
  text: string | null = null;
  at = 0;
  /** The token behind the literal. */
  next = 0;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
  }

  /** False when no plain literal stands at `token`, or one that a comma or parenthesis does not follow. */
  read(token: number): boolean {
    const lexer = this.#lexer;
    const negative = lexer.kind(token) === OPERATOR && lexer.code(token) === MINUS;
    const at = negative ? token + 1 : token;
    const kind = lexer.kind(at);
    this.at = lexer.start(token);
    this.next = at + 1;
    if (kind === STRING && !negative) {
      this.class = 'string';
      this.text = lexer.value(at);
    } else if (kind === INTEGER || kind === NUMBER) {
      const source = lexer.source(at);
      this.class = kind === INTEGER ? integerClass(source) : 'numeric';
      this.text = negative ? `-${source}` : source;
    } else if (lexer.keyword(at) === 'null' && !negative) {
      this.class = null;
      this.text = null;
    } else return false;
    return (
      lexer.kind(at + 1) === PUNCTUATION && lexer.code(at + 1) !== COLON_COLON && lexer.code(at + 1) !== EQUALS_GREATER
    );
  }
}

/** PostgreSQL's type of an integer constant: int4, else int8, else numeric. */
export function integerClass(source: string): ScalarClass {
  const text = source.length > 9 ? source.replace(/^0+(?=\d)/, '') : source;
  if (text.length < 10 || (text.length === 10 && text <= '2147483647')) return 'int4';
  return text.length < 19 || (text.length === 19 && text <= '9223372036854775807') ? 'int8' : 'numeric';
}

/** The class that holds both, or null when a string meets a number. */
export function commonClass(left: ScalarClass | null, right: ScalarClass): ScalarClass | null {
  if (left === null || left === right) return right;
  if (left === 'string' || right === 'string') return null;
  if (left === 'numeric' || right === 'numeric') return 'numeric';
  return 'int8';
}
