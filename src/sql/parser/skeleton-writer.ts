/**
 * Writes one skeleton while the cursor walks over a statement, and keeps what its placeholders stand for.
 *
 * Each piece of the skeleton remembers the token it came from, so that a rejection by node-sql-parser, which knows only
 * skeleton offsets, is reported at the user's own token.
 */

import type { Expression, SortItem } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import type { Assignment, AssignmentTarget, FromItem, GroupItem, PlannableStatement, Query } from '../ast/queries.ts';
import type { Cursor } from './cursor.ts';
import { parseSkeleton, type Skeleton, SkeletonError } from './skeleton.ts';

/** The columns that a join merges: USING's list, or NATURAL. */
export interface JoinColumns {
  readonly natural: boolean;
  readonly names: readonly Name[];
  readonly alias: Name | null;
}

/** What a placeholder stands for. */
export type Entry =
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'name'; readonly value: Name }
  | { readonly kind: 'target'; readonly value: AssignmentTarget }
  | { readonly kind: 'assigned'; readonly value: Pick<Assignment, 'targets' | 'multiple' | 'at'> }
  | { readonly kind: 'sort'; readonly value: SortItem }
  | { readonly kind: 'group'; readonly value: GroupItem }
  | { readonly kind: 'table'; readonly value: FromItem }
  | { readonly kind: 'columns'; readonly value: JoinColumns }
  | { readonly kind: 'query'; readonly value: Query }
  | { readonly kind: 'statement'; readonly value: PlannableStatement };

type ValueOf<K extends Entry['kind']> = Extract<Entry, { readonly kind: K; readonly value: unknown }>['value'];

export class SkeletonWriter {
  readonly #cursor: Cursor;
  readonly #entries: Entry[] = [];
  /** Pairs (offset in the skeleton, token). */
  readonly #marks: number[] = [];
  #text = '';

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  get text(): string {
    return this.#text;
  }

  /** Appends fixed text that stands for `token`. */
  emit(text: string, token: number = this.#cursor.at): void {
    this.#marks.push(this.#text.length, token);
    this.#text += text;
  }

  /** Appends a placeholder: `letter` and the entry's number, and for tables the alias that keeps joins apart. */
  place(letter: string, entry: Entry, token: number): void {
    const number = this.#entries.push(entry) - 1;
    this.emit(letter === 't' ? `t${number} AS a${number}` : `${letter}${number}`, token);
  }

  /** As {@link place} for a table where no alias may stand. */
  placeTarget(entry: Entry, token: number): void {
    this.emit(`t${this.#entries.push(entry) - 1}`, token);
  }

  /** Parses the skeleton. @throws syntax_error at the token that the parser stopped at */
  parse<K extends Skeleton['kind']>(kind: K): Extract<Skeleton, { readonly kind: K }> {
    try {
      const skeleton = parseSkeleton(this.#text, this.#entries.length);
      if (isKind(skeleton, kind)) return skeleton;
      throw new SkeletonError('another statement', undefined);
    } catch (error) {
      if (error instanceof SkeletonError) throw this.#cursor.syntaxError(this.#tokenAt(error.offset));
      throw error;
    }
  }

  entry(number: number): Entry {
    return this.#entries[number]!;
  }

  /** What a placeholder of a known kind stands for. @throws syntax_error when it came back in another clause */
  value<K extends Exclude<Entry['kind'], 'nothing'>>(number: number, kind: K): ValueOf<K>;
  value(number: number, kind: Entry['kind']): unknown {
    const entry = this.#entries[number];
    if (entry === undefined || entry.kind !== kind || entry.kind === 'nothing') throw this.#cursor.syntaxError();
    return entry.value;
  }

  /** As {@link value}, null for the number −1. */
  optional<K extends Exclude<Entry['kind'], 'nothing'>>(number: number, kind: K): ValueOf<K> | null;
  optional(number: number, kind: Exclude<Entry['kind'], 'nothing'>): unknown {
    return number < 0 ? null : this.value(number, kind);
  }

  #tokenAt(offset: number | undefined): number {
    const marks = this.#marks;
    if (offset === undefined || offset >= this.#text.length) return this.#cursor.at;
    let token = marks[1] ?? this.#cursor.at;
    for (let i = 0; i < marks.length && marks[i]! <= offset; i += 2) token = marks[i + 1]!;
    return token;
  }
}

function isKind<K extends Skeleton['kind']>(
  skeleton: Skeleton,
  kind: K,
): skeleton is Extract<Skeleton, { readonly kind: K }> {
  return skeleton.kind === kind;
}
