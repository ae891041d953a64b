/**
 * Cuts the text of a date, time or interval into tokens, by shape alone.
 *
 *   2024-02-29  8-Jan-99   date     two or three fields joined by one of - / .
 *   04:05:06.789           time     a leading sign belongs to it
 *   20240229  1.5          number
 *   march  utc  Asia/Tokyo word     lower case except for zone names with a slash
 *   +02:00  -8             zone     signed digits (a signed number, for intervals)
 */

export interface DateToken {
  readonly kind: 'date' | 'time' | 'number' | 'word' | 'signed';
  readonly text: string;
  /** Nothing stands between it and the token before. */
  readonly isAdjacent: boolean;
}

const SPACE = /[ \t\n\v\f\r]+/y;
const SHAPES: readonly (readonly [DateToken['kind'], RegExp])[] = [
  ['time', /\d+:\d*(?::\d*)?(?:\.\d*)?/y],
  ['date', /\d+([-/.])(?:\d+\1(?:\d+(?!\d|\1)|[a-z]{3,})|\d+(?=[-/]?)(?!\.)|[a-z]{3,}\1?\d*)/iy],
  ['number', /\d+\.\d*|\.\d+|\d+/y],
  ['date', /[a-z]{3,}([-/])\d+\1\d+/iy],
  ['word', /[a-z]{3,}\d[a-z]{3,}|[a-z]+(?:[/_][a-z0-9/_+-]*)?/iy],
  ['signed', /[+-][ ]*(?:\d+(?::\d*)*(?:\.\d*)?(?:-\d+)?|\.\d+|[a-z]+)/iy],
];

/** Tokens of `text`; undefined when a character fits no token. Other punctuation only separates. */
export function dateTokens(text: string): readonly DateToken[] | undefined {
  const tokens: DateToken[] = [];
  let at = 0;
  let end = 0;
  while (at < text.length) {
    SPACE.lastIndex = at;
    if (SPACE.test(text)) {
      at = SPACE.lastIndex;
      continue;
    }
    const token = tokenAt(text, at);
    if (token === undefined) {
      if (!/[!-/:-@[-`{-~]/.test(text.charAt(at))) return undefined;
      at++;
      continue;
    }
    tokens.push({ ...token, isAdjacent: at > 0 && at === end });
    at += token.text.length;
    end = at;
  }
  return tokens;
}

function tokenAt(text: string, at: number): Omit<DateToken, 'isAdjacent'> | undefined {
  for (const [kind, shape] of SHAPES) {
    shape.lastIndex = at;
    const found = shape.exec(text)?.[0];
    if (found === undefined) continue;
    // "1.5" is a number; only a third field or a letter makes a date with points.
    if (kind === 'date' && /^\d+\.\d+$/.test(found)) continue;
    return { kind, text: found };
  }
  return undefined;
}
