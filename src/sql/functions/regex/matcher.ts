/**
 * Runs a compiled pattern over a text in time linear in its length.
 *
 * `test` runs a deterministic automaton whose states (sets of instructions) are built when first needed and thrown away
 * above a bound. `find` runs the machine itself twice: once for the leftmost match and its longest or shortest end, then
 * from there, between fixed ends, for the groups, where instructions that come first have priority.
 *
 * Each of the three goes through the text by a plain function that can stop at a position and go on later; where it stands is
 * kept in an object: {@link Walk}, {@link SpanSearch}, {@link GroupSearch}. The methods `…InSlices` stop often. Meanwhile the
 * matcher's threads are in use, so one that is used in slices belongs to its one user.
 */

import type { Task } from '../../../base/task.ts';
import type { Pace } from '../../types/contracts.ts';
import { type CharSet, contains } from './char-set.ts';
import type { Instruction } from './program.ts';
import { type GroupSearch, holds, type SpanSearch, Threads } from './threads.ts';

/** A match: positions are UTF-16 indexes; a group that took no part has −1. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  /** Start and end per group, groups counted from 1: entry 2 × (group − 1). */
  readonly groups: readonly number[];
}

/** A state of the deterministic automaton: its instructions, and where each class of code points leads. */
interface DfaState {
  readonly pcs: readonly number[];
  readonly accepting: boolean;
  readonly acceptingAtEnd: boolean;
  readonly next: (DfaState | undefined)[];
}

const DFA_STATES_MAX = 500;

/** Where `test` stands. */
interface Walk {
  at: number;
  state: DfaState;
}

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
    if (!this.#deterministic) {
      const search = this.#spanFrom(0);
      this.#span(search, text, text.length);
      return search.start >= 0;
    }
    return this.#walk(this.#walkFromStart(), text, text.length) ?? false;
  }

  /** As {@link test}, for long texts. */
  *testInSlices(pace: Pace, text: string): Task<boolean> {
    if (!this.#deterministic) return (yield* this.#spanInSlices(pace, text, 0)).start >= 0;
    const walk = this.#walkFromStart();
    for (;;) {
      const answer = this.#walk(walk, text, walk.at + this.#piece(pace));
      if (answer !== undefined) return answer;
      if (pace.isOver()) yield pace.slice();
    }
  }

  /** Characters that are done at a time: a position may run all instructions. */
  #piece(pace: Pace): number {
    return Math.ceil(pace.piece / (1 + this.#code.length / 16));
  }

  #walkFromStart(): Walk {
    return { at: 0, state: (this.#startState ??= this.#closure([0], true)) };
  }

  /** Runs the automaton up to a position or further; undefined when it has no answer there. */
  #walk(walk: Walk, text: string, until: number): boolean | undefined {
    const stop = Math.min(until, text.length);
    let { at, state } = walk;
    for (; at < stop; at++) {
      if (state.accepting) return true;
      if (this.#anchored && state.pcs.length === 0) return false;
      let code = text.charCodeAt(at);
      if (code >= 0xd800 && code < 0xdc00) code = text.codePointAt(at++) ?? code;
      const kind = code < 128 ? (this.#asciiClass[code] ?? 0) : this.#findClass(code);
      state = state.next[kind] ?? this.#step(state, kind, code);
    }
    walk.at = at;
    walk.state = state;
    return at < text.length ? undefined : state.accepting || state.acceptingAtEnd;
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
    if (from === 0 && this.#deterministic && !this.test(text)) return undefined;
    const search = this.#spanFrom(from);
    this.#span(search, text, text.length);
    const { start, end } = search;
    if (start < 0) return undefined;
    if (this.#slots === 0) return { start, end, groups: [] };
    const groups = this.#groupsFrom(text, start, end);
    this.#groups(groups, text, end);
    return { start, end, groups: groups.slots[this.#code.length - 1] ?? [] };
  }

  /** As {@link find}, for long texts. */
  *findInSlices(pace: Pace, text: string, from: number): Task<RegexMatch | undefined> {
    if (from === 0 && this.#deterministic && !(yield* this.testInSlices(pace, text))) return undefined;
    const { start, end } = yield* this.#spanInSlices(pace, text, from);
    if (start < 0) return undefined;
    if (this.#slots === 0) return { start, end, groups: [] };
    const groups = this.#groupsFrom(text, start, end);
    while (!this.#groups(groups, text, groups.at + this.#piece(pace))) if (pace.isOver()) yield pace.slice();
    return { start, end, groups: groups.slots[this.#code.length - 1] ?? [] };
  }

  *#spanInSlices(pace: Pace, text: string, from: number): Task<SpanSearch> {
    const search = this.#spanFrom(from);
    while (!this.#span(search, text, search.at + this.#piece(pace))) if (pace.isOver()) yield pace.slice();
    return search;
  }

  #spanFrom(from: number): SpanSearch {
    this.#current.clear();
    return {
      at: from,
      current: this.#current,
      following: this.#following,
      begins: new Int32Array(this.#code.length),
      nextBegins: new Int32Array(this.#code.length),
      start: -1,
      end: -1,
    };
  }

  /** Searches for the bounds of the leftmost match up to a position or further; true = the search has ended. */
  #span(search: SpanSearch, text: string, until: number): boolean {
    let { at, current, following, begins, nextBegins, start, end } = search;
    let ended = false;
    for (;;) {
      if (start < 0 && (!this.#anchored || at === 0)) this.#spread(current, begins, 0, at, text, at);
      if (current.size === 0 && (start >= 0 || this.#anchored)) {
        ended = true;
        break;
      }
      const code = at < text.length ? (text.codePointAt(at) ?? 0) : -1;
      const next = at + (code > 0xffff ? 2 : 1);
      following.clear();
      for (let i = 0; i < current.size; i++) {
        const pc = current.list[i] ?? 0;
        const begin = begins[pc] ?? 0;
        if (start >= 0 && (begin > start || (begin === start && !this.#longest))) continue;
        const instruction = this.#code[pc];
        if (instruction?.op === 'match') {
          start = begin;
          end = at;
        } else if (code >= 0 && instruction?.op === 'set' && contains(instruction.set, code)) {
          this.#spread(following, nextBegins, pc + 1, begin, text, next);
        }
      }
      if (code < 0) {
        ended = true;
        break;
      }
      [current, following] = [following, current];
      [begins, nextBegins] = [nextBegins, begins];
      at = next;
      // At the text's end one more round is due.
      if (at >= until && at < text.length) break;
    }
    search.at = at;
    search.current = current;
    search.following = following;
    search.begins = begins;
    search.nextBegins = nextBegins;
    search.start = start;
    search.end = end;
    return ended;
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

  /** Begins the search for the group bounds of the match [start, end): the threads of highest priority that end there. */
  #groupsFrom(text: string, start: number, end: number): GroupSearch {
    const current = this.#current;
    const slots: (readonly number[])[] = [];
    current.clear();
    this.#spreadSlots(current, slots, 0, new Array<number>(this.#slots).fill(-1), text, start);
    return { at: start, end, current, following: this.#following, slots, nextSlots: [] };
  }

  /** Goes on up to a position or further; true = the end is reached. */
  #groups(search: GroupSearch, text: string, until: number): boolean {
    const stop = Math.min(until, search.end);
    let { at, current, following, slots, nextSlots } = search;
    while (at < stop) {
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
    search.at = at;
    search.current = current;
    search.following = following;
    search.slots = slots;
    search.nextSlots = nextSlots;
    return at >= search.end;
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
