/** Values that are made when they are first asked for: what a program may never need does not lengthen its start. */

/** @returns a function that calls `make` at its first call, and gives what that gave ever after. */
export function lazy<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
