/** Statements written as template literals: what is embedded becomes a parameter, never text. */

/** A statement with its values. */
export class SqlText {
  readonly #strings: readonly string[];
  readonly #embedded: readonly unknown[];

  /** @internal Use {@link sql}. */
  constructor(strings: readonly string[], embedded: readonly unknown[]) {
    this.#strings = strings;
    this.#embedded = embedded;
  }

  /** With `$1`, `$2` … for what is embedded. */
  get text(): string {
    const values: unknown[] = [];
    return this.#write(values);
  }

  /** Values of the parameters, in order. */
  get values(): unknown[] {
    const values: unknown[] = [];
    this.#write(values);
    return values;
  }

  #write(values: unknown[]): string {
    let text = this.#strings[0] ?? '';
    this.#embedded.forEach((value, i) => {
      text += value instanceof SqlText ? value.#write(values) : `$${values.push(value)}`;
      text += this.#strings[i + 1] ?? '';
    });
    return text;
  }
}

/** ``sql`select ${1}` ``; a `SqlText` inside another one becomes a part of it. */
export function sql(strings: readonly string[], ...embedded: readonly unknown[]): SqlText {
  return new SqlText(strings, embedded);
}
