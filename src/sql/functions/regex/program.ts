/**
 * Compiles a syntax tree into instructions of a non-deterministic machine.
 *
 *   SET s      eats one code point of set s          SAVE n     notes the position in slot n
 *   SPLIT a b  goes on at a, or else at b            ASSERT w   goes on where w holds
 *   JUMP a     goes on at a                          RESET a b  forgets slots a … b, which a new round may not fill
 *                                                    MATCH      is a match
 */

import type { CharSet } from './char-set.ts';
import { invalidRegex } from './parser.ts';
import type { Assertion, Node } from './syntax.ts';

export type Instruction =
  | { readonly op: 'set'; readonly set: CharSet }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'reset'; readonly from: number; readonly to: number }
  | { readonly op: 'assert'; readonly what: Assertion }
  | { readonly op: 'match' };

/** Matching costs at most this many steps per character. */
const INSTRUCTIONS_MAX = 20_000;

class Compiler {
  readonly code: Instruction[] = [];

  #emit<T extends Instruction>(instruction: T): T {
    if (this.code.length >= INSTRUCTIONS_MAX) throw invalidRegex('regular expression is too complex');
    this.code.push(instruction);
    return instruction;
  }

  compile(node: Node): void {
    switch (node.kind) {
      case 'empty':
        return;
      case 'set':
        this.#emit({ op: 'set', set: node.set });
        return;
      case 'assert':
        this.#emit({ op: 'assert', what: node.what });
        return;
      case 'cat':
        for (const item of node.items) this.compile(item);
        return;
      case 'alt':
        this.#alternatives(node.items);
        return;
      case 'group':
        this.#emit({ op: 'save', slot: node.index * 2 });
        this.compile(node.item);
        this.#emit({ op: 'save', slot: node.index * 2 + 1 });
        return;
      case 'repeat':
        this.#repeat(node.item, node.min, node.max, node.greedy);
    }
  }

  #alternatives(items: readonly Node[]): void {
    const ends: { to: number }[] = [];
    items.forEach((item, i) => {
      if (i === items.length - 1) {
        this.compile(item);
        return;
      }
      const split = this.#emit({ op: 'split', first: this.code.length + 1, second: 0 });
      this.compile(item);
      ends.push(this.#emit({ op: 'jump', to: 0 }));
      split.second = this.code.length;
    });
    for (const jump of ends) jump.to = this.code.length;
  }

  /** One round of a repetition. */
  #round(item: Node): void {
    const bounds = groupBounds(item);
    if (bounds !== undefined) this.#emit({ op: 'reset', from: bounds[0] * 2, to: bounds[1] * 2 + 1 });
    this.compile(item);
  }

  #repeat(item: Node, min: number, max: number, greedy: boolean): void {
    for (let i = 0; i < min; i++) this.#round(item);
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.code.length;
      const split = this.#emit({ op: 'split', first: 0, second: 0 });
      this.#round(item);
      this.#emit({ op: 'jump', to: loop });
      this.#aim(split, loop + 1, this.code.length, greedy);
      return;
    }
    const splits: { readonly split: { first: number; second: number }; readonly body: number }[] = [];
    for (let i = min; i < max; i++) {
      const split = this.#emit({ op: 'split', first: 0, second: 0 });
      splits.push({ split, body: this.code.length });
      this.#round(item);
    }
    for (const { split, body } of splits) this.#aim(split, body, this.code.length, greedy);
  }

  /** A greedy split tries its body first. */
  #aim(split: { first: number; second: number }, body: number, end: number, greedy: boolean): void {
    split.first = greedy ? body : end;
    split.second = greedy ? end : body;
  }
}

/** First and last group inside of a tree. */
function groupBounds(node: Node): readonly [number, number] | undefined {
  if (node.kind === 'group') return [node.index, groupBounds(node.item)?.[1] ?? node.index];
  if (node.kind === 'repeat') return groupBounds(node.item);
  if (node.kind !== 'cat' && node.kind !== 'alt') return undefined;
  const inner = node.items.map(groupBounds).filter((bounds) => bounds !== undefined);
  const first = inner[0];
  return first === undefined ? undefined : [first[0], inner[inner.length - 1]?.[1] ?? first[1]];
}

/** Instructions of a tree; the last is the match. @throws `invalid_regular_expression` (2201B) when there are too many. */
export function compileRegex(node: Node): readonly Instruction[] {
  const compiler = new Compiler();
  compiler.compile(node);
  compiler.code.push({ op: 'match' });
  return compiler.code;
}
