/** The value of a row: its fields' types and values, in order. Immutable. */

import type { Oid, SqlValue } from './contracts.ts';

export class PgRecord {
  readonly types: readonly Oid[];
  readonly values: readonly SqlValue[];

  /** @param types - one oid per value. */
  constructor(types: readonly Oid[], values: readonly SqlValue[]) {
    this.types = types;
    this.values = values;
  }
}
