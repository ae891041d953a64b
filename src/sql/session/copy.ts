/** COPY … FROM STDIN and COPY … TO STDOUT. */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { CopyStatement } from '../ast/statements.ts';
import { copyOptions } from './copy-format.ts';
import { copyFrom } from './copy-from.ts';
import { copyTo } from './copy-to.ts';
import type { ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';

export function* copy(sql: SqlSession, s: CopyStatement, text: string, sink: ResultSink): Task<void> {
  if (s.program) throw unsupported('COPY … PROGRAM');
  if (s.file !== null)
    throw fail('feature_not_supported', 'COPY to or from a file is not supported', {
      hint: "Use STDIN or STDOUT; psql's \\copy command reads and writes the client's files.",
    });
  const options = copyOptions(s);
  if (s.direction === 'to') {
    yield* copyTo(sql, s, text, options, sink);
    return;
  }
  if (s.where !== null) throw unsupported('COPY … FROM … WHERE');
  if (sql.block.readOnly)
    throw fail('read_only_sql_transaction', 'cannot execute COPY FROM in a read-only transaction');
  yield* copyFrom(sql, s, text, options, sink);
}
