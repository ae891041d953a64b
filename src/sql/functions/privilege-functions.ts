/**
 * `has_…_privilege`: for the current user or a named role, on an object by name or oid.
 *
 * The session answers; a privilege list such as `SELECT, INSERT WITH GRANT OPTION` is passed on as it was written.
 */

import type { EvalContext, Oid } from '../types/contracts.ts';
import { contextual, type Definition } from './definition.ts';

type NameOrOid = string | Oid;

function ask(
  kind: string,
  context: EvalContext,
  role: NameOrOid,
  object: NameOrOid,
  privilege: string,
): boolean | null {
  return context.system.hasPrivilege(kind, role, object, privilege);
}

const KINDS = [
  'table',
  'sequence',
  'schema',
  'database',
  'function',
  'language',
  'tablespace',
  'type',
  'server',
  'foreign_data_wrapper',
  'any_column',
];

function objectPrivileges(kind: string): Definition[] {
  const name = `has_${kind}_privilege`;
  return [
    ...['text', 'oid'].map((object) =>
      contextual(`${name}(${object},text)`, (context, target: NameOrOid, privilege: string) =>
        ask(kind, context, context.system.currentUser, target, privilege),
      ),
    ),
    ...['name,text', 'name,oid', 'oid,text', 'oid,oid'].map((args) =>
      contextual(`${name}(${args},text)`, (context, role: NameOrOid, target: NameOrOid, privilege: string) =>
        ask(kind, context, role, target, privilege),
      ),
    ),
  ];
}

/** Privileges on a column are those on its table: none are kept per column. */
function columnPrivileges(): Definition[] {
  const definitions: Definition[] = [];
  for (const table of ['text', 'oid']) {
    for (const column of ['text', 'int2']) {
      definitions.push(
        contextual(
          `has_column_privilege(${table},${column},text)`,
          (context, target: NameOrOid, _column: NameOrOid, privilege: string) =>
            ask('column', context, context.system.currentUser, target, privilege),
        ),
      );
      for (const role of ['name', 'oid']) {
        definitions.push(
          contextual(
            `has_column_privilege(${role},${table},${column},text)`,
            (context, who: NameOrOid, target: NameOrOid, _column: NameOrOid, privilege: string) =>
              ask('column', context, who, target, privilege),
          ),
        );
      }
    }
  }
  return definitions;
}

function roleMembership(): Definition[] {
  return [
    ...['name', 'oid'].map((object) =>
      contextual(`pg_has_role(${object},text)`, (context, target: NameOrOid, privilege: string) =>
        ask('role', context, context.system.currentUser, target, privilege),
      ),
    ),
    ...['name,name', 'name,oid', 'oid,name', 'oid,oid'].map((args) =>
      contextual(`pg_has_role(${args},text)`, (context, role: NameOrOid, target: NameOrOid, privilege: string) =>
        ask('role', context, role, target, privilege),
      ),
    ),
  ];
}

export const PRIVILEGE_FUNCTIONS: readonly Definition[] = [
  ...KINDS.flatMap(objectPrivileges),
  ...columnPrivileges(),
  ...roleMembership(),
];
