/** What the output can show, and texts made to fit it. */
import { displayWidth } from './table-text.ts';

const COLUMNS_DEFAULT = 80;
export const COLUMNS_MIN = 20;

export interface Terminal {
  readonly columns: number;
  readonly hasColour: boolean;
  /** Characters beyond ASCII can be shown. */
  readonly hasUnicode: boolean;
}

/** The terminal behind standard output; a file or a pipe has {@link COLUMNS_DEFAULT} columns and no colours. */
export function terminal(): Terminal {
  const { stdout, env } = process;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return {
    columns: Math.max(COLUMNS_MIN, stdout.columns ?? COLUMNS_DEFAULT),
    // https://no-color.org: set and not empty means none.
    hasColour: stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    hasUnicode: /utf-?8/i.test(locale),
  };
}

/** Select-graphic-rendition codes around a text; none where there are no colours. */
export function painted(terminal: Terminal, codes: string, text: string): string {
  return terminal.hasColour && codes !== '' && text !== '' ? `\x1b[${codes}m${text}\x1b[0m` : text;
}

/** A name as a terminal may be given it: what would move the cursor is shown as a question mark. */
export function shown(terminal: Terminal, name: string): string {
  const harmless = name.replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return terminal.hasUnicode ? harmless : harmless.replace(/[^\x20-\x7e]/gu, '?');
}

/** A text in exactly so many columns: cut, with a mark, or filled with blanks. */
export function fitted(terminal: Terminal, text: string, columns: number): string {
  const width = displayWidth(text);
  if (width <= columns) return text + ' '.repeat(columns - width);
  let cut = '';
  let taken = 0;
  for (const character of text) {
    const more = displayWidth(character);
    if (taken + more > columns - 1) break;
    cut += character;
    taken += more;
  }
  return columns <= 0 ? '' : cut + (terminal.hasUnicode ? '…' : '~') + ' '.repeat(columns - taken - 1);
}
