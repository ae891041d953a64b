/** DROP, COMMENT ON, GRANT and REVOKE: the statements that name objects of any kind. */

import type { ObjectKind, Privilege } from '../ast/definitions.ts';
import type { Name, QualifiedName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { type Cursor, DOT, OPEN } from './cursor.ts';
import { parseUtilityOptions } from './options.ts';
import { parseTypeName } from './type-names.ts';

/** Kinds by the words that name them, the longer first. */
const KINDS: readonly (readonly [ObjectKind, ...string[]])[] = [
  ['materialized view', 'materialized', 'view'],
  ['foreign table', 'foreign', 'table'],
  ['foreign data wrapper', 'foreign', 'data', 'wrapper'],
  ['event trigger', 'event', 'trigger'],
  ['access method', 'access', 'method'],
  ['large object', 'large', 'object'],
  ['operator class', 'operator', 'class'],
  ['operator family', 'operator', 'family'],
  ['language', 'procedural', 'language'],
  ['text search', 'text', 'search'],
  ['table', 'table'],
  ['index', 'index'],
  ['view', 'view'],
  ['sequence', 'sequence'],
  ['schema', 'schema'],
  ['database', 'database'],
  ['role', 'role'],
  ['role', 'user'],
  ['role', 'group'],
  ['type', 'type'],
  ['domain', 'domain'],
  ['function', 'function'],
  ['procedure', 'procedure'],
  ['routine', 'routine'],
  ['aggregate', 'aggregate'],
  ['extension', 'extension'],
  ['trigger', 'trigger'],
  ['rule', 'rule'],
  ['policy', 'policy'],
  ['column', 'column'],
  ['constraint', 'constraint'],
  ['operator', 'operator'],
  ['collation', 'collation'],
  ['conversion', 'conversion'],
  ['statistics', 'statistics'],
  ['language', 'language'],
  ['cast', 'cast'],
  ['transform', 'transform'],
  ['publication', 'publication'],
  ['subscription', 'subscription'],
  ['server', 'server'],
  ['tablespace', 'tablespace'],
];

/** Kinds whose objects ExtentDB never has: what follows them is not read. */
const FOREIGN = new Set<ObjectKind>([
  'function',
  'procedure',
  'routine',
  'aggregate',
  'trigger',
  'rule',
  'policy',
  'operator',
  'operator class',
  'operator family',
  'cast',
  'transform',
  'text search',
  'large object',
  'access method',
  'foreign data wrapper',
  'server',
  'language',
  'event trigger',
]);

/** Steps over the words of a kind. */
export function parseObjectKind(c: Cursor): ObjectKind {
  const found = KINDS.find(([, ...words]) => c.are(...words));
  if (found === undefined) throw c.syntaxError();
  c.at += found.length - 1;
  return found[0];
}

/** A statement about a foreign kind: its rest is skipped, so that it can be refused by name. */
export function refusal(c: Cursor, verb: string, kind: ObjectKind, at: number): Statement {
  c.at = c.to;
  return { kind: 'unsupported', at, what: `${verb} ${kind.toUpperCase()}` };
}

export function parseDrop(c: Cursor): Statement {
  const at = c.offset;
  c.expect('drop');
  if (c.is('owned') || c.are('user', 'mapping'))
    return refusal(c, c.is('owned') ? 'DROP OWNED' : 'DROP USER', 'database', at);
  const object = parseObjectKind(c);
  if (FOREIGN.has(object)) return refusal(c, 'DROP', object, at);
  if (object === 'column' || object === 'constraint') throw c.syntaxError(c.at - 1);
  const concurrently = object === 'index' && c.accept('concurrently');
  const ifExists = c.acceptAll('if', 'exists');
  const names = c.list(() => parseDropName(c, object));
  const options = object === 'database' ? parseDropOptions(c) : [];
  const cascade = parseCascade(c);
  return { kind: 'drop', at, object, names, ifExists, concurrently, cascade, options };
}

function parseDropName(c: Cursor, object: ObjectKind): QualifiedName {
  if (object === 'role') {
    const role = c.role();
    return { catalog: null, schema: null, name: role.text, at: role.at };
  }
  if (object === 'type' || object === 'domain') {
    const type = parseTypeName(c);
    return { catalog: null, schema: type.schema, name: type.name, at: type.at };
  }
  return c.qualifiedName();
}

function parseDropOptions(c: Cursor) {
  const hasOptions = c.isPunctuation(OPEN) || (c.is('with') && c.isPunctuation(OPEN, 1));
  if (!hasOptions) return [];
  c.accept('with');
  return parseUtilityOptions(c);
}

/** CASCADE or RESTRICT; true for CASCADE. */
export function parseCascade(c: Cursor): boolean {
  if (c.accept('cascade')) return true;
  c.accept('restrict');
  return false;
}

export function parseComment(c: Cursor): Statement {
  const at = c.offset;
  c.expect('comment', 'on');
  const object = parseObjectKind(c);
  if (FOREIGN.has(object)) return refusal(c, 'COMMENT ON', object, at);
  let name: QualifiedName;
  let member: Name | null = null;
  if (object === 'column') {
    const parts = [c.name()];
    while (c.acceptPunctuation(DOT)) parts.push(c.label());
    if (parts.length < 2) throw c.errorAt('column name must be qualified', c.at - 1);
    member = parts.pop()!;
    name = {
      name: parts.at(-1)!.text,
      schema: parts.at(-2)?.text ?? null,
      catalog: parts.at(-3)?.text ?? null,
      at: parts[0]!.at,
    };
  } else if (object === 'constraint') {
    member = c.name();
    c.expect('on');
    if (c.accept('domain')) return refusal(c, 'COMMENT ON CONSTRAINT ON', 'domain', at);
    name = c.qualifiedName();
  } else name = parseDropName(c, object);
  c.expect('is');
  return { kind: 'comment', at, object, name, member, text: c.accept('null') ? null : c.string() };
}

export function parseGrant(c: Cursor): Statement {
  const at = c.offset;
  const revoke = c.oneOf('grant', 'revoke') === 'revoke';
  let withOption = false;
  if (revoke && (c.is('grant') || c.is('admin')) && c.word(1) === 'option') {
    c.at += 2;
    c.expect('for');
    withOption = true;
  }
  const privileges = parsePrivileges(c);
  let object: ObjectKind | null = null;
  let names: QualifiedName[] = [];
  let allInSchema = false;
  if (c.accept('on')) {
    allInSchema = c.is('all');
    object = allInSchema ? parseAllInSchema(c) : parseGrantKind(c);
    if (FOREIGN.has(object)) return refusal(c, revoke ? 'REVOKE ON' : 'GRANT ON', object, at);
    names = c.list(() => c.qualifiedName());
  }
  c.expect(revoke ? 'from' : 'to');
  const roles = c.list(() => {
    c.accept('group');
    return c.role();
  });
  if (!revoke && c.accept('with')) {
    c.oneOf('grant', 'admin');
    c.expect('option');
    withOption = true;
  }
  if (c.acceptAll('granted', 'by')) c.role();
  return {
    kind: 'grant',
    at,
    revoke,
    privileges,
    object,
    allInSchema,
    names,
    roles,
    withOption,
    cascade: parseCascade(c),
  };
}

function parsePrivileges(c: Cursor): Privilege[] {
  const at = c.offset;
  const columns = (): readonly Name[] => (c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : []);
  if (c.accept('all')) {
    c.accept('privileges');
    return [{ at, name: 'all', columns: columns() }];
  }
  return c.list(() => {
    const start = c.offset;
    return { at: start, name: c.label().text, columns: columns() };
  });
}

function parseGrantKind(c: Cursor): ObjectKind {
  const named = KINDS.some(([kind, ...words]) => kind !== 'role' && c.are(...words));
  return named ? parseObjectKind(c) : 'table';
}

function parseAllInSchema(c: Cursor): ObjectKind {
  c.expect('all');
  const kind = c.oneOf('tables', 'sequences', 'functions', 'procedures', 'routines');
  c.expect('in', 'schema');
  if (kind === 'tables') return 'table';
  return kind === 'sequences' ? 'sequence' : 'function';
}
