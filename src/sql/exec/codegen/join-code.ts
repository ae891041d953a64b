/**
 * The code of a hash join: entering right rows, and probing with left ones into whatever takes the pairs.
 *
 *   link(t, from, to, s)           right rows → hash of their keys → `t.heads`, `t.next`
 *   probe(rows, t, s, sink …)      left rows from `t.row` on; for each its candidates from `t.candidate` on
 *
 * Keys: integers of any width (compared as two 32-bit halves), columns of equal fixed kinds (as 32-bit words), text (bytes).
 * A single 32-bit integer is its own hash, so equal hashes say that keys are equal.
 *
 *   left row: keys, hash ─> candidates with that hash: compare keys, residual ─> met: sink        met nobody: sink (left, anti …)
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
import type { RowBuffer } from '../../../engine/record-port.ts';
import type { Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import { hashBytes } from '../hash-table.ts';
import type { JoinOptions } from '../join.ts';
import type { JoinTable, LinkRows } from '../join-table.ts';
import type { ExecState } from '../state.ts';
import { type AggregateWork, built, type CompiledAggregate } from './aggregate-code.ts';
import { AggregateSink } from './aggregate-sink.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { copyColumns } from './copy-code.ts';
import { conditionCode, valueCode } from './expression-code.ts';
import type { FusedGroups } from './fused-groups.ts';
import { FIRST, type Place, RowCode, SECOND } from './row-code.ts';

/** Puts pairs into `out` until it has a batch of them. */
export type ProbeRows = (rows: RowBuffer, t: JoinTable, s: ExecState, out: RowBuffer) => void;
/** Aggregates pairs. */
export type ProbeGroups = (rows: RowBuffer, t: JoinTable, s: ExecState, g: FusedGroups) => void;

export interface CompiledJoin {
  readonly link: LinkRows;
  readonly probe: ProbeRows;
  readonly source: string;
  /** Keys that may be long values are among those compared. */
  readonly readsText: boolean;
}

/** Candidates tried in one call of a probe, at most. */
const WORK_MAX = 16_384;
const BATCH_ROWS = 512;

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
function isText({ type }: Expr): boolean {
  return type === 25 || type === 1043 || type === 19;
}

/** An integer made wider is the same integer; text as varchar is the same text. */
function withoutCast(expr: Expr): Expr {
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

function joinKeys(options: JoinOptions, leftRow: RowCode, rightRow: RowCode): JoinKeys | undefined {
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
function writeKeys(row: RowCode, keys: readonly SideKey[], long: (at: string, bytes: string) => string): KeyNames {
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

function hashCode(w: CodeWriter, keys: readonly SideKey[], names: KeyNames, proven: boolean): string {
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

const SLOT = 'Math.imul(hash, 0x9e3779b1) >>> shift';

/** Right rows into the table. */
function compileLink(options: JoinOptions): { fn: LinkRows; source: string } | undefined {
  const w = new CodeWriter();
  const row = new RowCode(w, options.right.shape);
  const left = new RowCode(new CodeWriter(), options.left.shape);
  const keys = joinKeys(options, left, row);
  if (keys === undefined) return undefined;
  w.line('const { rows, heads, next, hashes, shift } = t;');
  w.open('for (let i = from; i < to; i++)');
  w.line('const p = rows.index[i], v = rows.views[p >>> 13], b = rows.chunks[p >>> 13], r = (p & 8191) << 3;');
  row.flush();
  writeNullTest(w, keys.right, 'continue;');
  const names = writeKeys(row, keys.right, () => 't.hasLong = true; return;');
  w.line(`const hash = ${hashCode(w, keys.right, names, keys.proven)};`);
  w.line('hashes[i] = hash;');
  w.line(`const slot = ${SLOT};`);
  w.line('next[i] = heads[slot]; heads[slot] = i + 1;');
  w.close();
  return w.build<LinkRows>('joinLink', ['t', 'from', 'to', 's']);
}

function writeNullTest(w: CodeWriter, keys: readonly SideKey[], then: string): void {
  const nulls = keys.flatMap((k) => k.nulls);
  if (nulls.length > 0) w.line(`if (${nulls.join(' || ')}) ${then}`);
}

/** What takes the pairs. */
interface PairSink {
  readonly expressions: readonly Expr[];
  /** The most pairs that a call may take; undefined = any number. */
  readonly bounded: boolean;
  open(w: CodeWriter): void;
  /** One pair; with `row.absent` a left row alone. `note`: code that notes where it stands before a wait. */
  write(row: RowCode, note: string): boolean;
  close(w: CodeWriter): void;
}

/** Writes the probe's whole body; false when something is not covered. */
function writeProbe(w: CodeWriter, options: JoinOptions, sink: PairSink): boolean {
  const { type, residual } = options;
  const row = new RowCode(w, options.left.shape, undefined, options.right.shape);
  const rightRow = new RowCode(new CodeWriter(), options.right.shape);
  const keys = joinKeys(options, row, rightRow);
  if (keys === undefined) return false;
  const once = type === 'semi' || type === 'anti';
  w.line('const { heads, next, hashes, shift, matched } = t;');
  w.line('const build = t.rows, places = build.index;');
  w.line('let i = t.row, n = t.candidate, met = t.met, work = 0, pairs = 0;');
  sink.open(w);
  w.open('rows: for (; i < rows.count; i++, n = -1)');
  w.line('const p = rows.index[i], v = rows.views[p >>> 13], b = rows.chunks[p >>> 13], r = (p & 8191) << 3;');
  row.preload([...conjunctsOf(residual), ...sink.expressions, ...options.leftKeys.map((k) => k.expr)]);
  w.line('if (n < 0) met = false;');
  w.open('found:');
  // A left row whose key is null meets nobody.
  writeNullTest(w, keys.left, '{ n = 0; break found; }');
  const names = writeKeys(row, keys.left, (at, bytes) => `${bytes} = t.longBytes(i, n, v, ${at});`);
  w.line(`const hash = ${hashCode(w, keys.left, names, keys.proven)};`);
  w.line(`if (n < 0) n = heads[${SLOT}];`);
  w.open('for (; n > 0; n = next[n - 1])');
  w.line(`if (++work > ${WORK_MAX}) break rows;`);
  w.line('if (hashes[n - 1] !== hash) continue;');
  w.line('const o = places[n - 1], w = build.views[o >>> 13], a = build.chunks[o >>> 13], q = (o & 8191) << 3;');
  if (!keys.proven) writeSameKeys(row, keys, names, joinKeysOfSecond(options, row));
  for (const condition of conjunctsOf(residual)) {
    const code = conditionCode(row, condition, true);
    if (code === undefined) return false;
    row.flush();
    w.line(`if (!${code}) continue;`);
  }
  w.line('met = true;');
  if (type === 'right' || type === 'full') w.line('matched[n - 1] = 1;');
  if (once) w.line('n = 0; break;');
  else {
    if (!sink.write(row, 't.row = i; t.candidate = n; t.met = met;')) return false;
    w.line(sink.bounded ? `if (out.count >= ${BATCH_ROWS}) { n = next[n - 1]; break rows; }` : 'pairs++;');
  }
  w.close();
  w.close();
  row.restartSecond();
  if (!writeAlone(row, options, sink)) return false;
  if (keys.left.some((k) => 'text' in k.code)) w.line('if (t.waited) t.rowDone();');
  if (sink.bounded) w.line(`if (out.count >= ${BATCH_ROWS}) { i++; n = -1; break; }`);
  w.close();
  w.line('t.row = i; t.candidate = n; t.met = met; t.work = work; t.pairs = pairs;');
  sink.close(w);
  return true;
}

/** The left row by itself, where the kind of join has it. */
function writeAlone(row: RowCode, { type }: JoinOptions, sink: PairSink): boolean {
  const w = row.writer;
  if (type === 'inner' || type === 'right') return true;
  row.absent = true;
  w.open(type === 'semi' ? 'if (met)' : 'if (!met)');
  const done = sink.write(row, 't.row = i; t.candidate = 0; t.met = met;');
  if (!sink.bounded) w.line('pairs++;');
  w.close();
  row.absent = false;
  return done;
}

/** The right side's keys, read from the second record of a pair. */
function joinKeysOfSecond(options: JoinOptions, row: RowCode): readonly SideKey[] {
  const left = new RowCode(new CodeWriter(), options.left.shape);
  return joinKeys(options, left, row)!.right;
}

/** Compares the keys of a candidate, whose hash is the same. */
function writeSameKeys(row: RowCode, keys: JoinKeys, names: KeyNames, second: readonly SideKey[]): void {
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

/** Pairs as rows of the join's shape. */
function rowSink(options: JoinOptions): PairSink {
  const { shape, left, right } = options;
  return {
    expressions: [],
    bounded: true,
    open: () => undefined,
    write: (row) => {
      const w = row.writer;
      w.line('out.start();');
      copyColumns(w, shape, ({ id }) => {
        const inLeft = left.shape.position(id);
        if (inLeft >= 0) return { shape: left.shape, names: FIRST, position: inLeft };
        return row.absent ? undefined : { shape: right.shape, names: SECOND, position: right.shape.require(id) };
      });
      w.line('out.finish();');
      return true;
    },
    close: () => undefined,
  };
}

/** Compiles a join that puts out its pairs, or answers undefined when something is not covered. */
export function compileJoin(options: JoinOptions): CompiledJoin | undefined {
  if (!mayGenerateCode()) return undefined;
  const link = compileLink(options);
  const w = new CodeWriter();
  if (link === undefined || !writeProbe(w, options, rowSink(options))) return undefined;
  const probe = w.build<ProbeRows>('joinProbe', ['rows', 't', 's', 'out']);
  return probe === undefined
    ? undefined
    : {
        link: link.fn,
        probe: probe.fn,
        source: `${link.source}\n${probe.source}`,
        readsText: options.leftKeys.some(({ expr }) => isText(withoutCast(expr))),
      };
}

/** Compiles the aggregation of a join's pairs, without rows in between. Not for joins that put out right rows alone. */
export function compileJoinAggregate(
  options: JoinOptions,
  work: AggregateWork,
): CompiledAggregate<ProbeGroups> | undefined {
  if (!mayGenerateCode() || options.type === 'right' || options.type === 'full') return undefined;
  const like = (w: CodeWriter): RowCode => new RowCode(w, options.left.shape, undefined, options.right.shape);
  const sink = AggregateSink.plan(like, work.groups, work.groupShape, work.calls);
  if (sink === undefined) return undefined;
  const w = new CodeWriter();
  const pairs: PairSink = {
    expressions: sink.expressions,
    bounded: false,
    open: (writer) => sink.open(writer),
    write: (row, note) => sink.write(row, note),
    close: (writer) => sink.close(writer),
  };
  if (!writeProbe(w, options, pairs)) return undefined;
  return built(w.build<ProbeGroups>('joinGroups', ['rows', 't', 's', 'g']), sink);
}
