/**
 * What functions on text do to a long one, in slices: a piece at a time, looking at the pace between two of them.
 *
 *   text   ┌─────────┬─────────┬─────────┬──┐     a piece is about `pace.piece` units; none cuts a surrogate pair
 *          └─────────┴─────────┴─────────┴──┘
 *
 * What a piece becomes is appended to a rope. JavaScript makes one string of a rope, or of what was read, in a step that cannot
 * be cut: a copy in memory, about half a millisecond for each MB.
 */
import type { Task } from '../../base/task.ts';
import type { Pace } from '../types/contracts.ts';
import { codePointLength, indexOfCodePoint } from '../types/text-order.ts';

/** The end of the piece that begins at `from`: it cuts no surrogate pair. */
function pieceEnd(text: string, from: number, piece: number): number {
  const end = from + piece;
  if (end >= text.length) return text.length;
  const unit = text.charCodeAt(end);
  return unit >= 0xdc00 && unit < 0xe000 ? end + 1 : end;
}

/** Calls `take` for the pieces of a text from its beginning to its end. */
export function* eachPiece(pace: Pace, text: string, take: (piece: string) => void): Task<void> {
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at, pace.piece);
    take(text.slice(at, end));
    at = end;
    if (pace.isOver()) yield pace.slice();
  }
}

/** A text of what each piece becomes by itself. */
export function* mapPieces(pace: Pace, text: string, map: (piece: string) => string): Task<string> {
  let result = '';
  yield* eachPiece(pace, text, (piece) => {
    result += map(piece);
  });
  return result;
}

/** A sum over the pieces. */
export function* sumPieces(pace: Pace, text: string, measure: (piece: string) => number): Task<number> {
  let sum = 0;
  yield* eachPiece(pace, text, (piece) => {
    sum += measure(piece);
  });
  return sum;
}

export function codePointsInSlices(pace: Pace, text: string): Task<number> {
  return sumPieces(pace, text, codePointLength);
}

/** UTF-16 index of the code point number `count`, from 0, or the text's end. */
export function* indexInSlices(pace: Pace, text: string, count: number): Task<number> {
  let left = count;
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at, pace.piece);
    const points = codePointLength(text.slice(at, end));
    if (left < points) return indexOfCodePoint(text, at, left);
    left -= points;
    at = end;
    if (pace.isOver()) yield pace.slice();
  }
  return text.length;
}

/** Code points from `start`, 0-based, to before `end`. */
export function* sliceInSlices(pace: Pace, text: string, start: number, end: number): Task<string> {
  const from = yield* indexInSlices(pace, text, start);
  if (end >= text.length) return text.slice(from);
  return text.slice(from, yield* indexInSlices(pace, text, end));
}

/**
 * Cuts a text at a delimiter, which is not empty, as `split` does; calls `take` with parts in their order, several at a time,
 * until it answers true: enough.
 */
export function* splitInSlices(
  pace: Pace,
  text: string,
  delimiter: string,
  take: (parts: string[]) => boolean,
): Task<void> {
  // What lies before `at` behind the last delimiter found.
  let begun = '';
  for (let at = 0; at < text.length; ) {
    const end = Math.min(at + pace.piece, text.length);
    // A delimiter that begins before `end` ends in here; one that begins later does not.
    const window = text.slice(at, end + delimiter.length - 1);
    const parts = window.split(delimiter);
    const rest = parts.pop() ?? '';
    const restAt = at + window.length - rest.length;
    const next = Math.max(restAt, end);
    if (parts.length > 0) {
      parts[0] = begun + (parts[0] ?? '');
      begun = '';
      if (take(parts)) return;
    }
    begun += text.slice(restAt, next);
    at = next;
    if (pace.isOver()) yield pace.slice();
  }
  take([begun]);
}

/** UTF-16 index of the first place of a part, or −1. */
export function* findInSlices(pace: Pace, text: string, part: string): Task<number> {
  for (let at = 0; at + part.length <= text.length; at += pace.piece) {
    const found = text.slice(at, at + pace.piece + part.length - 1).indexOf(part);
    if (found >= 0) return at + found;
    if (pace.isOver()) yield pace.slice();
  }
  return -1;
}
