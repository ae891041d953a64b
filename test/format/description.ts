/** What a fixture of test/format says about its database file. */
import type { ExtentDB } from '../../src/index.ts';

/** Rows of texts; null is NULL. */
export type Texts = (string | null)[][];

export interface Description {
  readonly formatVersion: number;
  /** What made the file, with the program of its time. */
  readonly statements: readonly string[];
  /** What it holds, as that program read it. */
  readonly contents: readonly { readonly query: string; readonly rows: Texts }[];
  /** What can be done with it; rows are compared where they are known. */
  readonly changes: readonly { readonly statement: string; readonly rows?: Texts | undefined }[];
}

/** A query's rows, each value as the text that the wire would carry. */
export async function textsOf(db: ExtentDB, query: string): Promise<Texts> {
  const asText = { getTypeParser: () => (text: string) => text };
  const { rows } = await db.query<(string | null)[]>(query, [], { rowMode: 'array', types: asText });
  return rows;
}
