/**
 * A column definition of CREATE TABLE and ADD COLUMN: from the statement's words to a column of the catalog.
 *
 * What needs the table to exist is only gathered here, as a {@link NewColumn}: keys, checks and foreign keys become
 * constraints in constraints.ts, defaults and sequences come in column-defaults.ts.
 */
import { fail } from '../../base/errors.ts';
import type { ColumnObject, Oid } from '../../engine/catalog.ts';
import type {
  CheckConstraint,
  ColumnConstraint,
  ColumnDefinition,
  ForeignKeyConstraint,
  IdentityConstraint,
  KeyConstraint,
} from '../ast/definitions.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import type { TypeEntry } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import type { Definer } from './definer.ts';

const SERIAL = new Map<string, Oid>([
  ['smallserial', 21],
  ['serial2', 21],
  ['serial', 23],
  ['serial4', 23],
  ['bigserial', 20],
  ['serial8', 20],
]);

/** A column as far as its definition says; the sequence it needs is made when the table exists. */
export interface NewColumn {
  readonly column: ColumnObject;
  readonly sequence: { readonly type: Oid; readonly identity: IdentityConstraint | undefined } | undefined;
  readonly keys: readonly KeyConstraint[];
  readonly checks: readonly CheckConstraint[];
  readonly foreign: readonly ForeignKeyConstraint[];
  readonly defaultConstraint:
    | { readonly text: string; readonly constraint: Extract<ColumnConstraint, { kind: 'defaultValue' }> }
    | undefined;
}

/** What is written behind a column's type, by kind. */
interface ColumnClauses {
  notNull: boolean;
  explicitNull: boolean;
  identity: IdentityConstraint | undefined;
  defaultConstraint: NewColumn['defaultConstraint'];
  generated: Extract<ColumnConstraint, { kind: 'generated' }> | undefined;
  readonly keys: KeyConstraint[];
  readonly checks: CheckConstraint[];
  readonly foreign: ForeignKeyConstraint[];
}

/** Reads one column definition. @throws 42601 for conflicting clauses, 0A000 for what is not supported. */
export function readColumn(d: Definer, table: string, definition: ColumnDefinition, number: number): NewColumn {
  const { name, type } = definition;
  if (type === null) throw d.unsupported('a column without a type', definition.at);
  if (
    definition.collation !== null &&
    !['C', 'POSIX', 'default', 'C.UTF-8', 'ucs_basic'].includes(definition.collation.name)
  )
    throw d.unsupported(`collation "${definition.collation.name}" for a column`, definition.collation.at);
  const serial = type.schema === null && type.dimensions === 0 ? SERIAL.get(type.name) : undefined;
  const bound = serial === undefined ? lookUpType(d.binding(), type) : { oid: serial, typmod: -1 };
  const entry = registry.type(bound.oid)!;
  const physical = entry.physical(bound.typmod);
  if (physical === undefined) throw unstorable(d, name.text, entry);
  const clauses = readClauses(d, table, definition, serial !== undefined);
  const { notNull, identity, generated, keys, checks, foreign, defaultConstraint } = clauses;
  refuseConflicts(d, table, definition, clauses, serial !== undefined);
  if (identity !== undefined && ![20, 21, 23].includes(bound.oid))
    throw fail('invalid_parameter_value', 'identity column type must be smallint, integer, or bigint');
  const column: ColumnObject = {
    number,
    name: name.text,
    type: bound.oid,
    typmod: bound.typmod,
    physical,
    notNull,
    dropped: false,
    ...(identity === undefined ? {} : { identity: identity.always ? ('always' as const) : ('by default' as const) }),
    ...(generated === undefined ? {} : { generatedSql: generated.text }),
  };
  const counts = serial !== undefined || identity !== undefined;
  const sequence = counts ? { type: bound.oid, identity } : undefined;
  return { column, sequence, keys, checks, foreign, defaultConstraint };
}

/** @param isSerial - its type brings a default and NOT NULL. @throws 42601 for a second default. */
function readClauses(d: Definer, table: string, definition: ColumnDefinition, isSerial: boolean): ColumnClauses {
  const clauses: ColumnClauses = {
    notNull: isSerial,
    explicitNull: false,
    identity: undefined,
    defaultConstraint: undefined,
    generated: undefined,
    keys: [],
    checks: [],
    foreign: [],
  };
  for (const c of definition.constraints) {
    switch (c.kind) {
      case 'notNull':
        clauses.notNull = true;
        break;
      case 'null':
        clauses.explicitNull = true;
        break;
      case 'defaultValue':
        if (clauses.defaultConstraint !== undefined || isSerial)
          throw d.error(
            'syntax_error',
            `multiple default values specified for column "${definition.name.text}" of table "${table}"`,
            c.at,
          );
        clauses.defaultConstraint = { text: c.text, constraint: c };
        break;
      case 'identity':
        clauses.identity = c;
        clauses.notNull = true;
        break;
      case 'generated':
        clauses.generated = c;
        break;
      case 'check':
        clauses.checks.push(c);
        break;
      case 'foreignKey':
        clauses.foreign.push(c);
        break;
      default:
        if (c.kind === 'primaryKey') clauses.notNull = true;
        clauses.keys.push(c);
    }
  }
  return clauses;
}

/** Clauses that each could stand there, but not together. @throws 42601 */
function refuseConflicts(
  d: Definer,
  table: string,
  definition: ColumnDefinition,
  clauses: ColumnClauses,
  isSerial: boolean,
): void {
  const { identity, generated } = clauses;
  const where = `for column "${definition.name.text}" of table "${table}"`;
  const hasDefault = clauses.defaultConstraint !== undefined || isSerial;
  if (clauses.explicitNull && clauses.notNull)
    throw d.error('syntax_error', `conflicting NULL/NOT NULL declarations ${where}`, definition.at);
  if (identity !== undefined && hasDefault)
    throw d.error('syntax_error', `both default and identity specified ${where}`, identity.at);
  if (generated !== undefined && hasDefault)
    throw d.error('syntax_error', `both default and generation expression specified ${where}`, generated.at);
}

/** A type without a stored form: a pseudo-type, as in PostgreSQL, or one that we do not have yet. */
export function unstorable(d: Definer, column: string, type: TypeEntry): Error {
  if (type.typeType !== 'p') return d.unsupported(`a column of type ${type.displayName}`, undefined);
  return d.error('invalid_table_definition', `column "${column}" has pseudo-type ${type.displayName}`, undefined);
}
