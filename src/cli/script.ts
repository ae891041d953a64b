/** A script as a sequence of statements, with COPY's data between them. */
import { contentStart, statementEnd } from './statements.ts';

export interface ScriptStatement {
  readonly text: string;
  /** 1-based line of the script on which it begins. */
  readonly line: number;
}

export class Script {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next statement, without what stands before it; undefined at the end. The last one needs no semicolon. */
  next(): ScriptStatement | undefined {
    const start = contentStart(this.#text, this.#at);
    this.#advance(start);
    if (start >= this.#text.length) return undefined;
    const { text } = this;
    const end = text[start] === '\\' ? this.#lineEnd(start) : statementEnd(text, start);
    const line = this.#line;
    this.#advance(end < 0 ? text.length : end);
    return { text: text.slice(start, this.#at), line };
  }

  get text(): string {
    return this.#text;
  }

  /** The lines behind the current statement up to one with `\.`, as data of COPY. */
  data(): Uint8Array {
    const from = this.#lineEnd(this.#at);
    let at = from;
    while (at < this.#text.length) {
      const end = this.#lineEnd(at);
      if (/^\\\.\r?\n?$/.test(this.#text.slice(at, end))) {
        const data = Buffer.from(this.#text.slice(from, at));
        this.#advance(end);
        return data;
      }
      at = end;
    }
    this.#advance(this.#text.length);
    return Buffer.from(this.#text.slice(from));
  }

  /** Behind the line break that ends the line of `at`. */
  #lineEnd(at: number): number {
    const end = this.#text.indexOf('\n', at);
    return end < 0 ? this.#text.length : end + 1;
  }

  #advance(to: number): void {
    for (let at = this.#text.indexOf('\n', this.#at); at >= 0 && at < to; at = this.#text.indexOf('\n', at + 1))
      this.#line++;
    this.#at = to;
  }
}
