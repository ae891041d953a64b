/**
 * Names, type names and positions: the leaves that every other part of the tree uses.
 *
 * `at` is everywhere the UTF-16 offset, from 0, of the token in the statement's text that an error would point to.
 * Users are shown code points counted from 1: {@link positionOf} converts, only when an error is really reported.
 * Identifiers are stored as PostgreSQL sees them after folding and cutting; quotes never survive the lexer.
 */

import type { Expression } from './expressions.ts';

/** One identifier. */
export interface Name {
  readonly text: string;
  readonly at: number;
}

/** `[[catalog.]schema.]name` of a relation, type, function, collation or operator class. */
export interface QualifiedName {
  readonly catalog: string | null;
  readonly schema: string | null;
  readonly name: string;
  readonly at: number;
}

/**
 * A type as written. The grammar's own spellings (`integer`, `double precision`, `timestamp with time zone` …) come with
 * schema `pg_catalog` and the internal name (`int4`, `float8`, `timestamptz`); any other name stays as written.
 */
export interface TypeName {
  readonly at: number;
  readonly schema: string | null;
  readonly name: string;
  /** `numeric(10, 2)` has two; `interval second(3)` has one, its precision. */
  readonly modifiers: readonly Expression[];
  /** Number of `[]` after the name. */
  readonly dimensions: number;
  /** `year`, `day to second` …; null when none was written or the type is not interval. */
  readonly intervalFields: string | null;
  readonly setOf: boolean;
}

/** Turns an offset of the tree into PostgreSQL's position: code points from 1. */
export function positionOf(text: string, at: number): number {
  let position = 1;
  for (let i = 0; i < at && i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isPairTail = unit >= 0xdc00 && unit <= 0xdfff && i > 0 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
    if (!isPairTail) position++;
  }
  return position;
}
