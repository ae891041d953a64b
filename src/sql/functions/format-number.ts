/**
 * to_char and to_number of numbers.
 *
 *   9 digit, blank when leading   0 digit always   . D point   , G group   V shift by the digits behind   EEEE exponent
 *   S sign here   MI PL SG minus, plus, sign   PR <negative>   L currency   RN roman   TH th ordinal   FM no padding
 */

import { fail } from '../../base/errors.ts';
import { bigPow10, digitCount, Numeric, parseNumeric } from '../types/numeric.ts';
import { absoluteNumeric, multiplyNumeric, roundNumeric } from '../types/numeric-arithmetic.ts';
import { ordinalEnding } from './format-template.ts';

interface NumberItem {
  readonly kind: '9' | '0' | 'point' | 'group' | 'S' | 'MI' | 'PL' | 'SG' | 'PR' | 'L' | 'TH' | 'th' | 'V' | 'text';
  readonly text: string;
}

interface NumberTemplate {
  readonly items: readonly NumberItem[];
  readonly fill: boolean;
  readonly roman: string | undefined;
  /** EEEE: one digit, a fraction, an exponent. */
  readonly scientific: boolean;
  readonly whole: number;
  readonly fraction: number;
  readonly shift: number;
  /** Index among the whole digits of the first 0; Infinity = none. */
  readonly firstZero: number;
}

const WORD = /^(?:FM|TH|th|MI|PL|SG|PR|RN|rn|EEEE|[BSLDGV])/i;

function itemAt(rest: string): {
  readonly item: NumberItem | undefined;
  readonly length: number;
  readonly word: string;
} {
  const word = WORD.exec(rest)?.[0];
  if (word !== undefined) {
    const upper = word.toUpperCase();
    const make = (kind: NumberItem['kind']): NumberItem => ({ kind, text: word });
    const known: Readonly<Record<string, NumberItem>> = {
      TH: make(word === 'th' ? 'th' : 'TH'),
      MI: make('MI'),
      PL: make('PL'),
      SG: make('SG'),
      PR: make('PR'),
      S: make('S'),
      L: make('L'),
      V: make('V'),
      D: make('point'),
      G: make('group'),
    };
    return { item: known[upper], length: word.length, word: upper };
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"?/.exec(rest);
  if (quoted !== null) {
    return {
      item: { kind: 'text', text: (quoted[1] ?? '').replace(/\\(.)/g, '$1') },
      length: quoted[0].length,
      word: '',
    };
  }
  const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  const kinds: Readonly<Record<string, NumberItem['kind']>> = { '9': '9', '0': '0', '.': 'point', ',': 'group' };
  return { item: { kind: kinds[char] ?? 'text', text: char }, length: char.length, word: '' };
}

function readTemplate(template: string): NumberTemplate {
  const items: NumberItem[] = [];
  let fill = true;
  let scientific = false;
  let roman: string | undefined;
  for (let at = 0; at < template.length; ) {
    const { item, length, word } = itemAt(template.slice(at));
    if (scientific && item !== undefined) throw fail('syntax_error', '"EEEE" must be the last pattern used');
    if (word === 'FM') fill = false;
    else if (word === 'RN') roman = template.slice(at, at + 2);
    else if (word === 'EEEE') scientific = true;
    if (item !== undefined) items.push(item);
    at += length;
  }
  let whole = 0;
  let fraction = 0;
  let shift = 0;
  let firstZero = Number.POSITIVE_INFINITY;
  let state: 'whole' | 'fraction' | 'shift' = 'whole';
  for (const { kind } of items) {
    if (kind === 'point') {
      if (state !== 'whole')
        throw fail(
          'syntax_error',
          state === 'shift' ? 'cannot use "V" and decimal point together' : 'multiple decimal points',
        );
      state = 'fraction';
    } else if (kind === 'V') state = 'shift';
    else if (kind === '9' || kind === '0') {
      if (state === 'fraction') fraction++;
      else {
        if (kind === '0' && firstZero === Number.POSITIVE_INFINITY) firstZero = whole;
        whole++;
        if (state === 'shift') shift++;
      }
    }
  }
  if (scientific && (!fill || items.some(({ kind }) => !/^(?:9|0|point|group)$/.test(kind)))) {
    throw fail('syntax_error', '"EEEE" is incompatible with other formats', {
      detail: '"EEEE" may only be used together with digit and decimal point patterns.',
    });
  }
  return { items, fill, roman, scientific, whole, fraction, shift, firstZero };
}

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];
const ROMAN_WIDTH = 15;

function romanText(value: Numeric, form: string, fill: boolean): string {
  let rest = Number(roundNumeric(value, 0).coefficient);
  if (!(rest >= 1 && rest <= 3999)) return '#'.repeat(ROMAN_WIDTH);
  let text = '';
  for (const [amount, letters] of ROMAN) {
    while (rest >= amount) {
      text += letters;
      rest -= amount;
    }
  }
  const shown = form === 'rn' ? text.toLowerCase() : text;
  return fill ? shown.padStart(ROMAN_WIDTH) : shown;
}

/** Prints one number by one template, item by item. */
class NumberPrinter {
  readonly #template: NumberTemplate;
  readonly #negative: boolean;
  readonly #whole: string;
  readonly #fraction: string;
  /** Signs that the template places; without one the sign stands before the first digit. */
  readonly #ownSign: boolean;
  #out = '';
  #digit = 0;
  #fractionDigit = 0;
  #inFraction = false;
  #started = false;

  constructor(template: NumberTemplate, value: Numeric) {
    this.#template = template;
    const shifted = template.shift === 0 ? value : shiftedBy(value, template.shift);
    const rounded = roundNumeric(absoluteNumeric(shifted), template.fraction);
    this.#negative = value.sign < 0 && !rounded.isZero;
    const [whole = '0', fraction = ''] = rounded.toString().split('.');
    const needless = whole === '0' && template.fraction > 0 && (template.fill || !/^0*$/.test(fraction));
    this.#whole = needless ? '' : whole;
    this.#fraction = fraction;
    this.#ownSign = template.items.some(({ kind }) => /^(?:S|MI|SG|PR)$/.test(kind));
  }

  print(): string {
    const { items, fill } = this.#template;
    const overflow = this.#whole.length > this.#template.whole;
    if (!this.#ownSign && !fill && this.#template.whole === 0 && this.#negative) this.#out += '-';
    for (const item of items) this.#item(item, overflow);
    return this.#out;
  }

  /** The sign directly before the first digit, where the template has none of its own. */
  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const { items, fill } = this.#template;
    const leadingS = items.findIndex(({ kind }) => kind === 'S');
    const firstDigit = items.findIndex(({ kind }) => kind === '9' || kind === '0' || kind === 'point');
    if (leadingS >= 0 && leadingS < firstDigit) this.#out += this.#negative ? '-' : '+';
    else if (items.some(({ kind }) => kind === 'PR')) this.#out += this.#negative ? '<' : fill ? ' ' : '';
    else if (!this.#ownSign) this.#out += this.#negative ? '-' : fill ? ' ' : '';
  }

  #item(item: NumberItem, overflow: boolean): void {
    const { fill } = this.#template;
    switch (item.kind) {
      case '9':
      case '0':
        this.#digitItem(overflow);
        return;
      case 'point':
        this.#start();
        this.#inFraction = true;
        this.#out += '.';
        return;
      case 'group':
        if (this.#started && this.#shown()) this.#out += ',';
        else if (fill) this.#out += ' ';
        return;
      case 'S':
        if (this.#digit > 0 || this.#inFraction) this.#out += this.#negative ? '-' : '+';
        return;
      case 'MI':
        this.#out += this.#negative ? '-' : fill ? ' ' : '';
        return;
      case 'PL':
        this.#out += this.#negative ? (fill ? ' ' : '') : '+';
        return;
      case 'SG':
        this.#out += this.#negative ? '-' : '+';
        return;
      case 'PR':
        this.#out += this.#negative ? '>' : fill ? ' ' : '';
        return;
      case 'L':
        this.#out += fill ? ' ' : '';
        return;
      case 'TH':
      case 'th':
        if (!this.#negative && this.#template.fraction === 0) this.#out += ordinalEnding(this.#whole, item.kind);
        return;
      case 'V':
        return;
      case 'text':
        this.#out += item.text;
    }
  }

  #shown(): boolean {
    return this.#digit > this.#template.whole - this.#whole.length || this.#digit > this.#template.firstZero;
  }

  #digitItem(overflow: boolean): void {
    const { whole, fill, firstZero } = this.#template;
    if (this.#inFraction) {
      this.#fractionItem(overflow);
      return;
    }
    const position = this.#digit++;
    const blank = position < whole - this.#whole.length;
    if (overflow) {
      this.#start();
      this.#out += '#';
    } else if (!blank) {
      this.#start();
      this.#out += this.#whole.charAt(position - (whole - this.#whole.length));
    } else if (position >= firstZero) {
      this.#start();
      this.#out += '0';
    } else if (fill) this.#out += ' ';
  }

  #fractionItem(overflow: boolean): void {
    const position = this.#fractionDigit++;
    if (overflow) this.#out += '#';
    else if (this.#template.fill || position < this.#keptFraction()) this.#out += this.#fraction.charAt(position);
  }

  /** FM drops trailing zeros behind the last 0 of the template. */
  #keptFraction(): number {
    const trimmed = this.#fraction.replace(/0+$/, '').length;
    let position = 0;
    let kept = trimmed;
    let inFraction = false;
    for (const { kind } of this.#template.items) {
      if (kind === 'point') inFraction = true;
      else if (inFraction && (kind === '9' || kind === '0')) {
        position++;
        if (kind === '0') kept = Math.max(kept, position);
      }
    }
    return kept;
  }
}

/** One digit before the point, the template's digits behind it, and an exponent of two digits at least. */
function scientificText(value: Numeric, { fraction }: NumberTemplate): string {
  const digits = digitCount(value.coefficient);
  let exponent = value.isZero ? 0 : digits - value.scale - 1;
  const shift = fraction - exponent;
  let mantissa = roundNumeric(timesPowerOfTen(absoluteNumeric(value), shift), 0).toString();
  if (mantissa.length > fraction + 1) {
    exponent++;
    mantissa = mantissa.slice(0, -1);
  }
  const padded = mantissa.padStart(fraction + 1, '0');
  const text = fraction === 0 ? padded : `${padded.slice(0, 1)}.${padded.slice(1)}`;
  const sign = value.sign < 0 ? '-' : ' ';
  return `${sign}${text}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`;
}

/** value × 10^n, exact. */
function timesPowerOfTen(value: Numeric, n: number): Numeric {
  return n >= 0 ? multiplyNumeric(value, parseNumeric(`1e${n}`)) : new Numeric(value.coefficient, value.scale - n);
}

function shiftedBy(value: Numeric, digits: number): Numeric {
  return new Numeric(parseNumeric((BigInt(value.coefficient) * bigPow10(digits)).toString()).coefficient, value.scale);
}

/** Prints a number by a template. */
export function formatNumber(value: Numeric, template: string): string {
  const parsed = readTemplate(template);
  if (!value.isFinite) return '#'.repeat(parsed.whole + 1);
  if (parsed.scientific) return scientificText(value, parsed);
  if (parsed.roman !== undefined) return romanText(value, parsed.roman, parsed.fill);
  return new NumberPrinter(parsed, value).print();
}

/** Reads a number that was printed by a template: its digits, its point and its sign. */
export function parseNumber(text: string, template: string): Numeric {
  const parsed = readTemplate(template);
  const hasPoint = parsed.items.some(({ kind }) => kind === 'point');
  let digits = '';
  let point = false;
  let negative = false;
  for (const char of text) {
    if (/\d/.test(char)) digits += char;
    else if (char === '-' || char === '<') negative = true;
    else if (char === '.' && hasPoint && !point) {
      digits += '.';
      point = true;
    }
  }
  if (!/\d/.test(digits)) throw fail('invalid_text_representation', 'invalid input syntax for type numeric: " "');
  const value = parseNumeric(negative ? `-${digits}` : digits);
  return parsed.fraction > 0 ? roundNumeric(value, parsed.fraction) : value;
}
