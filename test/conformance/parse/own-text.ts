/** One canonical text of a query or DML statement from ExtentDB's tree: fully parenthesised, nothing left out. */

import type {
  CallExpression,
  Expression,
  FrameBound,
  SortItem,
  WindowDefinition,
} from '../../../src/sql/ast/expressions.ts';
import type { Name, QualifiedName, TypeName } from '../../../src/sql/ast/names.ts';
import type {
  Alias,
  Assignment,
  AssignmentTarget,
  FromItem,
  GroupItem,
  InsertStatement,
  PlannableStatement,
  Query,
  SelectBody,
  SelectTarget,
  WithClause,
} from '../../../src/sql/ast/queries.ts';

const q = (text: string) => JSON.stringify(text);
const join = <T>(items: readonly T[], text: (item: T) => string) => items.map(text).join(', ');

export function ownText(statement: PlannableStatement): string {
  switch (statement.kind) {
    case 'query':
      return query(statement);
    case 'insert':
      return insert(statement);
    case 'update':
      return `${withText(statement.with)}update ${statement.only ? 'only ' : ''}${qualified(statement.table)}${aliasName(statement.alias)} set ${join(statement.set, assignment)}${fromText(statement.from)}${clause('where', statement.where)}${returning(statement.returning)}`;
    case 'delete':
      return `${withText(statement.with)}delete ${statement.only ? 'only ' : ''}${qualified(statement.table)}${aliasName(statement.alias)}${statement.using.length > 0 ? ` using ${join(statement.using, from)}` : ''}${clause('where', statement.where)}${returning(statement.returning)}`;
  }
}

function aliasName(name: Name | null): string {
  return name === null ? '' : ` as ${q(name.text)}`;
}

function insert(s: InsertStatement): string {
  const columns = s.columns === null ? '' : ` (${join(s.columns, target)})`;
  const source = s.source === null ? 'default values' : query(s.source);
  return `${withText(s.with)}insert ${qualified(s.table)}${aliasName(s.alias)}${columns}${s.overriding === null ? '' : ` overriding ${s.overriding}`} ${source}${conflict(s)}${returning(s.returning)}`;
}

function conflict({ onConflict }: InsertStatement): string {
  if (onConflict === null) return '';
  const { target: on, update } = onConflict;
  let text = ' on conflict';
  if (on?.kind === 'constraint') text += ` constraint ${q(on.name.text)}`;
  else if (on !== null) {
    text += ` (${join(on.items, (item) => expression(item.expression))})${clause('where', on.where)}`;
  }
  if (update === null) return `${text} nothing`;
  return `${text} update ${join(update.set, assignment)}${clause('where', update.where)}`;
}

function assignment({ targets, multiple, value }: Assignment): string {
  return `${multiple ? `(${join(targets, target)})` : target(targets[0]!)} = ${expression(value)}`;
}

function target({ name, path }: AssignmentTarget): string {
  return q(name.text) + path.map((step) => ('text' in step ? `.${q(step.text)}` : '[]')).join('');
}

function returning(items: readonly SelectTarget[]): string {
  return items.length === 0 ? '' : ` returning ${join(items, selectTarget)}`;
}

function withText(clause: WithClause | null): string {
  if (clause === null) return '';
  const hint = (m: boolean | null) => (m === null ? '' : m ? 'materialized ' : 'not materialized ');
  const ctes = join(
    clause.ctes,
    (cte) =>
      `${q(cte.name.text)}(${join(cte.columns, (c) => q(c.text))}) as ${hint(cte.materialized)}(${ownText(cte.statement)})`,
  );
  return `with ${clause.recursive ? 'recursive ' : ''}${ctes} `;
}

function clause(word: string, value: Expression | null): string {
  return value === null ? '' : ` ${word} ${expression(value)}`;
}

export function query(s: Query): string {
  const { body } = s;
  let text = withText(s.with);
  if (body.kind === 'select') text += select(body);
  else if (body.kind === 'values') text += `values ${join(body.rows, (row) => `(${join(row, expression)})`)}`;
  else text += `(${query(body.left)}) ${body.operation}${body.all ? ' all' : ''} (${query(body.right)})`;
  if (s.orderBy.length > 0) text += ` order by ${join(s.orderBy, sort)}`;
  const isAll = s.limit?.kind === 'literal' && s.limit.literal === 'null';
  text += (isAll ? '' : clause('limit', s.limit)) + (s.withTies ? ' ties' : '') + clause('offset', s.offset);
  for (const lock of s.locking) text += ` for ${lock.strength} of ${join(lock.of, qualified)} ${lock.wait}`;
  return `<${text}>`;
}

function select(s: SelectBody): string {
  const distinct =
    s.distinctOn !== null ? ` distinct on (${join(s.distinctOn, expression)})` : s.distinct ? ' distinct' : '';
  let text = `select${distinct} ${join(s.targets, selectTarget)}`;
  if (s.into !== null) text += ` into ${qualified(s.into)}`;
  text += fromText(s.from) + clause('where', s.where);
  if (s.groupBy.length > 0) text += ` group by ${s.groupDistinct ? 'distinct ' : ''}${join(s.groupBy, group)}`;
  text += clause('having', s.having);
  if (s.windows.length > 0) text += ` window ${join(s.windows, (w) => `${q(w.name.text)} as ${window(w.definition)}`)}`;
  return text;
}

function selectTarget({ expression: value, alias }: SelectTarget): string {
  return expression(value) + aliasName(alias);
}

function group(item: GroupItem): string {
  if (item.kind === 'expression') return expression(item.expression);
  return item.kind === 'empty' ? '()' : `${item.kind}(${join(item.items, group)})`;
}

function sort({ expression: value, direction, operator, nulls }: SortItem): string {
  return `${expression(value)} ${direction === 'using' ? `using ${operator!.name}` : direction} ${nulls}`;
}

function fromText(items: readonly FromItem[]): string {
  return items.length === 0 ? '' : ` from ${join(items, from)}`;
}

function aliasText(alias: Alias | null): string {
  if (alias === null) return '';
  return aliasName(alias.name) + (alias.columns.length > 0 ? `(${join(alias.columns, (c) => q(c.text))})` : '');
}

function from(item: FromItem): string {
  switch (item.kind) {
    case 'table':
      return `${item.only ? 'only ' : ''}${qualified(item.name)}${aliasText(item.alias)}${item.sample === null ? '' : ' sample'}`;
    case 'subquery':
      return `${item.lateral ? 'lateral ' : ''}(${query(item.query)})${aliasText(item.alias)}`;
    case 'function': {
      const calls = join(item.calls, (f) => expression(f.call));
      const columns =
        item.columns === null ? '' : ` cols(${join(item.columns, (c) => `${q(c.name.text)} ${type(c.type)}`)})`;
      return `${item.lateral ? 'lateral ' : ''}${item.rowsFrom ? 'rows from ' : ''}[${calls}]${item.ordinality ? ' ordinality' : ''}${aliasText(item.alias)}${columns}`;
    }
    case 'join': {
      const kind = item.join === 'cross' ? 'inner' : item.join;
      const using =
        item.using === null ? '' : ` using (${join(item.using, (c) => q(c.text))})${aliasName(item.usingAlias)}`;
      return `(${from(item.left)} ${item.natural ? 'natural ' : ''}${kind} join ${from(item.right)}${using}${clause('on', item.on)})${aliasText(item.alias)}`;
    }
  }
}

function qualified(name: QualifiedName): string {
  return [name.catalog, name.schema, name.name]
    .filter((part) => part !== null)
    .map(q)
    .join('.');
}

function window(w: WindowDefinition): string {
  let text = w.base === null ? '' : q(w.base.text);
  if (w.partitionBy.length > 0) text += ` partition ${join(w.partitionBy, expression)}`;
  if (w.orderBy.length > 0) text += ` order ${join(w.orderBy, sort)}`;
  const bound = (b: FrameBound) => ('offset' in b ? `${b.kind} ${expression(b.offset)}` : b.kind);
  if (w.frame !== null) text += ` ${w.frame.unit} ${bound(w.frame.start)} ${bound(w.frame.end)} ${w.frame.exclude}`;
  return `{${text}}`;
}

export function type(t: TypeName): string {
  const name = t.schema === null || t.schema === 'pg_catalog' ? t.name : `${t.schema}.${t.name}`;
  const modifiers = t.modifiers.length > 0 ? `(${join(t.modifiers, expression)})` : '';
  return `${t.setOf ? 'setof ' : ''}${q(name)}${t.name === 'interval' ? '' : modifiers}${'[]'.repeat(t.dimensions)}`;
}

function call(e: CallExpression): string {
  const name = e.name.schema === 'pg_catalog' ? q(e.name.name) : qualified(e.name);
  const args = e.star
    ? '*'
    : e.args.map((a) => (a.name === null ? '' : `${q(a.name.text)} => `) + expression(a.value)).join(', ');
  const order = e.orderBy.length > 0 ? ` ${e.withinGroup ? 'within' : 'order'} ${join(e.orderBy, sort)}` : '';
  const over = e.over === null ? '' : ` over ${'kind' in e.over ? window(e.over) : q(e.over.text)}`;
  return `${name}(${e.distinct ? 'distinct ' : ''}${e.variadic ? 'variadic ' : ''}${args}${order})${clause('filter', e.filter)}${over}`;
}

/** A sign before a number is part of the number, as in PostgreSQL's tree. */
function negated(text: string): string | null {
  if (!/^-?[0-9.]+(?:e[-+]?[0-9]+)?$/i.test(text)) return null;
  if (/^0+$/.test(text)) return text;
  return text.startsWith('-') ? text.slice(1) : `-${text}`;
}

export function expression(e: Expression): string {
  switch (e.kind) {
    case 'literal':
      if (e.literal === 'string' || e.literal === 'bit') return `'${e.text}'`;
      return e.literal === 'null' ? 'null' : e.literal === 'boolean' ? (e.text === 't' ? 'true' : 'false') : e.text;
    case 'parameter':
      return `$${e.number}`;
    case 'column':
      return e.parts.map((part) => q(part.text)).join('.');
    case 'star':
      return e.of !== null ? `${expression(e.of)}.*` : [...e.qualifier.map((part) => q(part.text)), '*'].join('.');
    case 'operator': {
      const name = e.schema === null ? e.operator : `${e.schema}.${e.operator}`;
      const right = expression(e.right);
      const number = e.left === null && e.operator === '-' ? negated(right) : null;
      if (number !== null) return number;
      return e.left === null ? `(${name} ${right})` : `(${expression(e.left)} ${name} ${right})`;
    }
    case 'logical':
      return flat(e.connective, e.operands);
    case 'not':
      return `(not ${expression(e.operand)})`;
    case 'is':
      return `(${expression(e.operand)} is ${e.negated ? 'not ' : ''}${e.test})`;
    case 'distinctFrom':
      return `(${expression(e.left)} is ${e.negated ? 'not ' : ''}distinct from ${expression(e.right)})`;
    case 'between':
      return `(${expression(e.operand)} ${e.negated ? 'not ' : ''}between${e.symmetric ? ' symmetric' : ''} ${expression(e.low)} and ${expression(e.high)})`;
    case 'in':
      if (e.query !== null)
        return e.negated
          ? `(not (${expression(e.operand)} = any <<${query(e.query)}>>))`
          : `(${expression(e.operand)} = any <<${query(e.query)}>>)`;
      return `(${expression(e.operand)} ${e.negated ? 'not ' : ''}in (${join(e.items!, expression)}))`;
    case 'like': {
      const pattern =
        e.escape === null ? expression(e.pattern) : `esc(${expression(e.pattern)}, ${expression(e.escape)})`;
      return `(${expression(e.operand)} ${e.negated ? 'not ' : ''}${e.match} ${pattern})`;
    }
    case 'quantified':
      if (e.query !== null) return `(${expression(e.operand)} ${e.operator} ${e.quantifier} <<${query(e.query)}>>)`;
      return `(${expression(e.operand)} ${e.schema === null ? '' : `${e.schema}.`}${e.operator} ${e.quantifier} (${expression(e.array!)}))`;
    case 'exists':
      return `exists <<${query(e.query)}>>`;
    case 'scalarQuery':
      return `<<${query(e.query)}>>`;
    case 'array':
      return `array[${join(e.items, expression)}]`;
    case 'arrayQuery':
      return `array <<${query(e.query)}>>`;
    case 'row':
      return `row(${join(e.items, expression)})`;
    case 'case': {
      const branches = e.branches.map((b) => ` when ${expression(b.when)} then ${expression(b.result)}`).join('');
      return `case${e.operand === null ? '' : ` ${expression(e.operand)}`}${branches}${e.otherwise === null ? '' : ` else ${expression(e.otherwise)}`} end`;
    }
    case 'cast':
      return `cast(${expression(e.operand)} as ${type(e.type)})`;
    case 'collate':
      return `(${expression(e.operand)} collate ${qualified(e.collation)})`;
    case 'call':
      return call(e);
    case 'conditional':
      return `${e.name}(${join(e.args, expression)})`;
    case 'sqlValue':
      return `${e.name}${e.precision === null ? '' : `(${e.precision})`}`;
    case 'field':
      return `(${expression(e.operand)}).${q(e.field.text)}`;
    case 'subscript':
      return `${expression(e.operand)}${e.subscripts.map((s) => `[${s.lower === null ? '' : expression(s.lower)}${s.slice ? ':' : ''}${s.upper === null ? '' : expression(s.upper)}]`).join('')}`;
    case 'grouping':
      return `grouping(${join(e.args, expression)})`;
    case 'default':
      return 'default';
    case 'currentOf':
      return `current of ${q(e.cursor)}`;
  }
}

/** PostgreSQL flattens a chain on its left only; both sides here are flattened wholly. */
function flat(connective: 'and' | 'or', operands: readonly Expression[]): string {
  const parts = operands.flatMap((o): string[] => {
    const text = expression(o);
    return o.kind === 'logical' && o.connective === connective ? [text.slice(connective.length + 1, -1)] : [text];
  });
  return `${connective}(${parts.join('; ')})`;
}
