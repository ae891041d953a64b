/** CREATE of everything but tables and indexes, and the recognition of what ExtentDB does not have. */

import { unsupported } from '../../base/errors.ts';
import type { Option } from '../ast/definitions.ts';
import type { Statement } from '../ast/statements.ts';
import { parseWithOptions } from './constraints.ts';
import { parseCreateMaterializedView, parseCreateTable } from './create-table.ts';
import { type Cursor, OPEN } from './cursor.ts';
import { parseCreateIndex } from './indexes.ts';
import { flag, parseOptionValue, stringOption, wordOption } from './options.ts';
import { parseQuery } from './queries.ts';
import { parseCreateSequence } from './sequences.ts';

export function parseCreate(c: Cursor): Statement {
  const at = c.offset;
  const start = c.at;
  c.expect('create');
  const orReplace = c.acceptAll('or', 'replace');
  if (c.is('global') || c.is('local')) c.at++;
  const temporary = c.accept('temporary') || c.accept('temp');
  const unlogged = !temporary && c.accept('unlogged');
  if (c.is('view') || c.are('recursive', 'view')) return parseCreateView(c, at, orReplace, temporary);
  if (orReplace) return refuse(c, start, at);
  if (c.is('table')) return parseCreateTable(c, at, temporary, unlogged);
  if (c.is('sequence')) return parseCreateSequence(c, at, temporary);
  if (temporary || unlogged) throw c.syntaxError();
  switch (c.word()) {
    case 'index':
    case 'unique':
      return parseCreateIndex(c, at);
    case 'materialized':
      return parseCreateMaterializedView(c, at);
    case 'schema':
      return parseCreateSchema(c, at);
    case 'database':
      return parseCreateDatabase(c, at);
    case 'extension':
      return parseCreateExtension(c, at);
    case 'role':
    case 'user':
    case 'group':
      if (c.word(1) !== 'mapping') return parseCreateRole(c, at);
  }
  return refuse(c, start, at);
}

const KINDS = new Set(
  `access aggregate cast collation constraint conversion default domain event foreign function language operator
   policy procedural procedure publication rule server statistics subscription tablespace text transform trigger trusted type
   user`.split(/\s+/),
);

/** A statement of a kind that PostgreSQL has; what follows the kind is not read. */
function refuse(c: Cursor, start: number, at: number): Statement {
  const word = c.word();
  if (!KINDS.has(word)) throw c.syntaxError();
  const two = ['access', 'event', 'foreign', 'text'].includes(word) && c.isLabel(1);
  const what = `${c.lexer.keyword(start)} ${word}${two ? ` ${c.word(1)}` : ''}`.toUpperCase();
  c.at = c.to;
  return { kind: 'unsupported', at, what };
}

function parseCreateView(c: Cursor, at: number, orReplace: boolean, temporary: boolean): Statement {
  const recursive = c.accept('recursive');
  c.expect('view');
  const name = c.qualifiedName();
  const columns = c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [];
  if (recursive && columns.length === 0) throw c.syntaxError();
  const options = parseWithOptions(c);
  c.expect('as');
  const token = c.at;
  const query = parseQuery(c);
  const text = c.textSince(token);
  let checkOption: 'local' | 'cascaded' | null = null;
  if (c.accept('with')) {
    checkOption = c.accept('local') ? 'local' : 'cascaded';
    if (checkOption === 'cascaded') c.accept('cascaded');
    c.expect('check', 'option');
  }
  return { kind: 'createView', at, name, columns, orReplace, temporary, recursive, options, query, text, checkOption };
}

function parseCreateSchema(c: Cursor, at: number): Statement {
  c.expect('schema');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const name = c.is('authorization') ? null : c.name();
  const owner = c.accept('authorization') ? c.role() : null;
  if (!c.atEnd && (c.is('create') || c.is('grant')))
    throw unsupported('CREATE SCHEMA with schema elements', c.position(c.at));
  return { kind: 'createSchema', at, name, owner, ifNotExists };
}

/** `[WITH] SCHEMA s VERSION v CASCADE`, in any order: they say where and which, and there is nothing to be made. */
function parseCreateExtension(c: Cursor, at: number): Statement {
  c.expect('extension');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const name = c.name();
  c.accept('with');
  while (!c.atEnd) {
    if (c.accept('cascade')) continue;
    if (c.accept('schema')) c.name();
    else if (c.accept('version')) parseOptionValue(c);
    else throw c.syntaxError();
  }
  return { kind: 'createExtension', at, name, ifNotExists };
}

function parseCreateDatabase(c: Cursor, at: number): Statement {
  c.expect('database');
  const name = c.name();
  c.accept('with');
  return { kind: 'createDatabase', at, name, options: parseDatabaseOptions(c) };
}

/** `OWNER = x`, `CONNECTION LIMIT 5`, `ENCODING 'UTF8'` … until the statement's end. */
export function parseDatabaseOptions(c: Cursor): Option[] {
  const options: Option[] = [];
  while (!c.atEnd) {
    const at = c.offset;
    const isLimit = c.acceptAll('connection', 'limit');
    const name = isLimit ? 'connection limit' : c.label().text;
    c.acceptEquals();
    options.push({ at, namespace: null, name, value: parseOptionValue(c) });
  }
  return options;
}

function parseCreateRole(c: Cursor, at: number): Statement {
  const written = c.oneOf('role', 'user', 'group');
  const name = c.role();
  c.accept('with');
  return { kind: 'createRole', at, written, name, options: parseRoleOptions(c) };
}

/** `SUPERUSER`, `PASSWORD 'x'`, `IN ROLE a, b` … until the statement's end. */
export function parseRoleOptions(c: Cursor): Option[] {
  const options: Option[] = [];
  while (!c.atEnd) options.push(parseRoleOption(c));
  return options;
}

function parseRoleOption(c: Cursor): Option {
  const at = c.offset;
  if (c.acceptAll('connection', 'limit')) {
    return { at, namespace: null, name: 'connection limit', value: parseOptionValue(c) };
  }
  if (c.accept('encrypted') || c.is('password')) {
    c.expect('password');
    return c.accept('null') ? wordOption('password', 'null', at) : stringOption('password', c.string(), at);
  }
  if (c.acceptAll('valid', 'until')) return stringOption('valid until', c.string(), at);
  if (c.accept('sysid')) return wordOption('sysid', String(c.integer()), at);
  const lists = [['in', 'role'], ['in', 'group'], ['role'], ['user'], ['admin']];
  for (const words of lists) {
    if (!c.acceptAll(...words)) continue;
    const items = c.list(() => {
      const role = c.role();
      return { kind: 'word' as const, text: role.text, at: role.at, items: [] };
    });
    return { at, namespace: null, name: words.join(' '), value: { kind: 'list', text: '', at, items } };
  }
  const word = c.label();
  const known = /^(?:no)?(?:superuser|createdb|createrole|inherit|login|replication|bypassrls)$/;
  if (!known.test(word.text)) throw c.errorAt(`unrecognized role option "${word.text}"`, c.at - 1);
  return flag(word.text, at);
}
