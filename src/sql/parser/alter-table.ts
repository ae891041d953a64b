/** The actions of ALTER TABLE and of its twins for indexes, views and sequences. */

import type { AlterTableAction, AlterTableStatement, SequenceOption } from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { parseColumnDefinition, parseTableConstraint } from './constraints.ts';
import { parsePartitionBound } from './create-table.ts';
import { CLOSE, COMMA, type Cursor, OPEN } from './cursor.ts';
import { parseCascade } from './drop.ts';
import { parseExpression } from './expressions.ts';
import { parseStorageOptions } from './options.ts';
import { parseSequenceOption, parseSequenceOptions } from './sequences.ts';
import { parseTypeName } from './type-names.ts';

export function parseAlterRelation(
  c: Cursor,
  head: Omit<AlterTableStatement, 'kind' | 'actions'>,
): AlterTableStatement {
  // These two stand alone.
  const isAlone = c.are('attach', 'partition') || c.are('detach', 'partition');
  return { kind: 'alterTable', ...head, actions: isAlone ? [parseAction(c)] : c.list(() => parseAction(c)) };
}

function parseAction(c: Cursor): AlterTableAction {
  const at = c.offset;
  switch (c.word()) {
    case 'add':
      return parseAdd(c, at);
    case 'drop':
      return parseDrop(c, at);
    case 'alter':
      return parseAlterMember(c, at);
    case 'validate': {
      c.expect('validate', 'constraint');
      return { kind: 'validateConstraint', at, name: c.name() };
    }
    case 'owner': {
      c.expect('owner', 'to');
      return { kind: 'ownerTo', at, owner: c.role() };
    }
    case 'set':
    case 'reset':
      if (c.isPunctuation(OPEN, 1)) {
        const kind = c.oneOf('set', 'reset') === 'set' ? 'setOptions' : 'resetOptions';
        return { kind, at, options: parseStorageOptions(c) };
      }
  }
  if (c.acceptAll('attach', 'partition')) return parseAttach(c, at);
  if (c.acceptAll('detach', 'partition')) {
    const partition = c.qualifiedName();
    const mode = c.accept('concurrently') ? 'concurrently' : c.accept('finalize') ? 'finalize' : 'plain';
    return { kind: 'detachPartition', at, partition, mode };
  }
  return parseOther(c, at);
}

function parseAttach(c: Cursor, at: number): AlterTableAction {
  const partition = c.qualifiedName();
  const bound = c.is('for') || c.is('default') ? parsePartitionBound(c) : undefined;
  return { kind: 'attachPartition', at, partition, bound };
}

function parseAdd(c: Cursor, at: number): AlterTableAction {
  c.expect('add');
  const constraint = parseTableConstraint(c);
  if (constraint !== null) return { kind: 'addConstraint', at, constraint };
  c.accept('column');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  return { kind: 'addColumn', at, column: parseColumnDefinition(c, true), ifNotExists };
}

function parseDrop(c: Cursor, at: number): AlterTableAction {
  c.expect('drop');
  const isConstraint = c.accept('constraint');
  if (!isConstraint) c.accept('column');
  const ifExists = c.acceptAll('if', 'exists');
  const name = c.name();
  return { kind: isConstraint ? 'dropConstraint' : 'dropColumn', at, name, ifExists, cascade: parseCascade(c) };
}

function parseAlterMember(c: Cursor, at: number): AlterTableAction {
  c.expect('alter');
  if (c.accept('constraint')) return parseAlterConstraint(c, at);
  c.accept('column');
  const name = c.name();
  if (c.is('type') || c.are('set', 'data', 'type')) return parseAlterType(c, name, at);
  if (c.accept('add')) return parseAddIdentity(c, name, at);
  if (c.accept('drop')) return parseDropProperty(c, name, at);
  if (c.is('reset')) {
    c.at++;
    return { kind: 'resetColumnOptions', at, name, options: parseStorageOptions(c) };
  }
  if (c.is('restart') || (c.is('set') && startsIdentityChange(c))) return parseSetIdentity(c, name, at);
  c.expect('set');
  return parseSetProperty(c, name, at);
}

function parseAlterConstraint(c: Cursor, at: number): AlterTableAction {
  const name = c.name();
  let deferrable = false;
  let initiallyDeferred = false;
  for (;;) {
    if (c.acceptAll('not', 'deferrable')) deferrable = false;
    else if (c.accept('deferrable')) deferrable = true;
    else if (c.acceptAll('initially', 'deferred')) initiallyDeferred = deferrable = true;
    else if (c.acceptAll('initially', 'immediate')) initiallyDeferred = false;
    else return { kind: 'alterConstraint', at, name, deferrable, initiallyDeferred };
  }
}

function parseAlterType(c: Cursor, name: Name, at: number): AlterTableAction {
  if (c.accept('set')) c.accept('data');
  c.expect('type');
  const type = parseTypeName(c);
  const collation = c.accept('collate') ? c.functionName() : null;
  const using = c.accept('using') ? parseExpression(c) : null;
  return { kind: 'alterType', at, name, type, collation, using };
}

function parseAlways(c: Cursor): boolean {
  c.expect('generated');
  if (c.accept('always')) return true;
  c.expect('by', 'default');
  return false;
}

function parseAddIdentity(c: Cursor, name: Name, at: number): AlterTableAction {
  const always = parseAlways(c);
  c.expect('as', 'identity');
  return {
    kind: 'addIdentity',
    at,
    name,
    always,
    sequence: c.isPunctuation(OPEN) ? parseSequenceOptions(c, true) : [],
  };
}

function parseDropProperty(c: Cursor, name: Name, at: number): AlterTableAction {
  const word = c.oneOf('default', 'not', 'identity', 'expression');
  if (word === 'default') return { kind: 'dropDefault', at, name };
  if (word === 'not') {
    c.expect('null');
    return { kind: 'dropNotNull', at, name };
  }
  const ifExists = c.acceptAll('if', 'exists');
  return { kind: word === 'identity' ? 'dropIdentity' : 'dropExpression', at, name, ifExists };
}

/** After SET: GENERATED, or an option of the identity's sequence. */
function startsIdentityChange(c: Cursor): boolean {
  return [
    'generated',
    'increment',
    'minvalue',
    'maxvalue',
    'start',
    'cache',
    'cycle',
    'no',
    'sequence',
    'restart',
  ].includes(c.word(1));
}

function parseSetIdentity(c: Cursor, name: Name, at: number): AlterTableAction {
  let always: boolean | null = null;
  const sequence: SequenceOption[] = [];
  for (;;) {
    if (c.is('set')) c.at++;
    else if (!c.is('restart')) return { kind: 'setIdentity', at, name, always, sequence };
    if (c.is('generated')) always = parseAlways(c);
    else {
      const option = parseSequenceOption(c);
      if (option === null) throw c.syntaxError();
      sequence.push(option);
    }
  }
}

function parseSetProperty(c: Cursor, name: Name, at: number): AlterTableAction {
  if (c.isPunctuation(OPEN)) return { kind: 'setColumnOptions', at, name, options: parseStorageOptions(c) };
  const word = c.oneOf('default', 'not', 'statistics', 'storage', 'compression');
  switch (word) {
    case 'default': {
      const token = c.at;
      const expression = parseExpression(c);
      return { kind: 'setDefault', at, name, expression, text: c.textSince(token) };
    }
    case 'not':
      c.expect('null');
      return { kind: 'setNotNull', at, name };
    case 'statistics':
      return { kind: 'setStatistics', at, name, target: c.signedInteger() };
    case 'storage':
      return { kind: 'setStorage', at, name, value: c.label().text };
    case 'compression':
      return { kind: 'setCompression', at, name, value: c.label().text };
  }
}

/** Actions that are recognised by their first words and refused by whoever carries the statement out. */
const OTHERS: readonly (readonly string[])[] = [
  ['set', 'logged'],
  ['set', 'unlogged'],
  ['set', 'tablespace'],
  ['set', 'access', 'method'],
  ['set', 'without', 'cluster'],
  ['set', 'without', 'oids'],
  ['cluster', 'on'],
  ['enable', 'trigger'],
  ['disable', 'trigger'],
  ['enable', 'always'],
  ['enable', 'replica'],
  ['enable', 'rule'],
  ['disable', 'rule'],
  ['enable', 'row', 'level', 'security'],
  ['disable', 'row', 'level', 'security'],
  ['force', 'row', 'level', 'security'],
  ['no', 'force', 'row', 'level', 'security'],
  ['inherit'],
  ['no', 'inherit'],
  ['replica', 'identity'],
  ['not', 'of'],
  ['of'],
  ['depends', 'on', 'extension'],
];

function parseOther(c: Cursor, at: number): AlterTableAction {
  const found = OTHERS.find((words) => c.are(...words));
  if (found === undefined) throw c.syntaxError();
  c.at += found.length;
  const name = c.isColumnName() ? c.name() : null;
  // The rest of the action is not read; it ends at a comma outside parentheses.
  while (!c.atEnd && !c.isPunctuation(COMMA)) {
    if (c.isPunctuation(CLOSE)) throw c.syntaxError();
    c.at = c.isPunctuation(OPEN) ? c.behindParenthesis(c.at) : c.at + 1;
  }
  return { kind: 'other', at, what: found.join(' ').toUpperCase(), name };
}
