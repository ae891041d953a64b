/**
 * Option lists: `WITH (fillfactor = 70, initial_size = 1 MB)`, `SET (…)`, `EXPLAIN (ANALYZE, FORMAT JSON)`, `COPY … (…)`,
 * and the values that settings take.
 */

import type { Option, OptionValue } from '../ast/definitions.ts';
import { INTEGER, NUMBER, STRING } from '../lexer/lexer.ts';
import { CLOSE, COMMA, type Cursor, DOT, OPEN } from './cursor.ts';

/** Units that may stand behind a number. */
const UNITS = new Set(['b', 'bytes', 'kb', 'mb', 'gb', 'tb', 'pages', 'page', 'ms', 's', 'min', 'h', 'd', 'us']);
const PERCENT = 37;

/** `( name [= value], … )` with an equals sign, as storage options are written. */
export function parseStorageOptions(c: Cursor): Option[] {
  return c.parenthesized(() => {
    const at = c.offset;
    const first = c.label().text;
    const dotted = c.acceptPunctuation(DOT);
    const name = dotted ? c.label().text : first;
    return { at, namespace: dotted ? first : null, name, value: c.acceptEquals() ? parseOptionValue(c) : null };
  });
}

/** `( name [value], … )` without one, as EXPLAIN, COPY and VACUUM are written. */
export function parseUtilityOptions(c: Cursor): Option[] {
  return c.parenthesized(() => {
    const at = c.offset;
    const name = c.label().text;
    const hasValue = !c.isPunctuation(COMMA) && !c.isPunctuation(CLOSE);
    return { at, namespace: null, name, value: hasValue ? parseOptionValue(c) : null };
  });
}

/** A word, string, signed number with a unit, `*`, or a list of them in parentheses. */
export function parseOptionValue(c: Cursor): OptionValue {
  const at = c.offset;
  if (c.isPunctuation(OPEN)) {
    const items = c.parenthesized(() => parseOptionValue(c));
    return { kind: 'list', text: '', at, items };
  }
  if (c.isStar) {
    c.at++;
    return { kind: 'star', text: '*', at, items: [] };
  }
  if (c.kind() === STRING) return { kind: 'string', text: c.string(), at, items: [] };
  if (c.isLabel()) return { kind: 'word', text: c.label().text, at, items: [] };
  return { kind: 'number', text: parseNumber(c), at, items: [] };
}

function parseNumber(c: Cursor): string {
  const sign = c.isOperator(45) ? '-' : '';
  if (sign !== '' || c.isOperator(43)) c.at++;
  if (c.kind() !== INTEGER && c.kind() !== NUMBER) throw c.syntaxError();
  let text = sign + c.lexer.source(c.at++);
  if (c.isOperator(PERCENT)) {
    c.at++;
    text += '%';
  } else if (c.isLabel() && UNITS.has(c.lexer.name(c.at))) text += c.lexer.source(c.at++);
  return text;
}

/** `a, 'b', 3` behind SET name TO. */
export function parseSettingValues(c: Cursor): OptionValue[] {
  return c.list(() => parseOptionValue(c));
}

/** An option that a keyword alone turns on. */
export function flag(name: string, at: number): Option {
  return { at, namespace: null, name, value: null };
}

/** An option with a word for its value. */
export function wordOption(name: string, text: string, at: number): Option {
  return { at, namespace: null, name, value: { kind: 'word', text, at, items: [] } };
}

/** An option with a string for its value. */
export function stringOption(name: string, text: string, at: number): Option {
  return { at, namespace: null, name, value: { kind: 'string', text, at, items: [] } };
}
