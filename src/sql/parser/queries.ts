/**
 * Queries: SELECT, VALUES, TABLE, set operations, WITH, and the tail of ORDER BY, LIMIT and locking.
 *
 * The clauses are written into a skeleton while the cursor walks over them (`skeleton-writer.ts`), node-sql-parser says how
 * they belong together, and the tree is lifted from its answer:
 *
 *     select core     SELECT DISTINCT e0 AS n1 FROM t2 AS a2 WHERE e3 GROUP BY e4 HAVING e5 ORDER BY e6 LIMIT 7
 *     set operations  SELECT q0 UNION ALL SELECT q1 EXCEPT SELECT q2 ORDER BY e3      every arm a query of its own
 *     WITH            WITH RECURSIVE n0 AS (SELECT q1) SELECT q2                       every body a statement of its own
 *
 * What node-sql-parser cannot carry is read beside the skeleton: WINDOW, INTO, locking, FETCH FIRST, GROUPING SETS, ALL of
 * INTERSECT and EXCEPT. Set operations come back flat; INTERSECT's higher rank is applied here.
 */

import type { Expression } from '../ast/expressions.ts';
import type { GroupItem, NamedWindow, Query, QueryBody, SelectBody, SelectInto, SelectTarget } from '../ast/queries.ts';
import { PUNCTUATION } from '../lexer/lexer.ts';
import { parseWith } from './common-tables.ts';
import { CLOSE, type Cursor, OPEN } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { liftFrom, parseRelation, writeFrom } from './from-items.ts';
import type { SkeletonArm, SkeletonQuery } from './skeleton.ts';
import { SkeletonWriter } from './skeleton-writer.ts';
import { addTail, liftTail, type Tail, writeList, writeTail } from './tails.ts';
import { parseNamedWindows } from './windows.ts';

const QUERY_WORDS = new Set(['select', 'values', 'with', 'table']);
const TAIL_WORDS = new Set(['union', 'intersect', 'except', 'order', 'limit', 'offset', 'fetch', 'for']);

/** Words that cannot begin a select list's first item: the list is empty. */
const AFTER_TARGETS = new Set(['from', 'where', 'group', 'having', 'window', 'into', ...TAIL_WORDS]);

/** Is the parenthesis at `token` one round a query, and not round an expression that begins with a sub-query? */
export function startsQuery(c: Cursor, token: number): boolean {
  const { lexer } = c;
  const isAt = (at: number, code: number) => at < c.to && lexer.kind(at) === PUNCTUATION && lexer.code(at) === code;
  let inner = token;
  while (isAt(inner, OPEN)) inner++;
  if (inner === token || inner >= c.to || !QUERY_WORDS.has(lexer.keyword(inner))) return false;
  let behind = inner - token > 1 ? c.behindParenthesis(inner - 1) : 0;
  for (let open = inner - 2; open >= token; open--) {
    if (behind < c.to && TAIL_WORDS.has(lexer.keyword(behind))) behind = c.behindParenthesis(open);
    else if (isAt(behind, CLOSE)) behind++;
    else return false;
  }
  return true;
}

/** A query in parentheses. */
export function parseSubquery(c: Cursor): Query {
  return c.nested(() => {
    c.expectPunctuation(OPEN);
    const query = parseQuery(c);
    c.expectPunctuation(CLOSE);
    return query;
  });
}

/** A query that may begin with WITH. */
export function parseQuery(c: Cursor): Query {
  if (!c.is('with')) return parseBody(c);
  const token = c.at;
  const statement = parseWith(c);
  if (statement.kind !== 'query') throw c.syntaxError(token);
  return statement;
}

/** What a select core leaves beside its skeleton. */
interface CoreExtras {
  readonly at: number;
  readonly groupDistinct: boolean;
  readonly windows: readonly NamedWindow[];
  readonly into: SelectInto | null;
}

interface Operation {
  readonly all: boolean;
  readonly at: number;
}

/** A query without WITH. */
export function parseBody(c: Cursor): Query {
  const at = c.offset;
  const core = new SkeletonWriter(c);
  const extras = c.is('select') ? writeCore(c, core) : null;
  const first = extras === null ? parseArm(c) : null;
  if (!isSetOperation(c)) {
    if (extras !== null) return liftCore(core, extras, writeTail(c, core));
    if (!TAIL_WORDS.has(c.word())) return first!;
  }
  const chain = new SkeletonWriter(c);
  const arm = first ?? liftCore(core, extras!, { withTies: false, locking: [] });
  chain.emit('SELECT ');
  chain.place('q', { kind: 'query', value: arm }, c.at);
  const operations: Operation[] = [];
  while (isSetOperation(c)) operations.push(writeSetOperation(c, chain));
  const tail = writeTail(c, chain);
  const skeleton = chain.parse('query');
  const queries = skeleton.arms.map((entry) => chain.value(entry.targets[0]!.item, 'query'));
  if (queries.length === 1) return addTail(c, queries[0]!, liftTail(chain, skeleton, tail));
  const body = associate(queries, skeleton.operations, operations);
  return { ...emptyTail(at, body), ...liftTail(chain, skeleton, tail) };
}

function isSetOperation(c: Cursor): boolean {
  return c.is('union') || c.is('intersect') || c.is('except');
}

function writeSetOperation(c: Cursor, w: SkeletonWriter): Operation {
  const token = c.at;
  const at = c.offset;
  const word = c.oneOf('union', 'intersect', 'except');
  const all = c.accept('all');
  if (!all) c.accept('distinct');
  w.emit(` ${word.toUpperCase()}${all && word === 'union' ? ' ALL' : ''} SELECT `, token);
  const armToken = c.at;
  w.place('q', { kind: 'query', value: c.nested(() => parseArm(c)) }, armToken);
  return { all, at };
}

/** One arm of a set operation, or a query's body that is no SELECT: its tail is empty unless it is in parentheses. */
function parseArm(c: Cursor): Query {
  if (c.isPunctuation(OPEN)) return parseSubquery(c);
  const at = c.offset;
  switch (c.word()) {
    case 'select': {
      const w = new SkeletonWriter(c);
      const extras = writeCore(c, w);
      return liftCore(w, extras, { withTies: false, locking: [] });
    }
    case 'values':
      return emptyTail(at, parseValues(c));
    case 'table':
      return emptyTail(at, parseTableCommand(c));
    default:
      throw c.syntaxError();
  }
}

function emptyTail(at: number, body: QueryBody): Query {
  return { kind: 'query', at, with: null, body, orderBy: [], limit: null, withTies: false, offset: null, locking: [] };
}

/** `VALUES (…), (…)`. */
export function parseValues(c: Cursor): Extract<QueryBody, { kind: 'values' }> {
  const at = c.offset;
  const slot = c.takeSlot(c.at);
  c.expect('values');
  const rows = c.list(() => c.parenthesized(() => parseExpression(c)));
  return { kind: 'values', at, rows, slot };
}

/** `TABLE name` is `SELECT * FROM name`. */
function parseTableCommand(c: Cursor): SelectBody {
  const at = c.offset;
  c.at++;
  const star: SelectTarget = { expression: { kind: 'star', at, qualifier: [], of: null }, alias: null };
  const from = [{ kind: 'table' as const, ...parseRelation(c), alias: null, sample: null }];
  return { ...EMPTY_SELECT, at, targets: [star], from };
}

const EMPTY_SELECT: Omit<SelectBody, 'at' | 'targets' | 'from'> = {
  kind: 'select',
  distinct: false,
  distinctOn: null,
  where: null,
  groupBy: [],
  groupDistinct: false,
  having: null,
  windows: [],
  into: null,
};

/** Left to right, INTERSECT first. */
function associate(
  queries: readonly Query[],
  operators: SkeletonQuery['operations'],
  operations: readonly Operation[],
): QueryBody {
  const operands = [queries[0]!];
  const pending: number[] = [];
  const combine = (index: number) => {
    const right = operands.pop()!;
    const left = operands.pop()!;
    const { all, at } = operations[index]!;
    operands.push(
      emptyTail(left.at, { kind: 'setOperation', at, operation: operators[index]!.operation, all, left, right }),
    );
  };
  operators.forEach((operator, index) => {
    const rank = (i: number) => (operators[i]!.operation === 'intersect' ? 2 : 1);
    const own = operator.operation === 'intersect' ? 2 : 1;
    while (pending.length > 0 && rank(pending.at(-1)!) >= own) combine(pending.pop()!);
    pending.push(index);
    operands.push(queries[index + 1]!);
  });
  while (pending.length > 0) combine(pending.pop()!);
  return operands[0]!.body;
}

// ── the select core ────────────────────────────────────────────────────────────────────────────────────────────────────

function writeCore(c: Cursor, w: SkeletonWriter): CoreExtras {
  const at = c.offset;
  w.emit('SELECT ');
  c.expect('select');
  writeDistinct(c, w);
  writeTargets(c, w);
  const into = c.is('into') ? parseInto(c) : null;
  let groupDistinct = false;
  for (;;) {
    const token = c.at;
    if (c.accept('from')) {
      w.emit(' FROM ', token);
      writeFrom(c, w);
    } else if (c.accept('where')) {
      w.emit(' WHERE ', token);
      w.place('e', { kind: 'expression', value: parseExpression(c) }, token + 1);
    } else if (c.acceptAll('group', 'by')) {
      groupDistinct = c.accept('distinct');
      if (!groupDistinct) c.accept('all');
      w.emit(' GROUP BY ', token);
      writeList(c, w, () => w.place('e', { kind: 'group', value: parseGroupItem(c) }, token));
    } else if (c.accept('having')) {
      w.emit(' HAVING ', token);
      w.place('e', { kind: 'expression', value: parseExpression(c) }, token + 1);
    } else break;
  }
  const windows = c.accept('window') ? parseNamedWindows(c) : [];
  return { at, groupDistinct, windows, into };
}

function writeDistinct(c: Cursor, w: SkeletonWriter): void {
  const token = c.at;
  if (!c.accept('distinct')) {
    c.accept('all');
    return;
  }
  w.emit('DISTINCT ', token);
  if (!c.accept('on')) return;
  w.emit('ON (', token);
  c.expectPunctuation(OPEN);
  writeList(c, w, () => w.place('e', { kind: 'expression', value: parseExpression(c) }, c.at));
  c.expectPunctuation(CLOSE);
  w.emit(') ');
}

function writeTargets(c: Cursor, w: SkeletonWriter): void {
  if (c.atEnd || c.isPunctuation(CLOSE) || AFTER_TARGETS.has(c.word())) {
    w.place('e', { kind: 'nothing' }, c.at);
    return;
  }
  writeList(c, w, () => {
    const token = c.at;
    const { expression, alias } = parseTarget(c);
    w.place('e', { kind: 'expression', value: expression }, token);
    if (alias === null) return;
    w.emit(' AS ');
    w.place('n', { kind: 'name', value: alias }, token);
  });
}

/** One item of a select or RETURNING list. */
export function parseTarget(c: Cursor): SelectTarget {
  if (c.isStar) {
    const at = c.offset;
    c.at++;
    return { expression: { kind: 'star', at, qualifier: [], of: null }, alias: null };
  }
  const expression = parseExpression(c);
  if (c.accept('as')) return { expression, alias: c.label() };
  return { expression, alias: c.isBareLabel() ? c.label() : null };
}

/** `INTO [[LOCAL | GLOBAL] TEMPORARY | UNLOGGED] [TABLE] name`; these words may be the name, too. */
function parseInto(c: Cursor): SelectInto {
  c.at++;
  for (const scope of ['local', 'global']) if (c.are(scope, 'temporary') || c.are(scope, 'temp')) c.at++;
  const precedesName = (word: string): boolean => c.is(word) && (c.isColumnName(1) || c.are(word, 'table'));
  const temporary = precedesName('temporary') || precedesName('temp');
  const unlogged = precedesName('unlogged');
  if (temporary || unlogged) c.at++;
  c.accept('table');
  return { ...c.qualifiedName(), temporary, unlogged };
}

function parseGroupItem(c: Cursor): GroupItem {
  const at = c.offset;
  if (c.isPunctuation(OPEN) && c.isPunctuation(CLOSE, 1)) {
    c.at += 2;
    return { kind: 'empty', at };
  }
  const nested = () => c.parenthesized(() => c.nested(() => parseGroupItem(c)));
  if (c.isPunctuation(OPEN, 1) && (c.is('rollup') || c.is('cube'))) {
    const kind = c.oneOf('rollup', 'cube');
    return { kind, at, items: nested() };
  }
  if (c.acceptAll('grouping', 'sets')) return { kind: 'sets', at, items: nested() };
  return { kind: 'expression', expression: parseExpression(c) };
}

function liftCore(w: SkeletonWriter, extras: CoreExtras, tail: Tail): Query {
  const skeleton = w.parse('query');
  const body = liftArm(w, skeleton.arms[0]!, extras);
  return { ...emptyTail(extras.at, body), ...liftTail(w, skeleton, tail) };
}

function liftArm(w: SkeletonWriter, arm: SkeletonArm, extras: CoreExtras): SelectBody {
  const isEmpty = arm.targets.length === 1 && w.entry(arm.targets[0]!.item).kind === 'nothing';
  const expression = (number: number): Expression => w.value(number, 'expression');
  return {
    kind: 'select',
    at: extras.at,
    distinct: arm.distinct,
    distinctOn: arm.distinctOn?.map(expression) ?? null,
    targets: isEmpty
      ? []
      : arm.targets.map(({ item, alias }) => ({ expression: expression(item), alias: w.optional(alias, 'name') })),
    from: liftFrom(w, arm.from),
    where: w.optional(arm.where, 'expression'),
    groupBy: arm.groupBy.map((item) => w.value(item, 'group')),
    groupDistinct: extras.groupDistinct,
    having: w.optional(arm.having, 'expression'),
    windows: extras.windows,
    into: extras.into,
  };
}
