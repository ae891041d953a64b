/**
 * One index of a REORGANIZE or an INDEXDEFRAG: foreseen if that is asked for, carried out unless it is a dry run, told and written down.
 *
 *   DRY_RUN = ON      plan     ──> told, in history as planned
 *   VERBOSE = ON      plan     ──> run ──> told with what was foreseen, both in history
 *   else              estimate ──> run ──> both in history
 *
 * A plan takes a quarter to two thirds of the time of its run, so it is made when somebody wants to see it, and never with a limit of
 * time, as it knows no pace; an estimate reads the level above the leaves and some leaves, within the limit.
 */
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { CommandOutcome, Prediction, WorkCounts } from '../../engine/history.ts';
import type { ReorganizePlan, ReorganizeReport, WorkTarget } from '../../engine/maintenance.ts';
import { quoteIdentifier } from '../session/names.ts';
import { indexFacts, sqlName } from './command-facts.ts';
import type { Definer } from './definer.ts';

export interface ReorganizeRun {
  readonly lobCompaction: boolean;
  /** Milliseconds that are left. */
  readonly durationMs: number | undefined;
  readonly pagesMax: number | undefined;
  readonly dryRun: boolean;
  readonly verbose: boolean;
  /** As requests show it. */
  readonly command: 'ALTER INDEX REORGANIZE' | 'DBCC INDEXDEFRAG';
  readonly treesTotal: number;
  readonly treesDone: number;
  /** Told of each step, in percent of this index. */
  readonly onPercent?: ((percent: number) => void) | undefined;
}

interface Outcome {
  readonly foreseen: Foreseen;
  readonly plan: ReorganizePlan | undefined;
  readonly report: ReorganizeReport | undefined;
}

/** What is foreseen so far. */
interface Foreseen {
  predicted?: WorkCounts | undefined;
  prediction: Prediction;
}

/** @returns what was done, or in a dry run would be. @throws 55006, 57014 */
export function* reorganizeOne(
  d: Definer,
  table: TableObject,
  target: WorkTarget,
  run: ReorganizeRun,
): Task<ReorganizeReport> {
  const { database } = d.engine;
  const type = run.command === 'DBCC INDEXDEFRAG' ? 'DBCC_INDEXDEFRAG' : 'ALTER_INDEX';
  const facts = indexFacts(d, table, target, commandText(d, table, target, run), type);
  const foreseen: Foreseen = { prediction: 'none: ended before' };
  const work = carryOut(d, target, run, foreseen);
  const { plan, report } = yield* database.history.record(facts, work, outcomeOf, true, () => foreseen);
  if (run.dryRun && plan !== undefined) tellPlan(d, target, plan);
  else if (run.verbose && report !== undefined) tellReport(d, target, report, plan);
  const done = report ?? plan;
  if (done === undefined) throw new Error('a run has a plan or a report');
  return done;
}

function* carryOut(d: Definer, target: WorkTarget, run: ReorganizeRun, foreseen: Foreseen): Task<Outcome> {
  const { maintenance, clock } = d.engine.database;
  const { lobCompaction, durationMs, pagesMax } = run;
  const began = clock.monotonicMs();
  maintenance.requireFree(target);
  const isPlanned = run.dryRun || (run.verbose && durationMs === undefined);
  const plan = isPlanned ? yield* maintenance.plan(target, { lobCompaction, pagesMax }, run) : undefined;
  if (plan === undefined) {
    const estimate = yield* maintenance.estimate(target, { lobCompaction, pagesMax }, run);
    foreseen.predicted = estimate === undefined ? undefined : { ...estimate, lobMoved: estimate.lobPagesMoved };
    foreseen.prediction = estimate === undefined ? 'none: it was gone' : 'estimate';
  } else {
    foreseen.predicted = counts(plan);
    foreseen.prediction = plan.isExact ? 'exact' : 'near';
  }
  if (run.dryRun) return { foreseen, plan, report: undefined };
  const { onPercent } = run;
  const report = yield* maintenance.reorganize(
    target,
    {
      lobCompaction,
      durationMs: durationMs === undefined ? undefined : Math.max(0, durationMs - (clock.monotonicMs() - began)),
      pagesMax,
      onProgress:
        onPercent === undefined ? undefined : ({ workDone, workTotal }) => onPercent((100 * workDone) / workTotal),
    },
    run,
  );
  return { foreseen, plan, report };
}

function counts(r: ReorganizeReport | ReorganizePlan): WorkCounts {
  return { scanned: r.scanned, moved: r.moved, removed: r.removed, lobMoved: r.lobPagesMoved };
}

function outcomeOf({ foreseen, report }: Outcome): CommandOutcome {
  const reason = report === undefined || report.reason === 'done' ? undefined : REASONS[report.reason];
  return {
    status: report === undefined ? 'planned' : reason === undefined ? 'done' : 'stopped',
    reason,
    ...foreseen,
    actual: report === undefined ? undefined : counts(report),
  };
}

const REASONS = {
  time: 'time is up',
  pages: 'page limit reached',
  stopped: 'stopped',
  gone: 'it was dropped meanwhile',
} as const;

/** The statement that does this to this index alone. */
function commandText(d: Definer, table: TableObject, target: WorkTarget, run: ReorganizeRun): string {
  const name = sqlName(d, table);
  if (run.command === 'DBCC INDEXDEFRAG') {
    return `DBCC INDEXDEFRAG (0, ${name}${target.index === 0 ? '' : `, ${quoteIdentifier(target.name)}`})`;
  }
  const what =
    target.index === 0
      ? `ALTER TABLE ${name} REORGANIZE`
      : `ALTER INDEX ${quoteIdentifier(target.name)} ON ${name} REORGANIZE`;
  const options = [`LOB_COMPACTION = ${run.lobCompaction ? 'ON' : 'OFF'}`];
  if (run.pagesMax !== undefined) options.push(`MAX_PAGES = ${run.pagesMax}`);
  if (run.dryRun) options.push('DRY_RUN = ON');
  return `${what} WITH (${options.join(', ')})`;
}

function tellReport(d: Definer, { name }: WorkTarget, r: ReorganizeReport, plan: ReorganizePlan | undefined): void {
  const long =
    r.lobExtentsSparse === 0
      ? ''
      : `; long values: ${r.lobExtentsDrained} of ${r.lobExtentsSparse} sparse extents emptied, ${r.lobPagesMoved} pages moved`;
  const ends = r.reason === 'done' ? '' : ` (${REASONS[r.reason]})`;
  d.sql.tell(
    `"${name}": ${r.scanned} pages scanned, ${r.moved} moved, ${r.removed} removed${long}${ends}`,
    plan === undefined
      ? {}
      : { detail: `Predicted were ${plan.moved} moved and ${plan.removed} removed${longPlan(plan)}.${near(plan)}` },
  );
}

function tellPlan(d: Definer, { name }: WorkTarget, p: ReorganizePlan): void {
  const limit = p.reason === 'pages' ? ' (page limit)' : '';
  const detail = near(p).trimStart();
  d.sql.tell(
    `"${name}": would scan ${p.scanned} pages, move ${p.moved}, remove ${p.removed}${longPlan(p)}${limit}`,
    detail === '' ? {} : { detail },
  );
}

function longPlan(p: ReorganizePlan): string {
  return p.lobExtentsSparse === 0
    ? ''
    : `; long values: ${p.lobExtentsDrained} of ${p.lobExtentsSparse} sparse extents, ${p.lobPagesMoved} pages`;
}

function near(p: ReorganizePlan): string {
  return p.isExact
    ? ''
    : ' That is near, not exact: it was changed meanwhile, or much of its free space is in small pieces.';
}
