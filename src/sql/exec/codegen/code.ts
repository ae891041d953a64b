/**
 * Writing JavaScript: source lines with names for what they use, made into a function.
 *
 * Only this file turns text into code. What goes in is made here from plans: numbers, names of the form `letter + number`,
 * and fixed snippets. Values, names of the user's and functions never appear in the text; they are constants by index (law 12).
 */
import { assert } from '../../../base/assert.ts';

const NAME = /^[a-z]\d+$/;
/** Past this V8 may never optimise a function. */
const SOURCE_BYTES_MAX = 24_000;

let allowed: boolean | undefined;

/** False where the process forbids code from strings; then the interpreter does everything. */
export function mayGenerateCode(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function('return true')() === true;
    } catch {
      // The process was started with --disallow-code-generation-from-strings: there is no other way to find out.
      allowed = false;
    }
  }
  return allowed;
}

/** For tests, which compare both: false = as in a process that forbids code from strings, undefined = find out again. */
export function allowCode(value: false | undefined): void {
  allowed = value;
}

export class CodeWriter {
  readonly constants: unknown[] = [];
  readonly #names = new Map<unknown, string>();
  #temporaries = 0;
  #lines: string[] = [];
  readonly #top: string[] = [];
  #indent = 1;

  /** A name for a value that the code uses. */
  use(value: unknown): string {
    let name = this.#names.get(value);
    if (name === undefined) {
      name = `k${this.constants.length}`;
      this.constants.push(value);
      this.#names.set(value, name);
    }
    return name;
  }

  /** A temporary variable of the function. */
  fresh(): string {
    return `t${this.#temporaries++}`;
  }

  /** A line at the function's beginning, wherever the code has got to. */
  top(text: string): void {
    this.#top.push(`  ${text}`);
  }

  line(text: string): void {
    this.#lines.push(`${'  '.repeat(this.#indent)}${text}`);
  }

  open(text: string): void {
    this.line(`${text} {`);
    this.#indent++;
  }

  close(tail = ''): void {
    this.#indent--;
    this.line(`}${tail}`);
  }

  /** The body's text so far. */
  get source(): string {
    const temporaries = Array.from({ length: this.#temporaries }, (_, i) => `t${i} = 0`);
    const head = temporaries.length === 0 ? [] : [`  let ${temporaries.join(', ')};`];
    return [...head, ...this.#top, ...this.#lines].join('\n');
  }

  /** Makes the function; undefined when it would be too long to be fast. @param parameters - names that the body uses. */
  build<T>(name: string, parameters: readonly string[]): { readonly fn: T; readonly source: string } | undefined {
    const constants = this.constants.map((_, i) => `k${i}`);
    for (const c of constants) assert(NAME.test(c), 'a constant has a plain name');
    const bind = constants.length === 0 ? '' : `const [${constants.join(', ')}] = constants;\n`;
    const source = `${bind}return function ${name}(${parameters.join(', ')}) {\n${this.source}\n};`;
    if (source.length > SOURCE_BYTES_MAX) return undefined;
    const fn = new Function('constants', `'use strict';\n${source}\n//# sourceURL=extentdb-${name}.js`)(
      this.constants,
    ) as T;
    return { fn, source };
  }
}
