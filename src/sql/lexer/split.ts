/** Where the statements of a text begin and end, in tokens: the text between semicolons, empty statements left out. */

import { type Lexer, PUNCTUATION } from './lexer.ts';

/** Tokens [from, to); `to` is the semicolon or the closing END. */
export interface StatementRange {
  readonly from: number;
  readonly to: number;
}

const SEMICOLON = 59;

/** Splits the lexer's current text. */
export function splitStatements(lexer: Lexer): StatementRange[] {
  const ranges: StatementRange[] = [];
  let from = 0;
  for (let token = 0; token <= lexer.count; token++) {
    const ends = token === lexer.count || (lexer.kind(token) === PUNCTUATION && lexer.code(token) === SEMICOLON);
    if (!ends) continue;
    if (token > from) ranges.push({ from, to: token });
    from = token + 1;
  }
  return ranges;
}
