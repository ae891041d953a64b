/** What a matcher works with: its threads, the assertions they meet, and where a search that was left off stands. */
import { classNamed, contains } from './char-set.ts';
import type { Assertion } from './syntax.ts';

const NEWLINE = 10;

function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (Number.isNaN(code)) return false;
  if (code < 128)
    return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
  return contains(classNamed('word') ?? [], text.codePointAt(at) ?? 0);
}

export function holds(what: Assertion, text: string, at: number): boolean {
  switch (what) {
    case 'text-start':
      return at === 0;
    case 'text-end':
      return at === text.length;
    case 'line-start':
      return at === 0 || text.charCodeAt(at - 1) === NEWLINE;
    case 'line-end':
      return at === text.length || text.charCodeAt(at) === NEWLINE;
    case 'word-start':
      return isWordAt(text, at) && !(at > 0 && isWordAt(text, at - 1));
    case 'word-end':
      return at > 0 && isWordAt(text, at - 1) && !isWordAt(text, at);
    case 'word-edge':
      return isWordAt(text, at) !== (at > 0 && isWordAt(text, at - 1));
    case 'word-inside':
      return isWordAt(text, at) === (at > 0 && isWordAt(text, at - 1));
  }
}

/** Instructions to be run at one position, in order of priority, each at most once. */
export class Threads {
  readonly list: Int32Array;
  readonly #mark: Int32Array;
  #generation = 0;
  size = 0;

  constructor(count: number) {
    this.list = new Int32Array(count);
    this.#mark = new Int32Array(count).fill(-1);
  }

  clear(): void {
    this.size = 0;
    this.#generation++;
  }

  /** False when it was there already. */
  enter(pc: number): boolean {
    if (this.#mark[pc] === this.#generation) return false;
    this.#mark[pc] = this.#generation;
    return true;
  }

  push(pc: number): void {
    this.list[this.size++] = pc;
  }
}

/** Where the search for the bounds of a match stands: threads keep where they began; the earliest begin wins. */
export interface SpanSearch {
  at: number;
  current: Threads;
  following: Threads;
  begins: Int32Array;
  nextBegins: Int32Array;
  /** The best match so far; −1 = none. */
  start: number;
  end: number;
}

/** Where the search for the groups of a match stands. */
export interface GroupSearch {
  at: number;
  readonly end: number;
  current: Threads;
  following: Threads;
  slots: (readonly number[])[];
  nextSlots: (readonly number[])[];
}
