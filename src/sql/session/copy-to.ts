/** COPY … TO STDOUT: the rows of a query or a table as lines of text. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { CopyStatement } from '../ast/statements.ts';
import { Definer } from '../ddl/definer.ts';
import type { Env } from '../exec/state.ts';
import { columnReader, typeEntry } from '../exec/values.ts';
import { padBpchar } from '../types/text-types.ts';
import { type CopyOptions, copyField } from './copy-format.ts';
import { copyColumn, followCopy } from './copy-table.ts';
import { quoteIdentifier } from './names.ts';
import type { ResultSink } from './results.ts';
import { splitInto } from './select-into.ts';
import type { SqlSession } from './sql-session.ts';

const BPCHAR_OID = 1042;
/** Rows between two reports of how far it is. */
const REPORT_ROWS = 512;

/** @throws 42703, 42809 */
export function* copyTo(
  sql: SqlSession,
  s: CopyStatement,
  text: string,
  options: CopyOptions,
  sink: ResultSink,
): Task<void> {
  if (s.query !== null && splitInto(s.query) !== undefined)
    throw fail('feature_not_supported', 'COPY (SELECT INTO) is not supported');
  const query = s.query ?? tableQuery(sql, s, text);
  const prepared = sql.planner.internalStatement(query, s.query === null ? '' : text);
  const columns = prepared.planned!.columns;
  sink.copyOut(options.format, columns.length);
  if (options.header)
    sendLine(sink, columns.map((c) => copyField(c.name, c.name, options)).join(String.fromCharCode(options.delimiter)));
  let rows = 0;
  let bytes = 0;
  const work = followCopy(sql, 'COPY TO', s.table === null ? undefined : new Definer(sql, text).table(s.table));
  const delimiter = String.fromCharCode(options.delimiter);
  const lines: ResultSink = {
    columns() {},
    taker(shape) {
      const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
      const entries = shape.columns.map((c) => typeEntry(c.type));
      return (env: Env) => {
        const fields = readers.map((read, i) => {
          const value = read(env);
          if (value === null) return copyField(null, columns[i]!.name, options);
          const shown = entries[i]!.format(value, sql.context);
          const text = columns[i]!.type === BPCHAR_OID ? padBpchar(shown, columns[i]!.typmod) : shown;
          return copyField(text, columns[i]!.name, options);
        });
        bytes += sendLine(sink, fields.join(delimiter));
        if (++rows % REPORT_ROWS === 0) work.reach(rows, { scanned: bytes, moved: rows });
      };
    },
    room: () => sink.room(),
    complete() {},
    empty() {},
    copyIn: () => ({ next: () => undefined }),
    copyOut() {},
    copyLine() {},
    copyDone() {},
  };
  try {
    yield* sql.runStatement(prepared, [], lines);
  } finally {
    work.end();
  }
  sink.copyDone();
  sink.complete(`COPY ${rows}`);
}

/** @returns the line's bytes. */
function sendLine(sink: ResultSink, line: string): number {
  const bytes = Buffer.from(`${line}\n`);
  sink.copyLine(bytes, bytes.length);
  return bytes.length;
}

function tableQuery(sql: SqlSession, s: CopyStatement, text: string): string {
  const d = new Definer(sql, text);
  const found = d.relation(s.table!);
  if (found.kind === 'view')
    throw fail('wrong_object_type', `cannot copy from view "${found.name}"`, {
      hint: 'Try the COPY (SELECT ...) TO variant.',
    });
  const table = d.table(s.table!);
  if (table.partitioning !== undefined)
    throw fail('wrong_object_type', `cannot copy from partitioned table "${table.name}"`, {
      hint: 'Try the COPY (SELECT ...) TO variant.',
    });
  const names =
    s.columns.length > 0
      ? s.columns.map((n) => copyColumn(table, n.text).name)
      : table.columns.filter((c) => !c.dropped && c.generatedSql === undefined).map((c) => c.name);
  const schema = quoteIdentifier(d.catalog.object(table.schema)!.name);
  return `SELECT ${names.map((n) => `"${n.replaceAll('"', '""')}"`).join(', ')} FROM ${schema}.${quoteIdentifier(table.name)}`;
}
