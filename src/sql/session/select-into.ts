/**
 * `SELECT … INTO name …` is CREATE TABLE name AS SELECT …, written another way: here it becomes that, before anything is bound.
 *
 * INTO stands in the first SELECT of a statement's set operations; whoever binds a query that still has one refuses it.
 */
import type { CreateTableAsStatement } from '../ast/definitions.ts';
import type { Query, SelectInto } from '../ast/queries.ts';
import type { Statement } from '../ast/statements.ts';

/** The table that a query makes, and the query alone; undefined when it makes none. */
export function splitInto(statement: Statement): { readonly into: SelectInto; readonly query: Query } | undefined {
  return statement.kind === 'query' ? splitQuery(statement) : undefined;
}

function splitQuery(query: Query): { readonly into: SelectInto; readonly query: Query } | undefined {
  const { body } = query;
  if (body.kind === 'select') {
    if (body.into === null) return undefined;
    return { into: body.into, query: { ...query, body: { ...body, into: null } } };
  }
  if (body.kind !== 'setOperation') return undefined;
  const left = splitQuery(body.left);
  return left && { into: left.into, query: { ...query, body: { ...body, left: left.query } } };
}

/** The statement that makes and fills the table; undefined when the statement is no SELECT INTO. */
export function tableFromQuery(statement: Statement): CreateTableAsStatement | undefined {
  const split = splitInto(statement);
  if (split === undefined) return undefined;
  const { into, query } = split;
  return {
    kind: 'createTableAs',
    at: into.at,
    name: into,
    columns: [],
    temporary: into.temporary,
    unlogged: into.unlogged,
    ifNotExists: false,
    materializedView: false,
    options: [],
    onCommit: null,
    query,
    withData: true,
    bySelect: true,
  };
}
