/**
 * Templates of to_char, to_date and to_timestamp, cut into fields and literal text.
 *
 * A field is the longest keyword that matches; `FM` before it suppresses padding, `TH`/`th` after it adds an ordinal ending.
 * Text in double quotes and everything that is no keyword is literal.
 */

import { unsupported } from '../../base/errors.ts';

export interface TemplateField {
  /** Upper-case name of the field; '' for literal text. */
  readonly field: string;
  /** As written, for fields whose case matters; the literal text otherwise. */
  readonly text: string;
  readonly fill: boolean;
  readonly ordinal: '' | 'TH' | 'th';
}

/** All date and time keywords, longest first among those with a common beginning. */
const KEYWORDS = (
  'A.D. A.M. B.C. P.M. AD AM BC PM CC DAY DDD DD DY D FF1 FF2 FF3 FF4 FF5 FF6 HH24 HH12 HH IDDD ID IW IYYY IYY IY I J ' +
  'MI MM MONTH MON MS OF Q RM SSSSS SSSS SS TZH TZM TZ US WW W Y,YYY YYYY YYY YY Y'
).split(' ');

const PREFERRED = [...KEYWORDS].sort((a, b) => b.length - a.length);

function keywordAt(template: string, at: number): string | undefined {
  const upper = template.slice(at, at + 5).toUpperCase();
  return PREFERRED.find((keyword) => upper.startsWith(keyword));
}

/** Cuts a template. @throws `feature_not_supported` (0A000) for localised names (`TM`). */
export function cutTemplate(template: string): readonly TemplateField[] {
  const fields: TemplateField[] = [];
  let at = 0;
  let fill = true;
  const literal = (text: string): void => {
    fields.push({ field: '', text, fill: true, ordinal: '' });
  };
  while (at < template.length) {
    const rest = template.slice(at);
    if (/^FM/i.test(rest)) {
      fill = false;
      at += 2;
      continue;
    }
    if (/^FX/i.test(rest)) {
      at += 2;
      continue;
    }
    if (/^TM/i.test(rest)) throw unsupported('template pattern TM');
    const keyword = keywordAt(template, at);
    if (keyword !== undefined) {
      const text = template.slice(at, at + keyword.length);
      at += keyword.length;
      const ending = template.slice(at, at + 2);
      const ordinal = ending === 'TH' || ending === 'th' ? ending : '';
      at += ordinal.length;
      fields.push({ field: keyword, text, fill, ordinal });
      fill = true;
      continue;
    }
    const quoted = /^"((?:[^"\\]|\\.)*)"?/.exec(rest);
    if (quoted !== null) {
      literal((quoted[1] ?? '').replace(/\\(.)/g, '$1'));
      at += quoted[0].length;
      continue;
    }
    const char = rest.startsWith('\\"') ? '"' : String.fromCodePoint(rest.codePointAt(0) ?? 0);
    at += rest.startsWith('\\"') ? 2 : char.length;
    literal(char);
  }
  return fields;
}

/** Ending of an ordinal: 1st, 2nd, 3rd, 11th … */
export function ordinalEnding(digits: string, ending: 'TH' | 'th'): string {
  const tens = /1\d$/.test(digits);
  const last = digits.at(-1) ?? '';
  const lower = !tens && last === '1' ? 'st' : !tens && last === '2' ? 'nd' : !tens && last === '3' ? 'rd' : 'th';
  return ending === 'TH' ? lower.toUpperCase() : lower;
}

export const MONTH_NAMES = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export const DAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
export const ROMAN_MONTHS = ['I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII'] as const;
