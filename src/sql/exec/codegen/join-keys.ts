/**
 * The keys of a hash join in generated code: how they are read from a record, hashed and compared.
 *
 * Integers of any width are compared as two 32-bit halves, columns of equal fixed kinds as 32-bit words, text as bytes. A single
 * 32-bit integer is its own hash, so equal hashes say that keys are equal.
 */
import {
  fixedBytes,
  KIND_BOOL,
  KIND_CHAR1,
  KIND_DEC64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_NAME,
  KIND_TEXT,
  KIND_U32,
  KIND_UUID,
} from '../../../base/physical.ts';
import type { Expr } from '../../plan/logical.ts';
import { hashBytes } from '../hash-table.ts';
import type { JoinOptions } from '../join.ts';
import { CodeWriter } from './code.ts';
import { valueCode } from './expression-code.ts';
import { type Place, RowCode } from './row-code.ts';

/** smallint, integer, bigint, oid: equal across types when their values are. */
const INTEGER_TYPES: ReadonlySet<number> = new Set([20, 21, 23, 26]);
const INTEGERS: ReadonlySet<number> = new Set([KIND_I16, KIND_I32, KIND_U32, KIND_I64]);
/** Fixed kinds whose values are equal when their bytes are. */
const WORDS: ReadonlySet<number> = new Set([...INTEGERS, KIND_BOOL, KIND_CHAR1, KIND_DEC64, KIND_UUID]);

/** One side of a key: values of 32 bits each, or a range of bytes. */
type KeyCode = { readonly words: readonly string[]; readonly narrow: boolean } | { readonly text: Place };

interface SideKey {
  readonly code: KeyCode;
  readonly nulls: readonly string[];
}

/** The key expression as generated code compares it; undefined = not covered. `like`: the other side's. */
function keyCode(row: RowCode, expr: Expr, like: Expr, likeRow: RowCode): SideKey | undefined {
  const bare = withoutCast(expr);
  const other = withoutCast(like);
  if (bare.type !== other.type && !(isText(bare) && isText(other)) && !(isInteger(bare) && isInteger(other)))
    return undefined;
  const place = bare.kind === 'column' ? row.find(bare.id) : undefined;
  if (place === undefined) return integerCode(row, bare);
  const { kind, scale } = place.column.physical;
  if (kind === KIND_TEXT || kind === KIND_NAME) return { code: { text: place }, nulls: [row.nullTest(place)] };
  if (INTEGERS.has(kind)) return wideWords(place, row);
  if (!WORDS.has(kind)) return undefined;
  const there = other.kind === 'column' ? likeRow.find(other.id) : undefined;
  if (there?.column.physical.kind !== kind || there.column.physical.scale !== scale) return undefined;
  const at = `${place.names.start} + ${place.shape.layout.fixedAt[place.position]!}`;
  const size = fixedBytes(kind);
  const words =
    size === 1
      ? [`${place.names.bytes}[${at}]`]
      : Array.from({ length: size / 4 }, (_, i) => `${place.names.view}.getInt32(${at} + ${i * 4}, true)`);
  return { code: { words, narrow: false }, nulls: [row.nullTest(place)] };
}

function isInteger({ type }: Expr): boolean {
  return INTEGER_TYPES.has(type);
}

/** text, varchar, name. */
export function isText({ type }: Expr): boolean {
  return type === 25 || type === 1043 || type === 19;
}

/** An integer made wider is the same integer; text as varchar is the same text. */
export function withoutCast(expr: Expr): Expr {
  if (expr.kind !== 'cast') return expr;
  if (expr.cast.method === 'relabel') return withoutCast(expr.arg);
  const widens = (expr.arg.type === 21 || expr.arg.type === 23) && (expr.type === 23 || expr.type === 20);
  return widens && expr.type !== expr.arg.type ? withoutCast(expr.arg) : expr;
}

function wideWords(place: Place, row: RowCode): SideKey {
  const { view, start } = place.names;
  const at = `${start} + ${place.shape.layout.fixedAt[place.position]!}`;
  const nulls = [row.nullTest(place)];
  switch (place.column.physical.kind) {
    case KIND_I64:
      return {
        code: { words: [`${view}.getInt32(${at}, true)`, `${view}.getInt32(${at} + 4, true)`], narrow: false },
        nulls,
      };
    case KIND_U32:
      return { code: { words: [`${view}.getInt32(${at}, true)`, '0'], narrow: false }, nulls };
    default: {
      const size = place.column.physical.kind === KIND_I16 ? 16 : 32;
      return { code: { words: [`${view}.getInt${size}(${at}, true)`], narrow: true }, nulls };
    }
  }
}

function integerCode(row: RowCode, expr: Expr): SideKey | undefined {
  if (expr.type !== 21 && expr.type !== 23) return undefined;
  const value = valueCode(row, expr);
  return value?.kind === 'num' ? { code: { words: [value.code], narrow: true }, nulls: value.nulls } : undefined;
}

/** Both sides of all keys, or undefined. */
interface JoinKeys {
  readonly left: readonly SideKey[];
  readonly right: readonly SideKey[];
  /** Equal hashes are equal keys. */
  readonly proven: boolean;
}

/** The keys of both sides in code; undefined = a key is of a kind that is not covered, or nulls meet. */
export function joinKeys(options: JoinOptions, leftRow: RowCode, rightRow: RowCode): JoinKeys | undefined {
  const left: SideKey[] = [];
  const right: SideKey[] = [];
  for (const [i, { expr, nullsMeet }] of options.leftKeys.entries()) {
    const other = options.rightKeys[i]!;
    if (nullsMeet || other.nullsMeet) return undefined;
    const a = keyCode(leftRow, expr, other.expr, rightRow);
    const b = keyCode(rightRow, other.expr, expr, leftRow);
    if (a === undefined || b === undefined || 'text' in a.code !== 'text' in b.code) return undefined;
    const [one, two] = sameWidth(a, b);
    left.push(one);
    right.push(two);
  }
  const [first] = left;
  const proven = left.length === 1 && first !== undefined && 'words' in first.code && first.code.narrow;
  return { left, right, proven };
}

/** A 32-bit integer that meets a wider one gets its upper half. */
function sameWidth(a: SideKey, b: SideKey): [SideKey, SideKey] {
  if (!('words' in a.code) || !('words' in b.code) || a.code.narrow === b.code.narrow) return [a, b];
  return [widened(a), widened(b)];
}

function widened(key: SideKey): SideKey {
  if (!('words' in key.code) || !key.code.narrow) return key;
  const [low] = key.code.words;
  return { ...key, code: { words: [low!, `((${low}) >> 31)`], narrow: false } };
}

/** Names of one side's key values: words and text ranges, written as variables before their hash. */
interface KeyNames {
  readonly words: readonly (readonly string[])[];
  readonly texts: readonly { readonly bytes: string; readonly start: string; readonly end: string }[];
}

/** Writes the key values of the first record as variables; `long` is the code for a text that is a long value. */
export function writeKeys(
  row: RowCode,
  keys: readonly SideKey[],
  long: (at: string, bytes: string) => string,
): KeyNames {
  const w = row.writer;
  const words: string[][] = [];
  const texts: { bytes: string; start: string; end: string }[] = [];
  keys.forEach(({ code }, i) => {
    if ('words' in code) {
      words[i] = code.words.map((word, k) => {
        w.line(`const f${i * 8 + k} = ${word};`);
        return `f${i * 8 + k}`;
      });
      return;
    }
    const range = row.range(code.text);
    const names = { bytes: `u${i}`, start: `l${i}`, end: `z${i}` };
    w.line(`let u${i} = ${code.text.names.bytes}, l${i} = ${range.start}, z${i} = ${range.end};`);
    w.line(`if (${range.long}) { ${long(`l${i}`, `u${i}`)} l${i} = 0; z${i} = u${i}.length; }`);
    texts[i] = names;
  });
  return { words, texts };
}

/** Code of the hash of keys that were read. `proven` = a single integer, which is its own hash. */
export function hashCode(w: CodeWriter, keys: readonly SideKey[], names: KeyNames, proven: boolean): string {
  if (proven) return names.words[0]![0]!;
  let hash = '';
  const mix = (value: string): void => {
    hash = hash === '' ? value : `Math.imul(${hash}, 0x01000193) ^ ${value}`;
    hash = `(${hash})`;
  };
  keys.forEach((key, i) => {
    if ('words' in key.code) for (const word of names.words[i]!) mix(`Math.imul(${word}, 0x85ebca6b)`);
    else {
      const { bytes, start, end } = names.texts[i]!;
      mix(`${w.use(hashBytes)}(${bytes}, ${start}, ${end})`);
    }
  });
  return `(${hash} | 0)`;
}

/** Does `then` where a key is null. */
export function writeNullTest(w: CodeWriter, keys: readonly SideKey[], then: string): void {
  const nulls = keys.flatMap((k) => k.nulls);
  if (nulls.length > 0) w.line(`if (${nulls.join(' || ')}) ${then}`);
}

/** The right side's keys, read from the second record of a pair. */
export function joinKeysOfSecond(options: JoinOptions, row: RowCode): readonly SideKey[] {
  const left = new RowCode(new CodeWriter(), options.left.shape);
  return joinKeys(options, left, row)!.right;
}

/** Compares the keys of a candidate, whose hash is the same. */
export function writeSameKeys(row: RowCode, keys: JoinKeys, names: KeyNames, second: readonly SideKey[]): void {
  const w = row.writer;
  row.flush();
  const differs: string[] = [];
  keys.left.forEach((_, i) => {
    const { code } = second[i]!;
    if ('words' in code)
      code.words.forEach((word, k) => {
        differs.push(`${names.words[i]![k]!} !== ${word}`);
      });
    else {
      const { start, end } = row.range(code.text);
      const { bytes, start: from, end: to } = names.texts[i]!;
      differs.push(`!${w.use(sameRange)}(${bytes}, ${from}, ${to}, a, ${start}, ${end})`);
    }
  });
  w.line(`if (${differs.join(' || ')}) continue;`);
}

function sameRange(a: Uint8Array, from: number, to: number, b: Uint8Array, start: number, end: number): boolean {
  if (to - from !== end - start) return false;
  for (let i = from, k = start; i < to; i++, k++) if (a[i] !== b[k]) return false;
  return true;
}
