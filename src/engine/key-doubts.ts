/**
 * Keys that a deferrable constraint will be asked about: of entries that went in where others with the same columns were, or where
 * somebody was at work. Whoever comes second notes it, so a key that nobody notes is unique.
 *
 *   index ──> chunks, the first ones small, of: key length u16 | the columns' part of the key
 */
import { fail } from '../base/errors.ts';
import type { IndexObject } from './catalog.ts';

const LENGTH_BYTES = 2;
const FIRST_CHUNK_BYTES = 256;
const CHUNK_BYTES = 65_536;
/** What one statement may note for one index. */
const CHUNKS_MAX = 1024;

export class KeyDoubts {
  readonly #keys = new Map<IndexObject, NotedKeys>();

  /** @throws 53200 */
  add(index: IndexObject, key: Uint8Array, length: number): void {
    let keys = this.#keys.get(index);
    if (keys === undefined) {
      keys = new NotedKeys();
      this.#keys.set(index, keys);
    }
    if (!keys.add(key, length))
      throw fail('out_of_memory', 'out of memory', {
        detail: `More than ${(CHUNKS_MAX * CHUNK_BYTES) >> 20} MB of keys of index "${index.name}" wait to be checked.`,
        hint: 'Change fewer rows at once.',
      });
  }

  /** What has been noted since the last call. */
  take(): (readonly [index: IndexObject, keys: NotedKeys])[] {
    const taken = [...this.#keys];
    this.#keys.clear();
    return taken;
  }
}

/** Keys in the order in which they were noted. */
export class NotedKeys {
  readonly #chunks: Buffer[] = [];
  /** Bytes in use of the last chunk; the others are full up to a length of 0. */
  #used = 0;
  /** Bytes of memory that they take. */
  bytes = 0;

  /** @returns false when there are too many. */
  add(key: Uint8Array, length: number): boolean {
    let chunk = this.#chunks[this.#chunks.length - 1];
    if (chunk === undefined || this.#used + LENGTH_BYTES + length > chunk.length) {
      if (this.#chunks.length === CHUNKS_MAX) return false;
      const usual = Math.min(CHUNK_BYTES, FIRST_CHUNK_BYTES << Math.min(this.#chunks.length, 8));
      chunk = Buffer.alloc(Math.max(usual, LENGTH_BYTES + length));
      this.#chunks.push(chunk);
      this.bytes += chunk.length;
      this.#used = 0;
    }
    chunk.writeUInt16LE(length, this.#used);
    chunk.set(key.subarray(0, length), this.#used + LENGTH_BYTES);
    this.#used += LENGTH_BYTES + length;
    return true;
  }

  *[Symbol.iterator](): Iterator<Uint8Array> {
    for (const chunk of this.#chunks) {
      for (let at = 0; at + LENGTH_BYTES <= chunk.length; ) {
        const length = chunk.readUInt16LE(at);
        // A key of an index has a byte at least.
        if (length === 0) break;
        yield chunk.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length);
        at += LENGTH_BYTES + length;
      }
    }
  }
}
