/**
 * `CALL extentdb.defragment_start(passes => …, seconds => …, target => …)` and `CALL extentdb.defragment_stop()`: the online
 * defragmentation task of the session's database (JetDefragment2 with BatchStart and BatchStop).
 *
 * A start while it runs and a stop while it does not are warnings. `stop` waits for the task and returns a row: passes, seconds.
 */
import { fail } from '../../base/errors.ts';
import { REQUEST_TIMER, type Request, type Task } from '../../base/task.ts';
import type { DefragmentLimits } from '../../engine/defragmentation.ts';
import type { CallStatement } from '../ast/definitions.ts';
import { positionOf } from '../ast/names.ts';
import { findRelation } from '../session/names.ts';
import type { ResultColumn, ResultSink } from '../session/results.ts';
import { sendRows } from '../session/rows-out.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';

const INT4: Oid = 23;
const TEXT: Oid = 25;

const PARAMETERS = [
  ['passes', INT4],
  ['seconds', INT4],
  ['target', TEXT],
] as const;

const STOP_COLUMNS: readonly ResultColumn[] = ['passes', 'seconds'].map((name) => ({
  name,
  type: INT4,
  typmod: -1,
  table: 0,
  number: 0,
}));

/** Result columns of a CALL, for Describe; null = no rows. */
export function callColumns(s: CallStatement): readonly ResultColumn[] | null {
  return isProcedure(s, 'defragment_stop') ? STOP_COLUMNS : null;
}

/** @throws 42883 for any other procedure, 22023, 25006 */
export function* callProcedure(sql: SqlSession, s: CallStatement, text: string, sink: ResultSink): Task<void> {
  const { defragmentation } = sql.engine.database;
  if (isProcedure(s, 'defragment_start')) {
    if (sql.block.readOnly)
      throw fail('read_only_sql_transaction', 'cannot start online defragmentation in a read-only transaction');
    const limits = yield* limitsOf(sql, s, text);
    const started = defragmentation.start(limits);
    if (started === 'already running') sql.warn('online defragmentation is already running in this database');
    if (started === 'disabled') sql.tell('online defragmentation is switched off: nothing was started');
  } else if (isProcedure(s, 'defragment_stop') && s.args.length === 0) {
    let stopped = { wasRunning: false, passes: 0, seconds: 0 };
    yield waiting(async () => {
      stopped = await defragmentation.stop();
    });
    // Where it is switched off, a stop has nothing to miss.
    if (!stopped.wasRunning && defragmentation.mode !== 'off')
      sql.warn('online defragmentation is not running in this database');
    yield* sendRows(sql, sink, STOP_COLUMNS, [[stopped.passes, stopped.seconds]]);
  } else {
    const name = s.name.schema === null ? s.name.name : `${s.name.schema}.${s.name.name}`;
    throw fail('undefined_function', `procedure ${name} does not exist`, {
      position: positionOf(text, s.name.at),
      hint: 'There are extentdb.defragment_start(passes, seconds, target) and extentdb.defragment_stop().',
    });
  }
  sink.complete('CALL');
}

function isProcedure(s: CallStatement, name: string): boolean {
  return s.name.schema === 'extentdb' && s.name.name === name;
}

function* limitsOf(sql: SqlSession, s: CallStatement, text: string): Task<DefragmentLimits> {
  const given = new Map<string, SqlValue>();
  for (const [i, { name, value }] of s.args.entries()) {
    const parameter = name === null ? PARAMETERS[i] : PARAMETERS.find(([known]) => known === name.text);
    if (parameter === undefined || given.has(parameter[0])) {
      throw fail('undefined_function', 'procedure extentdb.defragment_start does not exist with these arguments', {
        position: positionOf(text, name?.at ?? s.name.at),
        hint: 'Its parameters are passes integer, seconds integer, target text.',
      });
    }
    const [evaluated = null] = yield* sql.runner.evaluateArguments([value], [parameter[1]], text);
    given.set(parameter[0], evaluated);
  }
  const number = (name: string): number | undefined => {
    const value = given.get(name);
    return typeof value === 'number' ? value : undefined;
  };
  return { passes: number('passes'), seconds: number('seconds'), target: targetOf(sql, given.get('target') ?? null) };
}

function targetOf(sql: SqlSession, value: SqlValue): DefragmentLimits['target'] {
  if (value === null || value === 'database') return 'database';
  if (value === 'space trees') return 'space trees';
  const [name = '', schema] = String(value).split('.').reverse();
  const relation = findRelation(sql.engine.catalog, sql.context.schemas, { schema, name });
  if (relation?.kind === 'table' || relation?.kind === 'index') {
    const table = relation.kind === 'table' ? relation : sql.engine.catalog.table(relation.table);
    const isRows = relation.kind === 'table' || table.primaryIndex === relation.oid;
    return { tree: isRows ? table.tree : relation.tree };
  }
  throw fail('invalid_parameter_value', `invalid target: "${String(value)}"`, {
    hint: 'A target is "database", "space trees", or the name of a table or index.',
  });
}

function waiting(start: () => Promise<void>): Request {
  return {
    kind: REQUEST_TIMER,
    start: (resume) => {
      let given = false;
      start().then(
        () => {
          if (!given) resume();
        },
        (error: unknown) => {
          if (!given) resume(error);
        },
      );
      return () => {
        given = true;
      };
    },
    answerNow: () => {
      throw fail('lock_not_available', 'a synchronous call cannot wait for the task to stop');
    },
  };
}
