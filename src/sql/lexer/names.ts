/**
 * Identifiers as PostgreSQL keeps them: unquoted ones folded to lower case (ASCII letters only), all of them cut to at most
 * 63 bytes of UTF-8 without splitting a character.
 */

/** PostgreSQL's NAMEDATALEN − 1. */
export const NAME_BYTES = 63;

/** Folds A–Z; other letters stay, whatever their case. */
export function foldName(name: string): string {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit > 127) return name.replace(/[A-Z]+/g, (run) => run.toLowerCase());
    if (unit >= 65 && unit <= 90) return foldTail(name);
  }
  return name;
}

function foldTail(name: string): string {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 127) return name.replace(/[A-Z]+/g, (run) => run.toLowerCase());
  }
  return name.toLowerCase();
}

/** Cuts a name to {@link NAME_BYTES} bytes of UTF-8. */
export function cutName(name: string): string {
  if (name.length * 3 <= NAME_BYTES) return name;
  let bytes = 0;
  for (let i = 0; i < name.length; ) {
    const point = name.codePointAt(i)!;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (bytes > NAME_BYTES) return name.slice(0, i);
    i += point < 0x10000 ? 1 : 2;
  }
  return name;
}
