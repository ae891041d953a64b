/**
 * A set of page numbers, looked through in ascending order: a bit per page of the file up to the highest one.
 *
 * So it is in order at every moment, and no step has to sort what a large tree has.
 */
const WORD_BITS = 32;

export class PageSet {
  #words = new Uint32Array(64);

  add(pgno: number): void {
    const word = pgno >>> 5;
    if (word >= this.#words.length) {
      const words = new Uint32Array(Math.max(word + 1, 2 * this.#words.length));
      words.set(this.#words);
      this.#words = words;
    }
    this.#words[word]! |= 1 << (pgno & 31);
  }

  /** The lowest page of the set that is not below `from`; −1 when there is none. */
  next(from: number): number {
    let word = from >>> 5;
    if (word >= this.#words.length) return -1;
    let bits = (this.#words[word]! >>> (from & 31)) << (from & 31);
    while (bits === 0) {
      if (++word >= this.#words.length) return -1;
      bits = this.#words[word]!;
    }
    return word * WORD_BITS + 31 - Math.clz32(bits & -bits);
  }
}
