/**
 * Syntax trees of PostgreSQL's regular expressions, and which match a tree prefers.
 *
 * A regular expression as a whole matches the longest or the shortest text from its leftmost start. PostgreSQL's rule: a
 * quantifier prefers as it says, `{m}` as its atom, a parenthesis as its content, a concatenation as its first part that
 * has a preference, and an alternation always the longest.
 */

import type { CharSet } from './char-set.ts';

export type Assertion =
  | 'text-start'
  | 'text-end'
  | 'line-start'
  | 'line-end'
  | 'word-start'
  | 'word-end'
  | 'word-edge'
  | 'word-inside';

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'cat'; readonly items: readonly Node[] }
  | { readonly kind: 'alt'; readonly items: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly item: Node;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: 'group'; readonly index: number; readonly item: Node }
  | { readonly kind: 'assert'; readonly what: Assertion };

/** True = longest, false = shortest, undefined = no preference. */
export function preference(node: Node): boolean | undefined {
  switch (node.kind) {
    case 'repeat':
      return node.min === node.max ? preference(node.item) : node.greedy;
    case 'group':
      return preference(node.item);
    case 'alt':
      return true;
    case 'cat':
      for (const item of node.items) {
        const prefers = preference(item);
        if (prefers !== undefined) return prefers;
      }
      return undefined;
    default:
      return undefined;
  }
}
