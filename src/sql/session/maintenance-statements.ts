/** Statements that look after what is there: rebuild, reorganize, vacuum, analyze, checkpoint, and the procedures of CALL. */
import type { Task } from '../../base/task.ts';
import type { Statement } from '../ast/statements.ts';
import { rebuildIndexes } from '../ddl/alter-index-rebuild.ts';
import { analyze, vacuum } from '../ddl/analyze.ts';
import { type Definer, defining } from '../ddl/definer.ts';
import { callProcedure } from '../ddl/defragment.ts';
import { indexDefrag } from '../ddl/index-defrag.ts';
import { cluster, reindex } from '../ddl/rebuild-statements.ts';
import { reorganize, setIndexOptions } from '../ddl/reorganize.ts';
import type { ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';
import { utilityTag } from './utility-tags.ts';

/** @returns false when the statement is none of these. */
export function maintenanceStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  return defining(sql, text, (d) => carryOut(d, s, sink));
}

function* carryOut(d: Definer, s: Statement, sink: ResultSink): Task<boolean> {
  const { sql } = d;
  switch (s.kind) {
    case 'reorganize':
      yield* reorganize(d, s);
      break;
    case 'indexDefrag':
      yield* indexDefrag(d, s, sink);
      break;
    case 'setIndexOptions':
      yield* setIndexOptions(d, s);
      break;
    case 'rebuild':
      yield* rebuildIndexes(d, s);
      break;
    case 'reindex':
      yield* reindex(d, s);
      break;
    case 'cluster':
      yield* cluster(d, s);
      break;
    case 'vacuum':
      sql.block.forbid('VACUUM');
      yield* vacuum(d, s);
      break;
    case 'analyze':
      yield* analyze(d, s);
      break;
    case 'checkpoint':
      yield* sql.engine.store.checkpoint();
      break;
    case 'callProcedure':
      yield* callProcedure(sql, s, d.text, sink);
      return true;
    default:
      return false;
  }
  sink.complete(utilityTag(s));
  return true;
}
