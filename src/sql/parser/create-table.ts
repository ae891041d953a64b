/** CREATE TABLE in all its forms, CREATE TABLE AS and CREATE MATERIALIZED VIEW. */

import { unsupported } from '../../base/errors.ts';
import type {
  CreateTableStatement,
  LikeClause,
  PartitionOf,
  PartitionSpec,
  TableElement,
  WrittenBound,
} from '../ast/definitions.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Name, QualifiedName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { parseColumnDefinition, parseTableConstraint, parseWithOptions } from './constraints.ts';
import { CLOSE, COMMA, type Cursor, OPEN } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { parseIndexKey } from './indexes.ts';
import { parseQuery } from './queries.ts';

interface Head {
  readonly at: number;
  readonly name: QualifiedName;
  readonly temporary: boolean;
  readonly unlogged: boolean;
  readonly ifNotExists: boolean;
}

/** The cursor is at TABLE. */
export function parseCreateTable(c: Cursor, at: number, temporary: boolean, unlogged: boolean): Statement {
  c.expect('table');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const head: Head = { at, name: c.qualifiedName(), temporary, unlogged, ifNotExists };
  if (c.is('of')) throw unsupported('CREATE TABLE OF type', c.position(c.at));
  if (c.acceptAll('partition', 'of')) return parsePartition(c, head);
  const start = c.at;
  if (isCreateAs(c)) return parseCreateAs(c, head);
  c.at = start;
  const elements = parseElements(c, true);
  const inherits = c.accept('inherits') ? c.parenthesized(() => c.qualifiedName()) : [];
  return finish(c, head, { elements, inherits, partitionOf: null });
}

/** `AS …`, `(a, b) AS …`, or options before AS. */
function isCreateAs(c: Cursor): boolean {
  if (!c.isPunctuation(OPEN)) return true;
  let ahead = 1;
  while (c.isColumnName(ahead)) {
    if (c.isPunctuation(CLOSE, ahead + 1)) return true;
    if (!c.isPunctuation(COMMA, ahead + 1)) return false;
    ahead += 2;
  }
  return false;
}

function parseElements(c: Cursor, typed: boolean): TableElement[] {
  c.expectPunctuation(OPEN);
  if (c.acceptPunctuation(CLOSE)) return [];
  const elements = c.list((): TableElement => {
    if (c.is('like')) return parseLike(c);
    return parseTableConstraint(c) ?? parseColumnDefinition(c, typed);
  });
  c.expectPunctuation(CLOSE);
  return elements;
}

const LIKE_WORDS = [
  'all',
  'comments',
  'compression',
  'constraints',
  'defaults',
  'generated',
  'identity',
  'indexes',
  'statistics',
  'storage',
] as const;

function parseLike(c: Cursor): LikeClause {
  const at = c.offset;
  c.at++;
  const table = c.qualifiedName();
  const options: LikeClause['options'][number][] = [];
  while (c.is('including') || c.is('excluding')) {
    const including = c.oneOf('including', 'excluding') === 'including';
    options.push({ including, what: c.oneOf(...LIKE_WORDS) });
  }
  return { kind: 'like', at, table, options };
}

function parsePartition(c: Cursor, head: Head): Statement {
  const parent = c.qualifiedName();
  const elements = c.isPunctuation(OPEN) ? parseElements(c, false) : [];
  const partitionOf: PartitionOf = { parent, bound: parsePartitionBound(c) };
  return finish(c, head, { elements, inherits: [], partitionOf });
}

/** `DEFAULT` or `FOR VALUES …`. */
export function parsePartitionBound(c: Cursor): WrittenBound {
  if (c.is('default')) {
    const bound = { kind: 'default' as const, at: c.offset };
    c.at++;
    return bound;
  }
  c.expect('for', 'values');
  const at = c.offset;
  const values = (): readonly Expression[] => c.parenthesized(() => parseExpression(c));
  if (c.accept('in')) return { kind: 'list', at, values: values() };
  if (c.accept('from')) {
    const from = values();
    c.expect('to');
    return { kind: 'range', at, from, to: values() };
  }
  c.expect('with');
  const sizes = new Map(
    c.parenthesized((): [string, number] => {
      const word = c.label().text;
      return [word, c.integer()];
    }),
  );
  const modulus = sizes.get('modulus');
  const remainder = sizes.get('remainder');
  if (modulus === undefined || remainder === undefined) throw c.syntaxError(c.at - 1);
  return { kind: 'hash', at, modulus, remainder };
}

function finish(
  c: Cursor,
  head: Head,
  body: Pick<CreateTableStatement, 'elements' | 'inherits' | 'partitionOf'>,
): CreateTableStatement {
  const partitionBy = c.are('partition', 'by') ? parsePartitionSpec(c) : null;
  const accessMethod: Name | null = c.accept('using') ? c.name() : null;
  if (c.are('without', 'oids')) c.at += 2;
  const options = parseWithOptions(c);
  const onCommit = parseOnCommit(c);
  const tablespace = c.accept('tablespace') ? c.name() : null;
  return { kind: 'createTable', ...head, ...body, partitionBy, accessMethod, options, onCommit, tablespace };
}

function parsePartitionSpec(c: Cursor): PartitionSpec {
  const at = c.offset;
  c.at += 2;
  const strategy = c.name().text;
  return { at, strategy, keys: c.parenthesized(() => parseIndexKey(c)) };
}

function parseOnCommit(c: Cursor): CreateTableStatement['onCommit'] {
  if (!c.acceptAll('on', 'commit')) return null;
  if (c.accept('drop')) return 'drop';
  const word = c.oneOf('preserve', 'delete');
  c.expect('rows');
  return word === 'preserve' ? 'preserve rows' : 'delete rows';
}

function parseCreateAs(c: Cursor, head: Head): Statement {
  const columns = c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [];
  if (c.accept('using')) c.name();
  const options = parseWithOptions(c);
  const onCommit = parseOnCommit(c);
  if (c.accept('tablespace')) c.name();
  c.expect('as');
  if (c.is('execute')) throw unsupported('CREATE TABLE AS EXECUTE', c.position(c.at));
  const query = parseQuery(c);
  const withData = parseWithData(c);
  return { kind: 'createTableAs', ...head, columns, materializedView: false, options, onCommit, query, withData };
}

function parseWithData(c: Cursor): boolean {
  if (c.acceptAll('with', 'no', 'data')) return false;
  c.acceptAll('with', 'data');
  return true;
}

/** The cursor is at MATERIALIZED. */
export function parseCreateMaterializedView(c: Cursor, at: number): Statement {
  c.expect('materialized', 'view');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const name = c.qualifiedName();
  const columns = c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [];
  if (c.accept('using')) c.name();
  const options = parseWithOptions(c);
  if (c.accept('tablespace')) c.name();
  c.expect('as');
  const query = parseQuery(c);
  const head = { at, name, columns, temporary: false, unlogged: false, ifNotExists };
  return {
    kind: 'createTableAs',
    ...head,
    materializedView: true,
    options,
    onCommit: null,
    query,
    withData: parseWithData(c),
  };
}
