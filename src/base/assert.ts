/**
 * Assertions: three tiers.
 *
 * 1. `assert(cond, 'static text')`: programmer errors, O(1), always on. The text is a literal so that the call costs a
 *    branch; a message with values belongs in a branch of its own that calls {@link broken}.
 * 2. `if (VERIFY) verifySomething()`: O(n) self-checks, on in the test suite (`EXTENTDB_VERIFY=1`), off in production.
 * 3. The structure checker reads a whole file and reports; it never throws.
 *
 * Bytes from disk or from a client are never asserted: they get an {@link ExtentError}.
 */

/** True when O(n) self-checks run; fixed for the life of the process. */
export const VERIFY: boolean = process.env['EXTENTDB_VERIFY'] === '1';

/** A broken invariant: a bug in ExtentDB, never the user's fault. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) broken(text);
}

/** Throws the failure; for branches that format values into the text. */
export function broken(text: string): never {
  throw new AssertionFailure(`assertion failed: ${text}`);
}
