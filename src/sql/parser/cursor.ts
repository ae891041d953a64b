/**
 * The parser's place in the token stream, and the small reads that every part of the grammar is made of.
 *
 * Parsing functions take a cursor and leave it behind what they read. They never look at characters: tokens come from the
 * lexer, keywords as lower-case strings. Errors are PostgreSQL's: `syntax error at or near "x"`, `… at end of input`.
 *
 * The cursor also hands out the slots that the normaliser gave to literals, and remembers which of them ended up in literal
 * nodes: when one did not (a grammar rule read it as text), the statement must not share a cached plan.
 */

import { type ExtentError, fail } from '../../base/errors.ts';
import { type Name, positionOf, type QualifiedName } from '../ast/names.ts';
import {
  BARE_LABEL,
  CLASS_COLUMN_NAME,
  CLASS_NONE,
  CLASS_RESERVED,
  CLASS_TYPE_OR_FUNCTION,
  KEYWORD_CLASS,
} from '../lexer/keywords.ts';
import { END, INTEGER, type Lexer, OPERATOR, PARAMETER, PUNCTUATION, QUOTED, STRING, WORD } from '../lexer/lexer.ts';

/** Nesting beyond this is refused with 54001 before the JavaScript stack is at risk. */
const DEPTH_LIMIT = 500;

export const COMMA = 44;
export const OPEN = 40;
export const CLOSE = 41;
export const OPEN_BRACKET = 91;
export const CLOSE_BRACKET = 93;
export const DOT = 46;
export const COLON = 58;
const STAR = 42;
const EQUALS = 61;

export class Cursor {
  readonly lexer: Lexer;
  /** The current token. */
  at: number;
  /** The first token behind the statement. */
  readonly to: number;
  /** The largest `$n` seen. */
  parameters = 0;
  readonly #slots: ReadonlyMap<number, number>;
  readonly #honoured = new Set<number>();
  #depth = 0;

  constructor(lexer: Lexer, from: number, to: number, slots: readonly number[]) {
    this.lexer = lexer;
    this.at = from;
    this.to = to;
    const map = new Map<number, number>();
    for (let i = 0; i < slots.length; i += 2) map.set(slots[i]!, slots[i + 1]!);
    this.#slots = map;
  }

  /** The slot of the literal, list or VALUES that starts at a token, or −1; asking says that the tree will carry it. */
  takeSlot(token: number): number {
    const slot = this.#slots.get(token);
    if (slot === undefined) return -1;
    this.#honoured.add(token);
    return slot;
  }

  /** True when every slot is in the tree. */
  get slotsHonoured(): boolean {
    return this.#honoured.size === this.#slots.size;
  }

  /** Runs a nested parse one level deeper. @throws statement_too_complex */
  nested<T>(parse: () => T): T {
    if (++this.#depth > DEPTH_LIMIT) {
      throw fail('statement_too_complex', 'stack depth limit exceeded', {
        hint: `Statements may nest ${DEPTH_LIMIT} levels deep.`,
        position: this.position(this.at),
      });
    }
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }

  // ── looking ────────────────────────────────────────────────────────────────────────────────────────────────────────

  kind(ahead = 0): number {
    const token = this.at + ahead;
    return token < this.to ? this.lexer.kind(token) : END;
  }

  /** The keyword at the cursor or `ahead` tokens on, or ''. */
  word(ahead = 0): string {
    const token = this.at + ahead;
    return token < this.to ? this.lexer.keyword(token) : '';
  }

  is(word: string): boolean {
    return this.word() === word;
  }

  /** Do these keywords stand here one after the other? */
  are(...words: readonly string[]): boolean {
    return words.every((word, i) => this.word(i) === word);
  }

  /** An unquoted word that need not be a keyword of PostgreSQL's, such as `reorganize`. */
  isBareWord(text: string, ahead = 0): boolean {
    return this.kind(ahead) === WORD && this.lexer.name(this.at + ahead) === text;
  }

  isPunctuation(code: number, ahead = 0): boolean {
    return this.kind(ahead) === PUNCTUATION && this.lexer.code(this.at + ahead) === code;
  }

  isOperator(code: number, ahead = 0): boolean {
    return this.kind(ahead) === OPERATOR && this.lexer.code(this.at + ahead) === code;
  }

  get isStar(): boolean {
    return this.isOperator(STAR);
  }

  get atEnd(): boolean {
    return this.at >= this.to;
  }

  /** Offset of the current token in the text; behind the last token at the end. */
  get offset(): number {
    return this.lexer.start(this.at);
  }

  /** Offset behind the token before the cursor. */
  get previousEnd(): number {
    return this.at > 0 ? this.lexer.end(this.at - 1) : 0;
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Steps over the keyword if it stands here. */
  accept(word: string): boolean {
    if (this.word() !== word) return false;
    this.at++;
    return true;
  }

  /** Steps over all the keywords if all stand here. */
  acceptAll(...words: readonly string[]): boolean {
    if (!this.are(...words)) return false;
    this.at += words.length;
    return true;
  }

  acceptBareWord(text: string): boolean {
    if (!this.isBareWord(text)) return false;
    this.at++;
    return true;
  }

  acceptPunctuation(code: number): boolean {
    if (!this.isPunctuation(code)) return false;
    this.at++;
    return true;
  }

  acceptEquals(): boolean {
    if (!this.isOperator(EQUALS)) return false;
    this.at++;
    return true;
  }

  /** Steps over one of these keywords and tells which. */
  oneOf<W extends string>(...words: readonly W[]): W {
    const found = words.find((word) => this.word() === word);
    if (found === undefined) throw this.syntaxError();
    this.at++;
    return found;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.accept(word)) throw this.syntaxError();
  }

  expectPunctuation(code: number): void {
    if (!this.acceptPunctuation(code)) throw this.syntaxError();
  }

  expectEquals(): void {
    if (!this.acceptEquals()) throw this.syntaxError();
  }

  expectEnd(): void {
    if (!this.atEnd) throw this.syntaxError();
  }

  /** Items separated by commas, one at least. */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.acceptPunctuation(COMMA)) items.push(item());
    return items;
  }

  /** `( item, … )`, one item at least. */
  parenthesized<T>(item: () => T): T[] {
    this.expectPunctuation(OPEN);
    const items = this.list(item);
    this.expectPunctuation(CLOSE);
    return items;
  }

  /** The value of a string constant. */
  string(): string {
    if (this.kind() !== STRING) throw this.syntaxError();
    return this.lexer.value(this.at++);
  }

  /** An integer constant that fits int4, with an optional sign. */
  signedInteger(): number {
    const negative = this.isOperator(45);
    if (negative || this.isOperator(43)) this.at++;
    const value = this.integer();
    return negative ? -value : value;
  }

  /** An unsigned integer constant that fits int4. */
  integer(): number {
    if (this.kind() !== INTEGER) throw this.syntaxError();
    const value = Number(this.lexer.source(this.at));
    if (value > 0x7fffffff) throw this.syntaxError();
    this.at++;
    return value;
  }

  parameter(): number {
    const number = this.lexer.code(this.at++);
    if (number > this.parameters) this.parameters = number;
    return number;
  }

  // ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** May the token name a column or table (PostgreSQL's ColId)? */
  isColumnName(ahead = 0): boolean {
    const kind = this.kind(ahead);
    if (kind === QUOTED) return true;
    if (kind !== WORD) return false;
    const group = KEYWORD_CLASS[this.lexer.code(this.at + ahead)]!;
    return group <= CLASS_COLUMN_NAME;
  }

  /** May the token name a function or type? */
  isFunctionName(ahead = 0): boolean {
    const kind = this.kind(ahead);
    if (kind === QUOTED) return true;
    if (kind !== WORD) return false;
    const group = KEYWORD_CLASS[this.lexer.code(this.at + ahead)]!;
    return group !== CLASS_COLUMN_NAME && group !== CLASS_RESERVED;
  }

  /** Is the token an identifier or a keyword of any class (PostgreSQL's ColLabel)? */
  isLabel(ahead = 0): boolean {
    const kind = this.kind(ahead);
    return kind === QUOTED || kind === WORD;
  }

  /** May the token be a column's label without AS? */
  isBareLabel(): boolean {
    const kind = this.kind();
    return kind === QUOTED || (kind === WORD && BARE_LABEL[this.lexer.code(this.at)] === 1);
  }

  /** True for identifiers that are no keyword at all. */
  isPlainIdentifier(ahead = 0): boolean {
    const kind = this.kind(ahead);
    return kind === QUOTED || (kind === WORD && KEYWORD_CLASS[this.lexer.code(this.at + ahead)] === CLASS_NONE);
  }

  name(): Name {
    if (!this.isColumnName()) throw this.syntaxError();
    return this.#take();
  }

  label(): Name {
    if (!this.isLabel()) throw this.syntaxError();
    return this.#take();
  }

  /** A role: an identifier, but also the reserved words that PostgreSQL allows there. */
  role(): Name {
    if (this.word() === 'current_user' || this.word() === 'session_user' || this.word() === 'current_role')
      return this.#take();
    return this.nonReserved();
  }

  /** Any word but a reserved one (PostgreSQL's NonReservedWord). */
  nonReserved(): Name {
    if (!this.isColumnName() && !this.isTypeOrFunctionKeyword()) throw this.syntaxError();
    return this.#take();
  }

  isTypeOrFunctionKeyword(ahead = 0): boolean {
    return this.kind(ahead) === WORD && KEYWORD_CLASS[this.lexer.code(this.at + ahead)] === CLASS_TYPE_OR_FUNCTION;
  }

  /** `name[.name[.name]]` where the first part is a ColId and the others are labels. */
  qualifiedName(): QualifiedName {
    return this.#qualify(this.name());
  }

  /** A function's, type's or collation's name: the first part may also be a type-or-function keyword. */
  functionName(): QualifiedName {
    if (!this.isFunctionName() && !(this.isColumnName() && this.isPunctuation(DOT, 1))) throw this.syntaxError();
    return this.#qualify(this.#take());
  }

  #qualify(first: Name): QualifiedName {
    const parts = [first.text];
    while (this.isPunctuation(DOT) && this.isLabel(1)) {
      this.at++;
      parts.push(this.#take().text);
    }
    if (parts.length > 3) {
      throw fail('syntax_error', `improper qualified name (too many dotted names): ${parts.join('.')}`, {
        position: positionOf(this.lexer.text, first.at),
      });
    }
    return { name: parts.at(-1)!, schema: parts.at(-2) ?? null, catalog: parts.at(-3) ?? null, at: first.at };
  }

  /** `OPERATOR(schema.op)` or any operator; the current token must be one of them. */
  operatorName(): { schema: string | null; name: string } {
    if (this.kind() === OPERATOR) return { schema: null, name: operatorText(this.lexer.source(this.at++)) };
    this.expect('operator');
    this.expectPunctuation(OPEN);
    let schema: string | null = null;
    while (this.isColumnName()) {
      schema = this.name().text;
      this.expectPunctuation(DOT);
    }
    if (this.kind() !== OPERATOR) throw this.syntaxError();
    const name = operatorText(this.lexer.source(this.at++));
    this.expectPunctuation(CLOSE);
    return { schema, name };
  }

  #take(): Name {
    const token = this.at++;
    return { text: this.lexer.name(token), at: this.lexer.start(token) };
  }

  // ── errors and text ────────────────────────────────────────────────────────────────────────────────────────────────

  /** PostgreSQL's error at the current token, or at another one. */
  syntaxError(token: number = this.at): ExtentError {
    if (token >= this.to) {
      return fail('syntax_error', 'syntax error at end of input', { position: this.position(this.to) });
    }
    return fail('syntax_error', `syntax error at or near "${this.lexer.source(token)}"`, {
      position: this.position(token),
    });
  }

  /** An error of another text at a token. */
  errorAt(message: string, token: number): ExtentError {
    return fail('syntax_error', message, { position: this.position(token) });
  }

  position(token: number): number {
    return positionOf(this.lexer.text, this.lexer.start(token));
  }

  /** The source between the start of a token and the end of the token before the cursor. */
  textSince(token: number): string {
    return this.at > token ? this.lexer.text.slice(this.lexer.start(token), this.previousEnd) : '';
  }

  /** The token behind the parenthesis that closes the one at `token`. */
  behindParenthesis(token: number): number {
    let depth = 0;
    for (let at = token; at < this.to; at++) {
      if (this.lexer.kind(at) !== PUNCTUATION) continue;
      const code = this.lexer.code(at);
      if (code === OPEN) depth++;
      else if (code === CLOSE && --depth === 0) return at + 1;
    }
    return this.to;
  }

  /** True at `$n`. */
  get isParameter(): boolean {
    return this.kind() === PARAMETER;
  }
}

/** PostgreSQL reads `!=` as `<>`. */
export function operatorText(source: string): string {
  return source === '!=' ? '<>' : source;
}
