/**
 * Function calls: the general form with its modifiers (DISTINCT, ORDER BY, FILTER, OVER …), and the functions for which SQL
 * has a syntax of their own (EXTRACT, SUBSTRING, TRIM …).
 */

import { unsupported } from '../../base/errors.ts';
import type { CallArgument, CallExpression, ConditionalExpression, Expression, SortItem } from '../ast/expressions.ts';
import type { QualifiedName, TypeName } from '../ast/names.ts';
import { COLON_EQUALS, EQUALS_GREATER, STRING } from '../lexer/lexer.ts';
import { CLOSE, COMMA, type Cursor, OPEN } from './cursor.ts';
import { parseExpression, parseRestricted, systemCall } from './expressions.ts';
import { parseSortItem, parseWindow } from './windows.ts';

interface Arguments {
  readonly args: CallArgument[];
  readonly star: boolean;
  readonly distinct: boolean;
  readonly variadic: boolean;
  readonly orderBy: readonly SortItem[];
}

const NO_ARGUMENTS: Arguments = { args: [], star: false, distinct: false, variadic: false, orderBy: [] };

/** `name(…)` with everything that may follow; the cursor is at the name. */
export function parseNamedCall(c: Cursor): CallExpression {
  return c.nested(() => {
    const name: QualifiedName = c.isFunctionName() ? c.functionName() : c.qualifiedName();
    return parseModifiers(c, name, parseArguments(c, name.schema === 'sys'));
  });
}

/** @param takesDefault - SQL Server's functions take DEFAULT for an argument; it is the same as NULL. */
function parseArguments(c: Cursor, takesDefault: boolean): Arguments {
  c.expectPunctuation(OPEN);
  if (c.acceptPunctuation(CLOSE)) return NO_ARGUMENTS;
  if (c.isStar && c.isPunctuation(CLOSE, 1)) {
    c.at += 2;
    return { ...NO_ARGUMENTS, star: true };
  }
  const distinct = c.accept('distinct');
  const all = !distinct && c.accept('all');
  const args: CallArgument[] = [];
  let variadic = false;
  do {
    if (variadic) throw c.syntaxError();
    if (c.is('variadic') && !distinct && !all) {
      c.at++;
      variadic = true;
    }
    args.push(takesDefault && c.is('default') ? defaultArgument(c) : parseArgument(c));
  } while (c.acceptPunctuation(COMMA));
  const orderBy = c.acceptAll('order', 'by') ? c.list(() => parseSortItem(c)) : [];
  c.expectPunctuation(CLOSE);
  return { args, star: false, distinct, variadic, orderBy };
}

function defaultArgument(c: Cursor): CallArgument {
  const at = c.offset;
  c.expect('default');
  return { name: null, value: { kind: 'literal', at, literal: 'null', text: '', slot: -1 } };
}

function parseArgument(c: Cursor): CallArgument {
  const named = c.isPunctuation(EQUALS_GREATER, 1) || c.isPunctuation(COLON_EQUALS, 1);
  if (!named) return { name: null, value: parseExpression(c) };
  const name = c.label();
  c.at++;
  return { name, value: parseExpression(c) };
}

function parseModifiers(c: Cursor, name: QualifiedName, given: Arguments): CallExpression {
  let orderBy = given.orderBy;
  const withinGroup = c.are('within', 'group');
  if (withinGroup) {
    if (given.distinct) throw c.errorAt('cannot use DISTINCT with WITHIN GROUP', c.at);
    if (given.variadic) throw c.errorAt('cannot use VARIADIC with WITHIN GROUP', c.at);
    if (orderBy.length > 0) throw c.errorAt('cannot use multiple ORDER BY clauses with WITHIN GROUP', c.at);
    c.at += 2;
    c.expectPunctuation(OPEN);
    c.expect('order', 'by');
    orderBy = c.list(() => parseSortItem(c));
    c.expectPunctuation(CLOSE);
  }
  let filter: Expression | null = null;
  if (c.is('filter') && c.isPunctuation(OPEN, 1)) {
    c.at += 2;
    c.expect('where');
    filter = parseExpression(c);
    c.expectPunctuation(CLOSE);
  }
  const over = c.accept('over') ? (c.isPunctuation(OPEN) ? parseWindow(c) : c.name()) : null;
  const { args, star, distinct, variadic } = given;
  return {
    kind: 'call',
    at: name.at,
    name,
    args,
    star,
    distinct,
    variadic,
    orderBy,
    withinGroup,
    filter,
    over,
    written: 'call',
  };
}

const CONDITIONALS: readonly ConditionalExpression['name'][] = ['coalesce', 'nullif', 'greatest', 'least'];

/** Calls with a syntax of their own; null when the word at the cursor begins none. */
export function parseSyntaxCall(c: Cursor): Expression | null {
  const word = c.word();
  const at = c.offset;
  if (c.are('collation', 'for')) {
    c.at += 2;
    return systemCall(
      'pg_collation_for',
      c.parenthesized(() => parseExpression(c)),
      'collation for',
      at,
    );
  }
  if (!c.isPunctuation(OPEN, 1)) return null;
  const conditional = CONDITIONALS.find((name) => name === word);
  if (conditional !== undefined) return parseConditional(c, conditional);
  switch (word) {
    case 'extract':
      return withModifiers(c, parseExtract(c, at));
    case 'position':
      return withModifiers(c, parsePosition(c, at));
    case 'overlay':
      return withModifiers(c, parseOverlay(c, at));
    case 'substring':
      return withModifiers(c, parseSubstring(c, at));
    case 'trim':
      return withModifiers(c, parseTrim(c, at));
    case 'normalize':
      return withModifiers(c, parseNormalize(c, at));
    case 'grouping':
      c.at++;
      return { kind: 'grouping', at, args: c.parenthesized(() => parseExpression(c)) };
    case 'treat':
    case 'xmlconcat':
    case 'xmlelement':
    case 'xmlexists':
    case 'xmlforest':
    case 'xmlparse':
    case 'xmlpi':
    case 'xmlroot':
    case 'xmlserialize':
      throw unsupported(word.toUpperCase(), c.position(c.at));
    default:
      return null;
  }
}

/** These forms are functions to the grammar, so FILTER and OVER may follow, for the binder to refuse. */
function withModifiers(c: Cursor, call: CallExpression): CallExpression {
  if (!c.is('over') && !c.is('filter') && !c.is('within')) return call;
  const { name, written } = call;
  return { ...parseModifiers(c, name, { ...NO_ARGUMENTS, args: [...call.args] }), written };
}

function parseConditional(c: Cursor, name: ConditionalExpression['name']): Expression {
  const at = c.offset;
  c.at++;
  const args = c.parenthesized(() => parseExpression(c));
  if (name === 'nullif' && args.length !== 2) throw c.syntaxError(c.at - 1);
  return { kind: 'conditional', at, name, args };
}

function parseExtract(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const fieldAt = c.offset;
  const field = c.kind() === STRING ? c.string() : c.isColumnName() ? c.name().text : null;
  if (field === null) throw c.syntaxError();
  c.expect('from');
  const source = parseExpression(c);
  c.expectPunctuation(CLOSE);
  return systemCall(
    'extract',
    [{ kind: 'literal', at: fieldAt, literal: 'string', text: field, slot: -1 }, source],
    'extract',
    at,
  );
}

function parsePosition(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const part = parseRestricted(c);
  c.expect('in');
  const whole = parseRestricted(c);
  c.expectPunctuation(CLOSE);
  return systemCall('position', [whole, part], 'position', at);
}

/** A plain argument list in place of the special syntax: `overlay(a, b, c)`. */
function plainCall(c: Cursor, name: string, at: number, first: Expression): CallExpression {
  const args = [first];
  while (c.acceptPunctuation(COMMA)) args.push(parseExpression(c));
  c.expectPunctuation(CLOSE);
  return { ...systemCall(name, args, 'call', at), name: { catalog: null, schema: null, name, at } };
}

/** `overlay()`, `substring()`, `trim()` without arguments are calls that no function fits. */
function emptyCall(c: Cursor, name: string, at: number): CallExpression | null {
  return c.acceptPunctuation(CLOSE)
    ? { ...systemCall(name, [], 'call', at), name: { catalog: null, schema: null, name, at } }
    : null;
}

function parseOverlay(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const empty = emptyCall(c, 'overlay', at);
  if (empty !== null) return empty;
  const first = parseExpression(c);
  if (!c.accept('placing')) return plainCall(c, 'overlay', at, first);
  const args = [first, parseExpression(c)];
  c.expect('from');
  args.push(parseExpression(c));
  if (c.accept('for')) args.push(parseExpression(c));
  c.expectPunctuation(CLOSE);
  return systemCall('overlay', args, 'overlay', at);
}

function parseSubstring(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const empty = emptyCall(c, 'substring', at);
  if (empty !== null) return empty;
  const first = parseExpression(c);
  if (c.accept('similar')) {
    const pattern = parseExpression(c);
    c.expect('escape');
    const marker = parseExpression(c);
    c.expectPunctuation(CLOSE);
    return systemCall('substring', [first, pattern, marker], 'substring', at);
  }
  if (!c.is('from') && !c.is('for')) return plainCall(c, 'substring', at, first);
  let from: Expression | null = null;
  let length: Expression | null = null;
  while (c.is('from') || c.is('for')) {
    if (c.is('from') ? from !== null : length !== null) throw c.syntaxError();
    if (c.accept('from')) from = parseExpression(c);
    else {
      c.at++;
      length = parseExpression(c);
    }
  }
  c.expectPunctuation(CLOSE);
  // FOR alone counts from 1, and its argument must be an integer.
  if (length === null) return systemCall('substring', [first, from!], 'substring', at);
  if (from !== null) return systemCall('substring', [first, from, length], 'substring', at);
  const one: Expression = { kind: 'literal', at, literal: 'integer', text: '1', slot: -1 };
  return systemCall(
    'substring',
    [first, one, { kind: 'cast', at, operand: length, type: INT4, written: 'cast' }],
    'substring',
    at,
  );
}

const INT4: TypeName = {
  at: 0,
  schema: 'pg_catalog',
  name: 'int4',
  modifiers: [],
  dimensions: 0,
  intervalFields: null,
  setOf: false,
};

function parseTrim(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const side = c.is('both') || c.is('leading') || c.is('trailing') ? c.oneOf('both', 'leading', 'trailing') : 'both';
  const name = side === 'both' ? 'btrim' : side === 'leading' ? 'ltrim' : 'rtrim';
  const lead = c.is('from') ? null : parseExpression(c);
  if (!c.accept('from')) {
    const args = [lead!];
    while (c.acceptPunctuation(COMMA)) args.push(parseExpression(c));
    c.expectPunctuation(CLOSE);
    return systemCall(name, args, 'trim', at);
  }
  const args = c.list(() => parseExpression(c));
  if (lead !== null) args.push(lead);
  c.expectPunctuation(CLOSE);
  return systemCall(name, args, 'trim', at);
}

function parseNormalize(c: Cursor, at: number): CallExpression {
  c.at += 2;
  const args = [parseExpression(c)];
  if (c.acceptPunctuation(COMMA)) {
    const form = c.oneOf('nfc', 'nfd', 'nfkc', 'nfkd');
    args.push({ kind: 'literal', at, literal: 'string', text: form.toUpperCase(), slot: -1 });
  }
  c.expectPunctuation(CLOSE);
  return systemCall('normalize', args, 'normalize', at);
}
