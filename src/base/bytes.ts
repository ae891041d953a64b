/** Text and bytes: the conversions that hot paths share. */
import { fail } from './errors.ts';

const utf8Slice = (Buffer.prototype as unknown as { utf8Slice(this: Uint8Array, start: number, end: number): string })
  .utf8Slice;

/** Decodes UTF-8 that is known to be valid. Short ASCII is built directly: a native call costs more than 16 characters. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 16) {
    let text = '';
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte > 127) return utf8Slice.call(bytes, start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return utf8Slice.call(bytes, start, end);
}

export function encodeUtf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes text from a client.
 *
 * @throws `character_not_in_repertoire` (22021) for bytes that are not UTF-8 and for NUL.
 */
export function decodeClientText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let i = start;
  if (end - start <= 32) {
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === 0 || byte > 127) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
  }
  let decoded: string;
  try {
    decoded = strict.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw fail(
      'character_not_in_repertoire',
      `invalid byte sequence for encoding "UTF8"${badSequence(bytes, start, end)}`,
      { cause },
    );
  }
  if (decoded.includes('\0'))
    throw fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
  return decoded;
}

/** `: 0xff 0x…` for the first bytes that do not continue as UTF-8. */
function badSequence(bytes: Uint8Array, start: number, end: number): string {
  for (let i = start; i < end; ) {
    const lead = bytes[i]!;
    const length =
      lead < 0x80
        ? 1
        : lead >= 0xc2 && lead < 0xe0
          ? 2
          : lead >= 0xe0 && lead < 0xf0
            ? 3
            : lead >= 0xf0 && lead < 0xf5
              ? 4
              : 0;
    let good = length > 0 && i + length <= end;
    for (let k = 1; good && k < length; k++) good = (bytes[i + k]! & 0xc0) === 0x80;
    if (good && lead === 0xe0) good = bytes[i + 1]! >= 0xa0;
    if (good && lead === 0xed) good = bytes[i + 1]! < 0xa0;
    if (good && lead === 0xf0) good = bytes[i + 1]! >= 0x90;
    if (good && lead === 0xf4) good = bytes[i + 1]! < 0x90;
    if (!good) {
      const shown = Array.from(bytes.subarray(i, Math.min(end, i + Math.max(1, length))));
      return `: ${shown.map((b) => `0x${b.toString(16).padStart(2, '0')}`).join(' ')}`;
    }
    i += length;
  }
  return '';
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** True when the string holds a surrogate without its partner: it has no UTF-8. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE_SURROGATE.test(text);
}
