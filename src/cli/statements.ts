/**
 * Where a statement ends in a text that is still being typed or read: at a semicolon outside of quotes, comments and
 * parentheses. Nothing is judged here: what is wrong in a statement the session will say.
 */

/** A scan's outcome: the first character behind the statement's semicolon, or −1 when there is none yet. */
const OPEN = -1;

/** @returns the position behind the semicolon that ends the statement beginning at `from`, or −1. */
export function statementEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const character = text[at]!;
    const skipped = skipQuoted(text, at);
    if (skipped === OPEN) return OPEN;
    if (skipped > at) {
      at = skipped;
      continue;
    }
    if (character === '(') depth++;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (character === ';' && depth === 0) return at + 1;
    at++;
  }
  return OPEN;
}

/** First character from `from` on that is neither blank nor comment; the text's length when there is none. */
export function contentStart(text: string, from: number): number {
  for (let at = from; at < text.length; ) {
    if (/\s/.test(text[at]!)) at++;
    else if (text.startsWith('--', at) || text.startsWith('/*', at)) {
      const end = skipComment(text, at);
      if (end === OPEN) return text.length;
      at = end;
    } else return at;
  }
  return text.length;
}

/** Passes over a quoted part or a comment at `at`: the position behind it, `at` when there is none, −1 when it is open. */
function skipQuoted(text: string, at: number): number {
  switch (text[at]) {
    case "'":
      return closing(text, at + 1, "'", /[eE]/.test(text[at - 1] ?? '') && !/\w/.test(text[at - 2] ?? ''));
    case '"':
      return closing(text, at + 1, '"', false);
    case '$': {
      const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(text.slice(at, at + 66))?.[0];
      if (tag === undefined || /\w/.test(text[at - 1] ?? '')) return at;
      const end = text.indexOf(tag, at + tag.length);
      return end < 0 ? OPEN : end + tag.length;
    }
    case '-':
    case '/':
      return text.startsWith('--', at) || text.startsWith('/*', at) ? skipComment(text, at) : at;
    default:
      return at;
  }
}

/** Behind the closing quote; a doubled quote does not close, nor does one behind a backslash in an E string. */
function closing(text: string, from: number, quote: string, backslashes: boolean): number {
  for (let at = from; at < text.length; at++) {
    if (backslashes && text[at] === '\\') at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return OPEN;
}

/** Behind a comment; block comments nest. */
function skipComment(text: string, from: number): number {
  if (text[from] === '-') {
    const end = text.indexOf('\n', from);
    return end < 0 ? OPEN : end + 1;
  }
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (text.startsWith('*/', at)) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return OPEN;
}
