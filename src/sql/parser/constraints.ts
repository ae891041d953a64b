/** Column definitions, and the constraints of columns and tables. */

import { unsupported } from '../../base/errors.ts';
import type {
  ColumnConstraint,
  ColumnDefinition,
  ForeignKeyConstraint,
  KeyConstraint,
  ReferentialAction,
  SequenceOption,
  TableConstraint,
} from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { type Cursor, OPEN } from './cursor.ts';
import { parseExpression, parseRestricted } from './expressions.ts';
import { parseStorageOptions } from './options.ts';
import { parseSequenceOptions } from './sequences.ts';
import { parseTypeName } from './type-names.ts';

interface Deferral {
  deferrable: boolean;
  initiallyDeferred: boolean;
  notValid: boolean;
}

/** `name type [COLLATE c] constraints`; in PARTITION OF the type is left out (`typed` false). */
export function parseColumnDefinition(c: Cursor, typed: boolean): ColumnDefinition {
  const at = c.offset;
  const name = c.name();
  const type = typed ? parseTypeName(c) : null;
  if (!typed && c.accept('with')) c.expect('options');
  if (c.accept('compression')) throw unsupported('column compression', c.position(c.at));
  let collation: ColumnDefinition['collation'] = null;
  const constraints: ColumnConstraint[] = [];
  for (;;) {
    if (c.accept('collate')) {
      collation = c.functionName();
      continue;
    }
    const constraint = parseColumnConstraint(c);
    if (constraint === null) return { kind: 'columnDefinition', at, name, type, collation, constraints };
    constraints.push(constraint);
  }
}

function parseConstraintName(c: Cursor): Name | null {
  return c.accept('constraint') ? c.name() : null;
}

function parseColumnConstraint(c: Cursor): ColumnConstraint | null {
  const at = c.offset;
  const start = c.at;
  const name = parseConstraintName(c);
  switch (c.word()) {
    case 'not':
      c.expect('not', 'null');
      return { kind: 'notNull', at, name };
    case 'null':
      c.at++;
      return { kind: 'null', at, name };
    case 'default': {
      c.at++;
      const token = c.at;
      const expression = parseRestricted(c);
      return { kind: 'defaultValue', at, name, expression, text: c.textSince(token) };
    }
    case 'check':
      return parseCheck(c, name, at);
    case 'primary':
    case 'unique':
      return parseKey(c, name, at, false);
    case 'references':
      return parseReferences(c, name, at, []);
    case 'generated':
      return parseGenerated(c, name, at);
    default:
      if (name !== null) throw c.syntaxError();
      c.at = start;
      return null;
  }
}

function parseGenerated(c: Cursor, name: Name | null, at: number): ColumnConstraint {
  c.at++;
  const always = c.accept('always');
  if (!always) c.expect('by', 'default');
  c.expect('as');
  if (c.accept('identity')) {
    const sequence: SequenceOption[] = c.isPunctuation(OPEN) ? parseSequenceOptions(c, true) : [];
    return { kind: 'identity', at, name, always, sequence };
  }
  if (!always) throw c.errorAt('for a generated column, GENERATED ALWAYS must be specified', c.at - 1);
  const { expression, text } = parseBracketed(c);
  c.expect('stored');
  return { kind: 'generated', at, name, expression, text };
}

/** `( expression )` with the expression's own text. */
export function parseBracketed(c: Cursor) {
  if (!c.isPunctuation(OPEN)) throw c.syntaxError();
  const token = c.at + 1;
  let text = '';
  const [expression] = c.parenthesized(() => {
    const value = parseExpression(c);
    text = c.textSince(token);
    return value;
  });
  return { expression: expression!, text };
}

function parseCheck(c: Cursor, name: Name | null, at: number): Extract<TableConstraint, { kind: 'check' }> {
  c.expect('check');
  const { expression, text } = parseBracketed(c);
  const noInherit = c.acceptAll('no', 'inherit');
  return { kind: 'check', at, name, expression, text, noInherit, ...parseDeferral(c) };
}

function parseKey(c: Cursor, name: Name | null, at: number, listed: boolean): KeyConstraint {
  const kind = c.oneOf('primary', 'unique') === 'primary' ? 'primaryKey' : 'unique';
  if (kind === 'primaryKey') c.expect('key');
  let nullsNotDistinct = false;
  if (kind === 'unique' && c.accept('nulls')) {
    nullsNotDistinct = c.accept('not');
    c.expect('distinct');
  }
  if (listed && c.acceptAll('using', 'index')) {
    const usingIndex = c.name();
    const none = { columns: [], include: [], options: [], tablespace: null };
    return { kind, at, name, ...none, nullsNotDistinct, usingIndex, ...parseDeferral(c) };
  }
  const columns = listed ? c.parenthesized(() => c.name()) : [];
  const include = listed && c.accept('include') ? c.parenthesized(() => c.name()) : [];
  const options = c.is('with') && c.isPunctuation(OPEN, 1) ? parseWithOptions(c) : [];
  const tablespace = c.acceptAll('using', 'index', 'tablespace') ? c.name() : null;
  return {
    kind,
    at,
    name,
    columns,
    include,
    nullsNotDistinct,
    options,
    tablespace,
    usingIndex: null,
    ...parseDeferral(c),
  };
}

/** `WITH ( … )` if it stands here. */
export function parseWithOptions(c: Cursor) {
  return c.accept('with') ? parseStorageOptions(c) : [];
}

function parseReferences(c: Cursor, name: Name | null, at: number, columns: readonly Name[]): ForeignKeyConstraint {
  c.expect('references');
  const references = c.qualifiedName();
  const referencedColumns = c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [];
  const match = c.accept('match') ? c.oneOf('full', 'partial', 'simple') : 'simple';
  let onDelete: ReferentialAction = 'no action';
  let onUpdate: ReferentialAction = 'no action';
  let onDeleteColumns: readonly Name[] = [];
  while (c.is('on')) {
    c.at++;
    const event = c.oneOf('delete', 'update');
    const action = parseAction(c);
    const hasColumns = (action === 'set null' || action === 'set default') && c.isPunctuation(OPEN);
    const actionColumns = hasColumns ? c.parenthesized(() => c.name()) : [];
    if (event === 'update') {
      if (hasColumns) throw unsupported('a column list with ON UPDATE SET', c.position(c.at - 1));
      onUpdate = action;
    } else {
      onDelete = action;
      onDeleteColumns = actionColumns;
    }
  }
  const deferral = parseDeferral(c);
  const head = { kind: 'foreignKey' as const, at, name, columns, references, referencedColumns, match };
  return { ...head, onDelete, onDeleteColumns, onUpdate, ...deferral };
}

function parseAction(c: Cursor): ReferentialAction {
  if (c.acceptAll('no', 'action')) return 'no action';
  if (c.accept('set')) return c.oneOf('null', 'default') === 'null' ? 'set null' : 'set default';
  return c.oneOf('restrict', 'cascade');
}

function parseDeferral(c: Cursor): Deferral {
  const result: Deferral = { deferrable: false, initiallyDeferred: false, notValid: false };
  let refused = false;
  for (;;) {
    if (c.acceptAll('not', 'deferrable')) refused = true;
    else if (c.accept('deferrable')) result.deferrable = true;
    else if (c.acceptAll('initially', 'deferred')) result.initiallyDeferred = true;
    else if (c.acceptAll('initially', 'immediate')) result.initiallyDeferred = false;
    else if (c.acceptAll('not', 'valid')) result.notValid = true;
    else break;
  }
  if (refused && result.initiallyDeferred)
    throw c.errorAt('constraint declared INITIALLY DEFERRED must be DEFERRABLE', c.at - 2);
  result.deferrable ||= result.initiallyDeferred;
  return result;
}

/** A table constraint; null when none stands here. */
export function parseTableConstraint(c: Cursor): TableConstraint | null {
  const at = c.offset;
  const name = parseConstraintName(c);
  switch (c.word()) {
    case 'check':
      return parseCheck(c, name, at);
    case 'primary':
    case 'unique':
      return parseKey(c, name, at, true);
    case 'foreign': {
      c.expect('foreign', 'key');
      return parseReferences(
        c,
        name,
        at,
        c.parenthesized(() => c.name()),
      );
    }
    case 'exclude':
      throw unsupported('EXCLUDE constraint', c.position(c.at));
    default:
      if (name !== null) throw c.syntaxError();
      return null;
  }
}
