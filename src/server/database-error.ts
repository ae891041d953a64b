/** Errors as node-postgres clients know them: pg-protocol's class, with the fields of the wire's error message. */
import { DatabaseError } from 'pg-protocol/dist/messages.js';
import { asExtentError } from '../base/errors.ts';

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

export { DatabaseError };
