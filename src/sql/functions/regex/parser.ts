/**
 * Parses PostgreSQL's advanced regular expressions (AREs).
 *
 *   re      = branch { '|' branch }          quantifier = * + ? {m} {m,} {m,n}, each with an optional ? (prefer shortest)
 *   branch  = { atom [quantifier] | constraint }
 *   atom    = ( re ) | (?: re ) | . | [ set ] | \escape | character
 *
 * Back-references and look-around have no linear-time matching and are refused with 0A000.
 */
import { fail, unsupported } from '../../../base/errors.ts';
import { type CharSet, classNamed, closeCase, complement, DIGITS, EVERYTHING, normalize, union } from './char-set.ts';
import { applyFlags, type RegexOptions } from './options.ts';
import type { Assertion, Node } from './syntax.ts';

export function invalidRegex(what: string): Error {
  return fail('invalid_regular_expression', `invalid regular expression: ${what}`);
}

const REPEAT_MAX = 255;
const NEWLINE = 10;
const DEPTH_MAX = 500;

const CLASS_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['d', 'digit'],
  ['s', 'space'],
  ['w', 'word'],
]);
const CONSTRAINTS: ReadonlyMap<string, Assertion> = new Map([
  ['A', 'text-start'],
  ['Z', 'text-end'],
  ['m', 'word-start'],
  ['M', 'word-end'],
  ['y', 'word-edge'],
  ['Y', 'word-inside'],
]);
const CHAR_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['B', 0x5c],
  ['e', 27],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);
const COLLATING_NAMES: ReadonlyMap<string, string> = new Map([
  ['hyphen', '-'],
  ['hyphen-minus', '-'],
  ['period', '.'],
  ['full-stop', '.'],
  ['space', ' '],
  ['tab', '\t'],
  ['newline', '\n'],
]);

class RegexParser {
  readonly #chars: readonly string[];
  #options: RegexOptions;
  #at = 0;
  #depth = 0;
  groups = 0;

  constructor(pattern: string, options: RegexOptions) {
    this.#chars = Array.from(pattern);
    this.#options = options;
  }

  parse(): Node {
    this.#director();
    if (this.#options.literal) return this.#literal();
    const node = this.#alternation();
    if (this.#at < this.#chars.length) throw invalidRegex('parentheses () not balanced');
    return node;
  }

  #peek(offset = 0): string | undefined {
    return this.#chars[this.#at + offset];
  }

  #eat(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#peek(i) !== text[i]) return false;
    this.#at += text.length;
    return true;
  }

  /** `***=` (a literal), `***:` (an ARE), and `(?flags)` at the start. */
  #director(): void {
    if (this.#eat('***=')) this.#options = { ...this.#options, literal: true };
    else if (this.#eat('***:')) this.#options = { ...this.#options, literal: false };
    else if (this.#peek() === '*' && !this.#options.literal) throw invalidRegex('quantifier operand invalid');
    if (this.#options.literal) return;
    const head = /^\(\?([a-z]+)\)/.exec(this.#chars.slice(this.#at, this.#at + 24).join(''));
    if (head === null) return;
    try {
      this.#options = applyFlags(this.#options, head[1] ?? '');
    } catch {
      throw invalidRegex('invalid embedded option');
    }
    this.#at += head[0].length;
  }

  #literal(): Node {
    const items = this.#chars.slice(this.#at).map((char) => this.#single(char.codePointAt(0) ?? 0));
    return { kind: 'cat', items };
  }

  #single(code: number): Node {
    const set: CharSet = [code, code];
    return { kind: 'set', set: this.#options.ignoreCase ? closeCase(set) : set };
  }

  #alternation(): Node {
    if (++this.#depth > DEPTH_MAX) throw invalidRegex('regular expression is too complex');
    const items = [this.#branch()];
    while (this.#eat('|')) items.push(this.#branch());
    this.#depth--;
    const [first] = items;
    return items.length === 1 && first !== undefined ? first : { kind: 'alt', items };
  }

  #branch(): Node {
    const items: Node[] = [];
    for (;;) {
      this.#skipExpanded();
      const next = this.#peek();
      if (next === undefined || next === '|' || (next === ')' && this.#depth > 1)) break;
      if (next === ')') throw invalidRegex('parentheses () not balanced');
      items.push(this.#quantified());
    }
    const [first] = items;
    if (items.length === 0) return { kind: 'empty' };
    return items.length === 1 && first !== undefined ? first : { kind: 'cat', items };
  }

  #skipExpanded(): void {
    if (this.#eatComment()) this.#skipExpanded();
    if (!this.#options.expanded) return;
    for (;;) {
      const next = this.#peek();
      if (next === '#') while (this.#peek() !== undefined && this.#peek() !== '\n') this.#at++;
      else if (next !== undefined && /\s/.test(next)) this.#at++;
      else return;
    }
  }

  /** `(?#…)` */
  #eatComment(): boolean {
    if (this.#peek() !== '(' || this.#peek(1) !== '?' || this.#peek(2) !== '#') return false;
    while (this.#peek() !== undefined && this.#peek() !== ')') this.#at++;
    if (!this.#eat(')')) throw invalidRegex('parentheses () not balanced');
    return true;
  }

  #quantified(): Node {
    const item = this.#atom();
    this.#skipExpanded();
    const bounds = this.#quantifier();
    if (bounds === undefined) return item;
    if (item.kind === 'assert') throw invalidRegex('quantifier operand invalid');
    const greedy = !this.#eat('?');
    this.#skipExpanded();
    if (this.#quantifier() !== undefined) throw invalidRegex('quantifier operand invalid');
    return { kind: 'repeat', item, min: bounds[0], max: bounds[1], greedy };
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#eat('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#eat('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#eat('?')) return [0, 1];
    if (this.#peek() !== '{' || !/\d/.test(this.#peek(1) ?? '')) return undefined;
    this.#at++;
    const min = this.#count();
    let max = min;
    if (this.#eat(',')) max = this.#peek() === '}' ? Number.POSITIVE_INFINITY : this.#count();
    if (!this.#eat('}')) throw invalidRegex('braces {} not balanced');
    if (max < min) throw invalidRegex('invalid repetition count(s)');
    return [min, max];
  }

  #count(): number {
    let text = '';
    while (/\d/.test(this.#peek() ?? '')) text += this.#chars[this.#at++];
    const value = Number(text);
    if (text === '' || value > REPEAT_MAX) throw invalidRegex('invalid repetition count(s)');
    return value;
  }

  #atom(): Node {
    const char = this.#chars[this.#at++] ?? '';
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return this.#bracket();
      case '.':
        return { kind: 'set', set: this.#options.dotStopsAtNewline ? complement([NEWLINE, NEWLINE]) : EVERYTHING };
      case '^':
        return { kind: 'assert', what: this.#options.lineAnchors ? 'line-start' : 'text-start' };
      case '$':
        return { kind: 'assert', what: this.#options.lineAnchors ? 'line-end' : 'text-end' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw invalidRegex('quantifier operand invalid');
      case '{':
        if (/\d/.test(this.#peek() ?? '')) throw invalidRegex('quantifier operand invalid');
        return this.#single(0x7b);
      default:
        return this.#single(char.codePointAt(0) ?? 0);
    }
  }

  #group(): Node {
    if (this.#eat('?:')) return this.#closed(this.#alternation());
    if (this.#peek() === '?') {
      const mark = this.#peek(1) ?? '';
      if (mark === '=' || mark === '!' || mark === '<') {
        throw unsupported('look-around in a regular expression');
      }
      throw invalidRegex('quantifier operand invalid');
    }
    const index = ++this.groups;
    return this.#closed({ kind: 'group', index, item: this.#alternation() });
  }

  #closed(node: Node): Node {
    if (!this.#eat(')')) throw invalidRegex('parentheses () not balanced');
    return node;
  }

  #escape(): Node {
    const letter = this.#peek();
    if (letter === undefined) throw invalidRegex('invalid escape \\ sequence');
    const constraint = CONSTRAINTS.get(letter);
    if (constraint !== undefined) {
      this.#at++;
      return { kind: 'assert', what: constraint };
    }
    const named = this.#classEscape();
    if (named !== undefined) return { kind: 'set', set: named };
    if (/[1-9]/.test(letter)) throw unsupported('a back-reference in a regular expression');
    return this.#single(this.#charEscape());
  }

  /** \d \s \w and their complements. */
  #classEscape(): CharSet | undefined {
    const letter = this.#peek() ?? '';
    const name = CLASS_ESCAPES.get(letter.toLowerCase());
    if (name === undefined) return undefined;
    this.#at++;
    const set = name === 'digit' ? DIGITS : (classNamed(name) ?? []);
    if (letter !== letter.toUpperCase()) return set;
    return this.#options.dotStopsAtNewline ? complement(union(set, [NEWLINE, NEWLINE])) : complement(set);
  }

  /** The code point of a character-entry escape; the backslash is already eaten. */
  #charEscape(): number {
    const letter = this.#chars[this.#at++] ?? '';
    const known = CHAR_ESCAPES.get(letter);
    if (known !== undefined) return known;
    switch (letter) {
      case 'c':
        return (this.#chars[this.#at++]?.codePointAt(0) ?? 0) & 31;
      case 'u':
        return this.#hex(4, 4);
      case 'U':
        return this.#hex(8, 8);
      case 'x':
        return this.#hex(1, 255);
      case '0':
        return this.#octal();
      default:
        if (/[A-Za-z0-9]/.test(letter)) throw invalidRegex('invalid escape \\ sequence');
        return letter.codePointAt(0) ?? 0;
    }
  }

  #hex(min: number, max: number): number {
    let digits = '';
    while (digits.length < max && /[0-9a-fA-F]/.test(this.#peek() ?? '')) digits += this.#chars[this.#at++];
    const code = Number.parseInt(digits, 16);
    if (digits.length < min || code > 0x10ffff) throw invalidRegex('invalid escape \\ sequence');
    return code;
  }

  #octal(): number {
    let digits = '0';
    while (digits.length < 3 && /[0-7]/.test(this.#peek() ?? '')) digits += this.#chars[this.#at++];
    return Number.parseInt(digits, 8);
  }

  #bracket(): Node {
    if (this.#eat('[:<:]]')) return { kind: 'assert', what: 'word-start' };
    if (this.#eat('[:>:]]')) return { kind: 'assert', what: 'word-end' };
    const negated = this.#eat('^');
    const ranges: number[] = [];
    let first = true;
    while (first || this.#peek() !== ']') {
      if (this.#peek() === undefined) throw invalidRegex('brackets [] not balanced');
      this.#bracketItem(ranges);
      first = false;
    }
    this.#at++;
    let set = normalize(ranges);
    if (this.#options.ignoreCase) set = closeCase(set);
    if (!negated) return { kind: 'set', set };
    return { kind: 'set', set: complement(this.#options.dotStopsAtNewline ? union(set, [NEWLINE, NEWLINE]) : set) };
  }

  #bracketItem(ranges: number[]): void {
    if (this.#eat('[:')) {
      const name = this.#until(':]');
      const set = classNamed(this.#options.ignoreCase && /^(?:upper|lower)$/.test(name) ? 'alpha' : name);
      if (set === undefined) throw invalidRegex('invalid character class');
      ranges.push(...set);
      return;
    }
    if (this.#peek() === '\\') {
      this.#at++;
      const named = this.#classEscape();
      if (named !== undefined) {
        ranges.push(...named);
        return;
      }
      this.#at--;
    }
    const low = this.#bracketChar();
    let high = low;
    if (this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined) {
      this.#at++;
      high = this.#bracketChar();
    }
    if (high < low) throw invalidRegex('invalid character range');
    ranges.push(low, high);
  }

  #bracketChar(): number {
    if (this.#eat('[.')) return this.#collating('.]');
    if (this.#eat('[=')) return this.#collating('=]');
    if (this.#eat('\\')) return this.#charEscape();
    return (this.#chars[this.#at++] ?? '').codePointAt(0) ?? 0;
  }

  #collating(end: string): number {
    const name = this.#until(end);
    const char = COLLATING_NAMES.get(name) ?? name;
    if (Array.from(char).length !== 1) throw invalidRegex('invalid collating element');
    return char.codePointAt(0) ?? 0;
  }

  #until(end: string): string {
    let text = '';
    while (!this.#eat(end)) {
      if (this.#peek() === undefined) throw invalidRegex('brackets [] not balanced');
      text += this.#chars[this.#at++];
    }
    return text;
  }
}

/** Parses a pattern. @throws `invalid_regular_expression` (2201B), `feature_not_supported` (0A000). */
export function parseRegex(pattern: string, options: RegexOptions): { readonly node: Node; readonly groups: number } {
  const parser = new RegexParser(pattern, options);
  const node = parser.parse();
  return { node, groups: parser.groups };
}
