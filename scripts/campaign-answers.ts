/**
 * The campaign of answers: random queries and changes, in ExtentDB and in PostgreSQL 15, compared.
 *
 *   npm run campaign:answers -- --url postgres://postgres@127.0.0.1:5432/postgres --queries 20000 --seed 1 --kind small,big,changes
 *
 * Without `--url` it starts Debian's PostgreSQL 15 on a free port, when it is installed. A database `answers` is dropped and
 * made. Cases take turns between the kinds; tables are made anew, with the next seed, every thousand cases. Each difference is
 * printed with its seed, kind and number: `--seed S --kind K --only N` asks that one again.
 */
import { parseArgs } from 'node:util';
import { postgresPrograms, startPostgres } from '../bench/compare/servers.ts';
import { Beside } from '../test/answers/beside.ts';
import type { Verdict } from '../test/answers/comparison.ts';
import { CASE_KINDS, type CaseKind, caseOf } from '../test/answers/course.ts';

const CASES_PER_SEED = 1000;
const DIFFERENCES_MAX = 50;

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    queries: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string', default: CASE_KINDS.join(',') },
    only: { type: 'string' },
    show: { type: 'string', default: 'different' },
  },
});
const kinds = values.kind.split(',').map((word): CaseKind => {
  const kind = CASE_KINDS.find((k) => k === word);
  if (kind === undefined) throw new Error(`--kind ${word}: one of ${CASE_KINDS.join(', ')}`);
  return kind;
});
const counts: Record<Verdict, number> = { equal: 0, refused: 0, order: 0, timeout: 0, different: 0 };

async function ask(beside: Beside, seed: number, kind: CaseKind, number: number): Promise<void> {
  const { verdict, lines } = await beside.ask(caseOf(seed, kind, number));
  counts[verdict]++;
  if (!values.show.split(',').includes(verdict) && values.only === undefined) return;
  console.log(`${verdict}: --seed ${seed} --kind ${kind} --only ${number}`);
  for (const line of lines) console.log(line);
}

async function campaign(beside: Beside): Promise<void> {
  const first = Number(values.seed);
  const queries = Number(values.queries);
  const only = values.only?.split(',').map(Number);
  if (only !== undefined) {
    await beside.begin(first);
    for (const number of only) for (const kind of kinds) await ask(beside, first, kind, number);
    return;
  }
  for (let asked = 0; asked < queries && counts.different < DIFFERENCES_MAX; asked++) {
    const seed = first + Math.floor(asked / CASES_PER_SEED);
    if (asked % CASES_PER_SEED === 0) await beside.begin(seed);
    await ask(beside, seed, kinds[asked % kinds.length]!, asked % CASES_PER_SEED);
  }
}

const programs = values.url === undefined ? postgresPrograms() : undefined;
if (values.url === undefined && programs === undefined) {
  throw new Error('PostgreSQL 15 is not installed here: without --url nothing can be compared');
}
const started = performance.now();
const postgres = programs === undefined ? undefined : await startPostgres(programs);
try {
  const beside = await Beside.open(values.url ?? `postgres://postgres@127.0.0.1:${postgres?.port}/postgres`);
  try {
    await campaign(beside);
  } finally {
    await beside.close();
  }
} finally {
  await postgres?.stop();
}
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `from seed ${values.seed}: ${counts.equal} equal, ${counts.refused} errors of the same SQLSTATE, ${counts.order} that the ` +
    `order of evaluation decides (class 22), ${counts.timeout} timeouts, ${counts.different} differences, ${seconds} s`,
);
process.exitCode = counts.different === 0 ? 0 : 1;
