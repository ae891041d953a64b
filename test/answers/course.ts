/**
 * A course: what one seed asks, case after case.
 *
 *   case n of kind k  =  f(seed, k, n)      so `--seed S --only N` asks N again without those before it
 *
 *   small     one query of small tables and many forms
 *   big       one query of large tables and few forms
 *   changes   a transaction, then reads of all tables
 *
 * One in five queries is prepared and runs three times with other parameters; one in four of the large ones has 64 kB of
 * work_mem.
 */
import { Prng } from '../../src/base/prng.ts';
import { CHANGE_TABLES_SETUP, READS, refill, transaction } from './changes.ts';
import { largeQuery } from './large-queries.ts';
import { type Kind, Pen } from './pen.ts';
import { select } from './selects.ts';
import { setupOf } from './tables.ts';

export const CASE_KINDS = ['small', 'big', 'changes'] as const;
export type CaseKind = (typeof CASE_KINDS)[number];

export interface Step {
  readonly sql: string;
  /** Values of $1, $2 … for each execution; without them the statement is sent as text, once. */
  readonly parameters?: readonly (readonly string[])[];
  /** The rows have one order. */
  readonly ordered?: boolean;
}

export interface Case {
  readonly kind: CaseKind;
  readonly number: number;
  /** Run in this order in both databases; each one's answers are compared. */
  readonly steps: readonly Step[];
  /** What puts both databases back; nobody compares what it answers. */
  readonly after: readonly string[];
}

const KINDS: readonly Kind[] = ['int', 'int', 'num', 'text', 'bool', 'date', 'ts', 'big', 'iv', 'arr', 'flt'];
const PREPARED = 0.2;
const LITTLE_MEMORY = 0.25;
const SQL_LENGTH_MAX = 5000;
const KIND_SEED = 0x9e37_79b1;
const CASE_SEED = 0x85eb_ca6b;

/** Statements that both databases run before a course: tables and rows of `seed`. */
export function setup(seed: number): string[] {
  return [...setupOf(new Prng(seed)), ...CHANGE_TABLES_SETUP, ...refill(new Prng(seed))];
}

/** Case `number` of `seed`. */
export function caseOf(seed: number, kind: CaseKind, number: number): Case {
  const own = (seed + Math.imul(CASE_KINDS.indexOf(kind) + 1, KIND_SEED) + Math.imul(number + 1, CASE_SEED)) >>> 0;
  const prng = new Prng(own);
  if (kind === 'changes') return changesCase(seed, number, prng);
  const prepared = prng.chance(PREPARED);
  for (;;) {
    const pen = new Pen(prng, prepared);
    const query = kind === 'big' ? largeQuery(pen) : smallQuery(pen);
    if (query.sql.length > SQL_LENGTH_MAX) continue;
    const { parameters } = pen;
    const step: Step = parameters?.[0]?.length ? { ...query, parameters } : query;
    const little = kind === 'big' && prng.chance(LITTLE_MEMORY);
    return {
      kind,
      number,
      steps: little ? [{ sql: "set work_mem = '64kB'" }, step] : [step],
      after: little ? ['reset work_mem'] : [],
    };
  }
}

function smallQuery(pen: Pen): { sql: string; ordered: boolean } {
  const kinds = Array.from({ length: 1 + pen.prng.below(3) }, () => pen.prng.pick(KINDS));
  return { sql: select(pen, [], kinds, 2), ordered: false };
}

function changesCase(seed: number, number: number, prng: Prng): Case {
  const { statements, commits } = transaction(new Pen(prng));
  const steps = [...statements, ...READS].map((sql) => ({ sql }));
  return { kind: 'changes', number, steps, after: commits ? refill(new Prng(seed)) : [] };
}
