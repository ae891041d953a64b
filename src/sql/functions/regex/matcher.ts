/**
 * Runs a compiled pattern over a text in time linear in its length.
 *
 * `test` runs a deterministic automaton whose states (sets of instructions) are built when first needed and thrown away
 * above a bound. `find` runs the machine itself twice: once for the leftmost match and its longest or shortest end, then
 * from there, between fixed ends, for the groups, where instructions that come first have priority.
 */

import { isPlane0 } from '../../types/text-order.ts';
import { type CharSet, classNamed, contains } from './char-set.ts';
import type { Instruction } from './program.ts';
import type { Assertion } from './syntax.ts';

/** A match: positions are UTF-16 indexes; a group that took no part has −1. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  /** Start and end per group, groups counted from 1: entry 2 × (group − 1). */
  readonly groups: readonly number[];
}

const NEWLINE = 10;

function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (Number.isNaN(code)) return false;
  if (code < 128)
    return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
  return contains(classNamed('word') ?? [], text.codePointAt(at) ?? 0);
}

function holds(what: Assertion, text: string, at: number): boolean {
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
class Threads {
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

/** A state of the deterministic automaton: its instructions, and where each class of code points leads. */
interface DfaState {
  readonly pcs: readonly number[];
  readonly accepting: boolean;
  readonly acceptingAtEnd: boolean;
  readonly next: (DfaState | undefined)[];
}

const DFA_STATES_MAX = 500;

export class Matcher {
  readonly #code: readonly Instruction[];
  readonly #longest: boolean;
  readonly #slots: number;
  /** First code points of the classes that no set tells apart; index = class. */
  readonly #classStarts: readonly number[];
  readonly #asciiClass = new Uint16Array(128);
  /** False when an assertion looks at neighbours, which a state cannot know. */
  readonly #deterministic: boolean;
  /** True when every match begins at the start of the text. */
  readonly #anchored: boolean;
  readonly #current: Threads;
  readonly #following: Threads;
  #states = new Map<string, DfaState>();
  #startState: DfaState | undefined;

  constructor(code: readonly Instruction[], longest: boolean, groups: number) {
    this.#code = code;
    this.#longest = longest;
    this.#slots = groups * 2;
    this.#current = new Threads(code.length);
    this.#following = new Threads(code.length);
    this.#classStarts = classStarts(code);
    for (let code = 0; code < 128; code++) this.#asciiClass[code] = this.#findClass(code);
    this.#deterministic = code.every(
      (instruction) =>
        instruction.op !== 'assert' || instruction.what === 'text-start' || instruction.what === 'text-end',
    );
    const first = code[0];
    this.#anchored = first?.op === 'assert' && first.what === 'text-start';
  }

  #findClass(code: number): number {
    let low = 0;
    let high = this.#classStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#classStarts[middle] ?? 0) <= code) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** True when the text has a match anywhere. */
  test(text: string): boolean {
    if (!this.#deterministic) return this.#span(text, 0) !== undefined;
    let state = (this.#startState ??= this.#closure([0], true));
    const wide = !isPlane0(text);
    for (let at = 0; at < text.length; at++) {
      if (state.accepting) return true;
      if (this.#anchored && state.pcs.length === 0) return false;
      let code = text.charCodeAt(at);
      if (wide && code >= 0xd800 && code < 0xdc00) code = text.codePointAt(at++) ?? code;
      const kind = code < 128 ? (this.#asciiClass[code] ?? 0) : this.#findClass(code);
      state = state.next[kind] ?? this.#step(state, kind, code);
    }
    return state.accepting || state.acceptingAtEnd;
  }

  #step(state: DfaState, kind: number, code: number): DfaState {
    const targets: number[] = [];
    for (const pc of state.pcs) {
      const instruction = this.#code[pc];
      if (instruction?.op === 'set' && contains(instruction.set, code)) targets.push(pc + 1);
    }
    if (!this.#anchored) targets.push(0);
    const next = this.#closure(targets, false);
    state.next[kind] = next;
    return next;
  }

  /** The state of all instructions reachable without eating anything. */
  #closure(targets: readonly number[], atStart: boolean): DfaState {
    const threads = this.#current;
    threads.clear();
    const pending = [...targets].reverse();
    const waiting: number[] = [];
    let accepting = false;
    while (pending.length > 0) {
      const pc = pending.pop() ?? 0;
      if (!threads.enter(pc)) continue;
      const instruction = this.#code[pc];
      if (instruction === undefined) continue;
      if (instruction.op === 'set') threads.push(pc);
      else if (instruction.op === 'match') accepting = true;
      else if (instruction.op === 'jump') pending.push(instruction.to);
      else if (instruction.op === 'split') pending.push(instruction.second, instruction.first);
      else if (
        instruction.op === 'save' ||
        instruction.op === 'reset' ||
        (instruction.what === 'text-start' && atStart)
      )
        pending.push(pc + 1);
      else if (instruction.what === 'text-end') waiting.push(pc + 1);
    }
    const pcs = [...threads.list.subarray(0, threads.size)].sort((a, b) => a - b);
    const acceptingAtEnd = accepting || this.#acceptsEmpty(waiting, atStart);
    const key = `${accepting ? 'a' : ''}${acceptingAtEnd ? 'e' : ''}${pcs.join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= DFA_STATES_MAX) {
      this.#states = new Map();
      this.#startState = undefined;
    }
    const state: DfaState = { pcs, accepting, acceptingAtEnd, next: [] };
    this.#states.set(key, state);
    return state;
  }

  /** True when a match is reached at the end of the text from instructions behind `$`. */
  #acceptsEmpty(from: readonly number[], atStart: boolean): boolean {
    const seen = new Set<number>();
    const pending = [...from];
    while (pending.length > 0) {
      const pc = pending.pop() ?? 0;
      if (seen.has(pc)) continue;
      seen.add(pc);
      const instruction = this.#code[pc];
      if (instruction?.op === 'match') return true;
      if (instruction?.op === 'jump') pending.push(instruction.to);
      else if (instruction?.op === 'split') pending.push(instruction.second, instruction.first);
      else if (instruction?.op === 'save' || instruction?.op === 'reset') pending.push(pc + 1);
      else if (instruction?.op === 'assert' && (instruction.what === 'text-end' || atStart)) pending.push(pc + 1);
    }
    return false;
  }

  /** The leftmost match at or behind `from`, with its groups. */
  find(text: string, from: number): RegexMatch | undefined {
    // The automaton says no far faster than the machine does.
    const span = from === 0 && this.#deterministic && !this.test(text) ? undefined : this.#span(text, from);
    if (span === undefined) return undefined;
    const [start, end] = span;
    return { start, end, groups: this.#slots === 0 ? [] : this.#groups(text, start, end) };
  }

  /** Bounds of the leftmost match. Threads keep where they began; the earliest begin wins, then the preferred end. */
  #span(text: string, from: number): readonly [number, number] | undefined {
    let current = this.#current;
    let following = this.#following;
    let begins = new Int32Array(this.#code.length);
    let nextBegins = new Int32Array(this.#code.length);
    let best: readonly [number, number] | undefined;
    current.clear();
    for (let at = from; ; ) {
      if (best === undefined && (!this.#anchored || at === 0)) this.#spread(current, begins, 0, at, text, at);
      if (current.size === 0 && (best !== undefined || this.#anchored)) break;
      const code = at < text.length ? (text.codePointAt(at) ?? 0) : -1;
      const next = at + (code > 0xffff ? 2 : 1);
      following.clear();
      for (let i = 0; i < current.size; i++) {
        const pc = current.list[i] ?? 0;
        const begin = begins[pc] ?? 0;
        if (best !== undefined && (begin > best[0] || (begin === best[0] && !this.#longest))) continue;
        const instruction = this.#code[pc];
        if (instruction?.op === 'match') best = [begin, at];
        else if (code >= 0 && instruction?.op === 'set' && contains(instruction.set, code)) {
          this.#spread(following, nextBegins, pc + 1, begin, text, next);
        }
      }
      if (code < 0) break;
      [current, following] = [following, current];
      [begins, nextBegins] = [nextBegins, begins];
      at = next;
    }
    return best;
  }

  /** Adds what is reachable from `pc` without eating; matches and sets stay as threads. */
  #spread(threads: Threads, begins: Int32Array, pc: number, begin: number, text: string, at: number): void {
    const pending = [pc];
    while (pending.length > 0) {
      const here = pending.pop() ?? 0;
      if (!threads.enter(here)) continue;
      const instruction = this.#code[here];
      if (instruction === undefined) continue;
      if (instruction.op === 'set' || instruction.op === 'match') {
        begins[here] = begin;
        threads.push(here);
      } else if (instruction.op === 'jump') pending.push(instruction.to);
      else if (instruction.op === 'split') pending.push(instruction.second, instruction.first);
      else if (instruction.op === 'save' || instruction.op === 'reset') pending.push(here + 1);
      else if (holds(instruction.what, text, at)) pending.push(here + 1);
    }
  }

  /** Group bounds of the match [start, end): the threads of highest priority that end there. */
  #groups(text: string, start: number, end: number): readonly number[] {
    let current = this.#current;
    let following = this.#following;
    let slots: (readonly number[])[] = [];
    let nextSlots: (readonly number[])[] = [];
    current.clear();
    this.#spreadSlots(current, slots, 0, new Array<number>(this.#slots).fill(-1), text, start);
    for (let at = start; at < end; ) {
      const code = text.codePointAt(at) ?? 0;
      const next = at + (code > 0xffff ? 2 : 1);
      following.clear();
      for (let i = 0; i < current.size; i++) {
        const pc = current.list[i] ?? 0;
        const instruction = this.#code[pc];
        if (instruction?.op !== 'set' || !contains(instruction.set, code)) continue;
        this.#spreadSlots(following, nextSlots, pc + 1, slots[pc] ?? [], text, next);
      }
      [current, following] = [following, current];
      [slots, nextSlots] = [nextSlots, slots];
      at = next;
    }
    return slots[this.#code.length - 1] ?? [];
  }

  #spreadSlots(
    threads: Threads,
    slots: (readonly number[])[],
    pc: number,
    captured: readonly number[],
    text: string,
    at: number,
  ): void {
    const pending: { readonly pc: number; readonly captured: readonly number[] }[] = [{ pc, captured }];
    for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
      if (!threads.enter(item.pc)) continue;
      const instruction = this.#code[item.pc];
      if (instruction === undefined) continue;
      if (instruction.op === 'set' || instruction.op === 'match') {
        slots[item.pc] = item.captured;
        threads.push(item.pc);
      } else if (instruction.op === 'jump') pending.push({ ...item, pc: instruction.to });
      else if (instruction.op === 'split') {
        pending.push({ ...item, pc: instruction.second }, { ...item, pc: instruction.first });
      } else if (instruction.op === 'save') {
        pending.push({ pc: item.pc + 1, captured: item.captured.with(instruction.slot - 2, at) });
      } else if (instruction.op === 'reset') {
        const { from, to } = instruction;
        const kept = item.captured.map((position, slot) => (slot + 2 >= from && slot + 2 <= to ? -1 : position));
        pending.push({ pc: item.pc + 1, captured: kept });
      } else if (holds(instruction.what, text, at)) pending.push({ ...item, pc: item.pc + 1 });
    }
  }
}

/** Where the classes begin: every bound of every set. */
function classStarts(code: readonly Instruction[]): readonly number[] {
  const starts = new Set([0]);
  for (const instruction of code) {
    if (instruction.op !== 'set') continue;
    const set: CharSet = instruction.set;
    for (let i = 0; i < set.length; i += 2) {
      starts.add(set[i] ?? 0);
      starts.add((set[i + 1] ?? 0) + 1);
    }
  }
  return [...starts].sort((a, b) => a - b);
}
