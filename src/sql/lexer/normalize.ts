/**
 * The plan cache's view of a statement: a key in which literals are marks, and the literals' values apart.
 *
 *     select * from t where a = 5 and b in ('x', 'y') order by 1
 *     key    select * from t where a = ␀i0; and b in (␀s[1]) order by 1
 *     values [{int4 5}, {list of string: x, y}]
 *
 * A mark names the literal's class and number; equal literals of one class share a number, so `a + 1 … GROUP BY a + 1`
 * stays one expression. NUL cannot occur in SQL text, so no text looks like a mark. White space and comments between
 * tokens are one space. What decides the meaning and not only the value stays text: ordinals in ORDER BY and GROUP BY,
 * type modifiers, typed and cast literals, NULL and booleans, bit strings. Whole lists of literals (`IN`) and whole
 * literal rows (`VALUES`) are one value, so that their length is not part of the key. Only queries and DML are normalised.
 */
import { COLON_COLON, INTEGER, type Lexer, NUMBER, OPERATOR, PUNCTUATION, QUOTED, STRING, WORD } from './lexer.ts';
import {
  commonClass,
  EDGES,
  integerClass,
  isSameList,
  type ListValue,
  LiteralReader,
  type LiteralValue,
  type RowsValue,
  type ScalarClass,
} from './literals.ts';

export interface NormalizedStatement {
  readonly key: string;
  readonly values: readonly LiteralValue[];
  /** Pairs (token, slot) in token order: for lists the opening parenthesis, for rows the word VALUES. */
  readonly slots: readonly number[];
}

const MARK = '\0';
const LETTER: Record<ScalarClass, string> = { int4: 'i', int8: 'l', numeric: 'n', string: 's' };
const COMMA = 44;
const OPEN = 40;
const CLOSE = 41;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const DOT = 46;

/** Statements that the plan cache holds; anything else is planned each time. */
const CACHEABLE = new Set(['select', 'insert', 'update', 'delete', 'with', 'values', 'table']);

/** After these words a string literal is an operand, not the text of a typed literal. */
const BEFORE_OPERAND = new Set(
  `select all distinct where and or not on having then else when case like ilike to escape between symmetric from by limit offset
   in is values returning set using default filter any some array row union except intersect fetch first next as placing for
   similar over partition coalesce greatest least nullif left right substring trim position overlay`.split(/\s+/),
);

/** These end the list that ORDER BY or GROUP BY began. */
const ENDS_BY_LIST = new Set(
  `limit offset fetch for having window union intersect except order group rows range groups where from returning on`.split(
    /\s+/,
  ),
);

/** A bare integer before one of these, in a BY list, is an ordinal. */
const AFTER_ORDINAL = new Set([...ENDS_BY_LIST, 'asc', 'desc', 'nulls', 'using', '']);

/** Words of which a type's name may consist besides one identifier. */
const TYPE_TAIL = new Set(['precision', 'varying', 'with', 'without', 'time', 'zone']);

/**
 * Normalises the statement in tokens [from, to), or answers null when the plan cache does not hold its kind.
 * The lexer keeps the tokens; {@link NormalizedStatement.slots} refers to them.
 */
export function normalize(lexer: Lexer, from: number, to: number): NormalizedStatement | null {
  let first = from;
  while (lexer.code(first) === OPEN && lexer.kind(first) === PUNCTUATION) first++;
  if (first >= to || !CACHEABLE.has(lexer.keyword(first))) return null;
  return new Normalizer(lexer, to).run(from);
}

class Normalizer {
  readonly #lexer: Lexer;
  readonly #to: number;
  readonly #values: LiteralValue[] = [];
  readonly #slots: number[] = [];
  /** Depths, in parentheses and brackets, at which a BY list is open. */
  readonly #lists: number[] = [];
  #shared: Map<string, number> | null = null;
  #depth = 0;
  #key = '';
  /** Source from here on is not yet in the key. */
  #pending = 0;

  constructor(lexer: Lexer, to: number) {
    this.#lexer = lexer;
    this.#to = to;
  }

  run(from: number): NormalizedStatement {
    const lexer = this.#lexer;
    this.#pending = lexer.start(from);
    let end = this.#pending;
    for (let token = from; token < this.#to; ) {
      const start = lexer.start(token);
      // One character between two tokens can only be white space; more may hold a comment.
      if (start - end > 1) this.#flush(end, start, ' ');
      const next = this.#step(token);
      end = lexer.end(next - 1);
      token = next;
    }
    this.#flush(end, end, '');
    return { key: this.#key, values: this.#values, slots: this.#slots };
  }

  #flush(end: number, start: number, instead: string): void {
    this.#key += this.#lexer.text.slice(this.#pending, end) + instead;
    this.#pending = start;
  }

  /** Handles one token, or the tokens that a type or a list takes along; answers the next one. */
  #step(token: number): number {
    const lexer = this.#lexer;
    switch (lexer.kind(token)) {
      case WORD:
        return this.#word(token);
      case PUNCTUATION:
        return this.#punctuation(token);
      case STRING:
        if (!this.#isTyped(token)) this.#literal(token, 'string');
        return token + 1;
      case INTEGER:
        if (!this.#isOrdinal(token) && !this.#isCast(token) && !EDGES.has(lexer.source(token)))
          this.#literal(token, integerClass(lexer.source(token)));
        return token + 1;
      case NUMBER:
        if (!this.#isCast(token)) this.#literal(token, 'numeric');
        return token + 1;
      default:
        return token + 1;
    }
  }

  #punctuation(token: number): number {
    const code = this.#lexer.code(token);
    if (code === OPEN) {
      this.#depth++;
      if (this.#lexer.keyword(token - 1) === 'in') return this.#list(token);
    } else if (code === OPEN_BRACKET) {
      this.#depth++;
    } else if (code === CLOSE || code === CLOSE_BRACKET) {
      this.#depth--;
      while (this.#lists.length > 0 && this.#lists.at(-1)! > this.#depth) this.#lists.pop();
    } else if (code === COLON_COLON) return this.#type(token + 1);
    return token + 1;
  }

  #word(token: number): number {
    const word = this.#lexer.keyword(token);
    if (word === '') return token + 1;
    if (word === 'by') this.#lists.push(this.#depth);
    else if (word === 'on' && this.#lexer.keyword(token - 1) === 'distinct') this.#lists.push(this.#depth + 1);
    else if (word === 'as') return this.#type(token + 1);
    else if (word === 'values') return this.#rows(token);
    else if (word.startsWith('current_') || word.startsWith('local')) return this.#modifiers(token + 1);
    else if (ENDS_BY_LIST.has(word) && this.#lists.at(-1) === this.#depth) this.#lists.pop();
    return token + 1;
  }

  /** Steps over a type's name and its modifiers, which stay text. `as (` and `as materialized (` are no types. */
  #type(token: number): number {
    const lexer = this.#lexer;
    const isName = (at: number) => lexer.kind(at) === WORD || lexer.kind(at) === QUOTED;
    if (!isName(token) || lexer.keyword(token) === 'materialized' || lexer.keyword(token) === 'not') return token;
    let next = token + 1;
    while (lexer.kind(next) === PUNCTUATION && lexer.code(next) === DOT && isName(next + 1)) next += 2;
    while (TYPE_TAIL.has(lexer.keyword(next))) next++;
    return this.#modifiers(next);
  }

  /** Steps over `( literal, … )` if it stands here. */
  #modifiers(token: number): number {
    const lexer = this.#lexer;
    if (lexer.kind(token) !== PUNCTUATION || lexer.code(token) !== OPEN) return token;
    let next = token + 1;
    while (lexer.kind(next) === INTEGER || (lexer.kind(next) === PUNCTUATION && lexer.code(next) === COMMA)) next++;
    return lexer.kind(next) === PUNCTUATION && lexer.code(next) === CLOSE ? next + 1 : token;
  }

  /** `type 'text'`, and what {@link #isCast} says. */
  #isTyped(token: number): boolean {
    const lexer = this.#lexer;
    const before = token - 1;
    if (token > 0) {
      const kind = lexer.kind(before);
      if (kind === QUOTED || (kind === WORD && !BEFORE_OPERAND.has(lexer.keyword(before)))) return true;
      if (kind === PUNCTUATION && lexer.code(before) === CLOSE) return true;
      if (kind === PUNCTUATION && lexer.code(before) === OPEN && lexer.keyword(token - 2) === 'extract') return true;
    }
    return this.#isCast(token);
  }

  /** `literal::type`, `CAST(literal AS type)`. */
  #isCast(token: number): boolean {
    const lexer = this.#lexer;
    if (lexer.kind(token + 1) === PUNCTUATION) return lexer.code(token + 1) === COLON_COLON;
    return lexer.keyword(token + 1) === 'as' && lexer.keyword(token - 2) === 'cast';
  }

  /** An integer that is a whole item of an ORDER BY or GROUP BY list, or of DISTINCT ON. */
  #isOrdinal(token: number): boolean {
    const lexer = this.#lexer;
    let before = token - 1;
    let after = token + 1;
    let depth = this.#depth;
    while (isPunctuation(lexer, before, OPEN) && isPunctuation(lexer, after, CLOSE)) {
      before--;
      after++;
      depth--;
    }
    if (lexer.keyword(before) === 'on' && depth < this.#depth) return true;
    if (this.#lists.at(-1) !== depth) return false;
    const opens = isPunctuation(lexer, before, OPEN) && lexer.keyword(before - 1) === 'on';
    const begins = opens || lexer.keyword(before) === 'by' || isPunctuation(lexer, before, COMMA);
    const kind = lexer.kind(after);
    const ends =
      kind === PUNCTUATION
        ? lexer.code(after) !== COLON_COLON
        : kind !== OPERATOR && AFTER_ORDINAL.has(lexer.keyword(after));
    return begins && ends;
  }

  #literal(token: number, kind: ScalarClass): void {
    const lexer = this.#lexer;
    const at = lexer.start(token);
    const text = lexer.value(token);
    let slot = this.#find(kind, text);
    if (slot < 0) {
      slot = this.#values.length;
      this.#values.push({ kind: 'scalar', class: kind, text, at });
      this.#shared?.set(LETTER[kind] + text, slot);
    }
    this.#slots.push(token, slot);
    this.#flush(at, lexer.end(token), `${MARK}${LETTER[kind]}${slot};`);
  }

  /** The slot of an equal literal; beyond a few literals through a map. */
  #find(kind: ScalarClass, text: string): number {
    const values = this.#values;
    if (this.#shared !== null) return this.#shared.get(LETTER[kind] + text) ?? -1;
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot]!;
      if (value.kind === 'scalar' && value.class === kind && value.text === text) return slot;
    }
    if (values.length >= 8) {
      this.#shared = new Map();
      values.forEach((value, slot) => {
        if (value.kind === 'scalar') this.#shared!.set(LETTER[value.class] + value.text, slot);
      });
    }
    return -1;
  }

  /** An IN list of two or more literals that fit one class; `token` is its parenthesis. */
  #list(token: number): number {
    const reader = new LiteralReader(this.#lexer);
    const texts: string[] = [];
    const offsets: number[] = [];
    let kind: ScalarClass | null = null;
    let next = token + 1;
    do {
      if (!reader.read(next) || reader.class === null || reader.text === null) return token + 1;
      kind = commonClass(kind, reader.class);
      if (kind === null) return token + 1;
      texts.push(reader.text);
      offsets.push(reader.at);
      next = reader.next + 1;
    } while (isPunctuation(this.#lexer, reader.next, COMMA));
    if (texts.length < 2 || !isPunctuation(this.#lexer, next - 1, CLOSE)) return token + 1;
    this.#depth--;
    this.#replace(
      token,
      next,
      { kind: 'list', class: kind, texts, offsets, at: this.#lexer.start(token) },
      LETTER[kind],
    );
    return next;
  }

  /** Two or more rows of literals after VALUES; `token` is the word. */
  #rows(token: number): number {
    const lexer = this.#lexer;
    const reader = new LiteralReader(lexer);
    const texts: (string | null)[] = [];
    const offsets: number[] = [];
    const classes: (ScalarClass | null)[] = [];
    let width = -1;
    let next = token + 1;
    let rows = 0;
    for (; ; rows++) {
      if (!isPunctuation(lexer, next, OPEN)) return token + 1;
      let column = 0;
      do {
        if (!reader.read(next + 1)) return token + 1;
        const common =
          reader.class === null ? (classes[column] ?? null) : commonClass(classes[column] ?? null, reader.class);
        if (common === null && reader.class !== null) return token + 1;
        classes[column++] = common;
        texts.push(reader.text);
        offsets.push(reader.at);
        next = reader.next;
      } while (isPunctuation(lexer, next, COMMA));
      if (!isPunctuation(lexer, next, CLOSE) || (width >= 0 && column !== width)) return token + 1;
      width = column;
      next++;
      if (!isPunctuation(lexer, next, COMMA)) break;
      next++;
    }
    if (rows === 0 || (next < this.#to && !this.#endsRows(next))) return token + 1;
    // A column of NULLs alone has no class of its own; its values are unknown literals, as strings are.
    const settled = classes.map((kind) => kind ?? 'string');
    const letters = settled.map((kind) => LETTER[kind]).join('');
    this.#replace(
      token,
      next,
      { kind: 'rows', classes: settled, texts, offsets, at: lexer.start(token) },
      `values ${letters}`,
    );
    return next;
  }

  #endsRows(token: number): boolean {
    const word = this.#lexer.keyword(token);
    return isPunctuation(this.#lexer, token, CLOSE) || word === 'on' || word === 'returning';
  }

  #replace(token: number, next: number, value: ListValue | RowsValue, mark: string): void {
    let slot = value.kind === 'list' ? this.#values.findIndex((known) => isSameList(known, value)) : -1;
    if (slot < 0) slot = this.#values.push(value) - 1;
    this.#slots.push(token, slot);
    this.#flush(this.#lexer.start(token), this.#lexer.end(next - 1), `${MARK}${mark}[${slot}]`);
  }
}

function isPunctuation(lexer: Lexer, token: number, code: number): boolean {
  return lexer.kind(token) === PUNCTUATION && lexer.code(token) === code;
}
