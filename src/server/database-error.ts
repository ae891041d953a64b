/**
 * Errors as node-postgres clients know them: pg-protocol's class, with the fields of the wire's error message.
 *
 * The package is loaded with the first error: finding and reading it takes 5 ms, a tenth of what opening a database may.
 */
import { createRequire } from 'node:module';
import type { DatabaseError as ProtocolError } from 'pg-protocol/dist/messages.js';
import { asExtentError } from '../base/errors.ts';
import { lazy } from '../base/lazy.ts';

type ErrorClass = typeof ProtocolError;
export type DatabaseError = ProtocolError;

const loaded = lazy((): { readonly DatabaseError: ErrorClass } =>
  createRequire(import.meta.url)('pg-protocol/dist/messages.js'),
);

/** What stands in until the class is there: a function, because a class would insist on its own prototype. */
const standIn: unknown = function notLoaded() {};

/** pg-protocol's class, under a name that does not load it: `instanceof`, `new` and static members are its own. */
export const DatabaseError: ErrorClass = new Proxy(standIn as ErrorClass, {
  get: (_, name) => Reflect.get(loaded().DatabaseError, name),
  construct: (_, args: ConstructorParameters<ErrorClass>) => new (loaded().DatabaseError)(...args),
  getPrototypeOf: () => Reflect.getPrototypeOf(loaded().DatabaseError),
});

/** What any thrown thing is to a program that uses the embedded API. */
export function databaseError(thrown: unknown): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const error = asExtentError(thrown);
  const made = new DatabaseError(error.message, error.message.length, 'error');
  made.severity = 'ERROR';
  made.code = error.sqlstate;
  made.detail = error.detail;
  made.hint = error.hint;
  made.position = error.position?.toString();
  made.where = error.where;
  made.schema = error.schema;
  made.table = error.table;
  made.column = error.column;
  made.dataType = error.dataType;
  made.constraint = error.constraint;
  // Whoever looks for a fault of ours needs the place where it happened.
  if (error.code === 'internal_error') made.cause = error.cause;
  return made;
}
