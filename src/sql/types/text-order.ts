/** Order of text: by code points, which is the order of the UTF-8 bytes and not that of JavaScript's UTF-16 units. */

const BLOCK_UNITS = 4096;

/** −1, 0 or 1. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let first = 0;
  // Long beginnings that both share are passed over by blocks.
  while (first + BLOCK_UNITS <= length && a.slice(first, first + BLOCK_UNITS) === b.slice(first, first + BLOCK_UNITS))
    first += BLOCK_UNITS;
  for (let i = first; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      // Surrogates stand below U+E000 … U+FFFF as units but above them as code points.
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    if (x !== y) return x < y ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

const SURROGATES = /[\ud800-\udfff]/;
/** From here on a built-in search, which knows at once that text of one byte a character has no surrogates, beats a loop. */
const SEARCHED_UNITS = 64;

/** Code points of a string. */
export function codePointLength(text: string): number {
  let count = text.length;
  if (count >= SEARCHED_UNITS && !SURROGATES.test(text)) return count;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

/** True when every unit is a code point, so that indexes need no translation. */
export function isPlane0(text: string): boolean {
  if (text.length >= SEARCHED_UNITS) return !SURROGATES.test(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xe000) return false;
  }
  return true;
}

/** Code points from `start` (0-based) to before `end`, both within 0 … length. */
export function sliceCodePoints(text: string, start: number, end: number): string {
  if (isPlane0(text)) return text.slice(start, end);
  const from = indexOfCodePoint(text, 0, start);
  return text.slice(from, end - start < text.length - from ? indexOfCodePoint(text, from, end - start) : text.length);
}

/** UTF-16 index `count` code points behind the index `from`, or the text's end when it has fewer. */
export function indexOfCodePoint(text: string, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count && at < text.length; i++) {
    const unit = text.charCodeAt(at);
    at += unit >= 0xd800 && unit < 0xdc00 ? 2 : 1;
  }
  return at;
}

/** Bytes that the string takes in UTF-8. */
export function utf8Length(text: string): number {
  if (text.length >= SEARCHED_UNITS) return Buffer.byteLength(text, 'utf8');
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}

/** The longest prefix of whole code points that takes at most `limit` bytes of UTF-8. */
export function clipUtf8(text: string, limit: number): string {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const wide = unit >= 0xd800 && unit < 0xdc00;
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : wide ? 4 : 3;
    if (bytes > limit) return text.slice(0, i);
    if (wide) i++;
  }
  return text;
}
