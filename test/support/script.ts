/** Statements of a script, as its reader sees them: without comments before them and without their semicolon. */
import { Lexer } from '../../src/sql/lexer/lexer.ts';
import { splitStatements } from '../../src/sql/lexer/split.ts';

export function splitScript(text: string): string[] {
  const lexer = new Lexer();
  lexer.scan(text);
  return splitStatements(lexer).map((range) => text.slice(lexer.start(range.from), lexer.end(range.to - 1)));
}
