/**
 * Results as aligned text, as psql shows them:
 *
 *    id | name
 *   ----+------
 *     1 | ann
 *   (1 row)
 */

import type { ExtentError } from '../base/errors.ts';
import type { Notice } from '../sql/session/results.ts';

export interface TableColumn {
  readonly name: string;
  readonly right: boolean;
}

export function tableText(columns: readonly TableColumn[], rows: readonly (readonly (string | null)[])[]): string {
  const cells = rows.map((row) => row.map((value) => (value ?? '').split('\n')));
  const widths = columns.map((c, i) => Math.max(displayWidth(c.name), widest(cells, i)));
  const head = columns.map((c, i) => ` ${centred(c.name, widths[i]!)} `).join('|');
  const rule = widths.map((w) => '-'.repeat(w + 2)).join('+');
  const lines = columns.length === 0 ? ['--'] : [head, rule];
  for (const row of cells) {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    for (let line = 0; line < height; line++) {
      lines.push(
        row
          .map((cell, i) => cellText(cell, line, widths[i]!, columns[i]!.right))
          .join('|')
          .replace(/ +$/, ''),
      );
    }
  }
  return `${lines.join('\n')}\n(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})\n\n`;
}

function widest(cells: readonly (readonly (readonly string[])[])[], column: number): number {
  let most = 0;
  for (const row of cells) for (const line of row[column]!) most = Math.max(most, displayWidth(line));
  return most;
}

/** One line of a cell; a plus says that the value goes on. */
function cellText(cell: readonly string[], line: number, columnWidth: number, right: boolean): string {
  const text = cell[line] ?? '';
  const blanks = ' '.repeat(columnWidth - displayWidth(text));
  return ` ${right ? blanks + text : text + blanks}${line + 1 < cell.length ? '+' : ' '}`;
}

function centred(text: string, columnWidth: number): string {
  const blanks = columnWidth - displayWidth(text);
  const before = blanks >> 1;
  return ' '.repeat(before) + text + ' '.repeat(blanks - before);
}

/** Columns of a terminal that a text takes: characters of East Asian scripts and pictures take two, marks none. */
export function displayWidth(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        character,
      ) && character > '\u00ff'
        ? 2
        : 1;
  }
  return columns;
}

/** An error as psql shows it, with the line that it points to. */
export function errorText(error: ExtentError, statement: string): string {
  const lines = [`ERROR:  ${error.message}`];
  if (error.position !== undefined) lines.push(...pointer(statement, error.position));
  if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`);
  if (error.where !== undefined) lines.push(`CONTEXT:  ${error.where}`);
  return `${lines.join('\n')}\n`;
}

function pointer(statement: string, position: number): [string, string] {
  const before = [...statement].slice(0, position - 1).join('');
  const number = before.split('\n').length;
  const label = `LINE ${number}: `;
  const line = statement.split('\n')[number - 1] ?? '';
  const column = displayWidth(before.slice(before.lastIndexOf('\n') + 1));
  return [label + line.replaceAll('\t', ' '), ' '.repeat(label.length + column) + '^'];
}

export function noticeText(notice: Notice): string {
  const lines = [`${notice.severity}:  ${notice.message}`];
  if (notice.detail !== undefined) lines.push(`DETAIL:  ${notice.detail}`);
  if (notice.hint !== undefined) lines.push(`HINT:  ${notice.hint}`);
  return `${lines.join('\n')}\n`;
}
