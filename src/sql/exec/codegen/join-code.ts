/**
 * The code of a hash join: entering right rows, and probing with left ones into whatever takes the pairs.
 *
 *   link(t, from, to, s)           right rows → hash of their keys → `t.heads`, `t.next`
 *   probe(rows, t, s, sink …)      left rows from `t.row` on; for each its candidates from `t.candidate` on
 *
 * How keys are read, hashed and compared stands in join-keys.ts.
 *
 *   left row: keys, hash ─> candidates with that hash: compare keys, residual ─> met: sink        met nobody: sink (left, anti …)
 */
import type { RowBuffer } from '../../../engine/record-port.ts';
import type { Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import type { JoinOptions } from '../join.ts';
import type { JoinTable, LinkRows } from '../join-table.ts';
import type { ExecState } from '../state.ts';
import { type AggregateWork, built, type CompiledAggregate } from './aggregate-code.ts';
import { AggregateSink } from './aggregate-sink.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { copyColumns } from './copy-code.ts';
import { conditionCode } from './expression-code.ts';
import type { FusedGroups } from './fused-groups.ts';
import {
  hashCode,
  isText,
  joinKeys,
  joinKeysOfSecond,
  withoutCast,
  writeKeys,
  writeNullTest,
  writeSameKeys,
} from './join-keys.ts';
import { FIRST, RowCode, SECOND } from './row-code.ts';

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
