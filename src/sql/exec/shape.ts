/**
 * Shapes: which columns the rows of an operator hold, and where.
 *
 * Rows between operators are records of a wide anonymous layout. A shape maps the statement's column ids to the columns of
 * that layout and knows, per column, how a value is read from a record and written into a row buffer.
 */
import { broken } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import {
  KIND_ARRAY,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_RECORD,
  KIND_TEXT,
  KIND_U32,
} from '../../base/physical.ts';
import { ANONYMOUS_LAYOUT, RecordLayout } from '../../engine/record-port.ts';
import type { ColumnId } from '../plan/logical.ts';
import type { Oid, Physical } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';

export interface ShapeColumn {
  readonly id: ColumnId;
  readonly type: Oid;
  readonly typmod: number;
  readonly physical: Physical;
}

const TEXT_PHYSICAL: Physical = { kind: KIND_TEXT, scale: 0 };

/** How values of a type travel between operators; types that tables cannot store travel too (unknown and void as text). */
export function travelPhysical(type: Oid, typmod: number): Physical {
  const entry = registry.type(type);
  // A composite type of a table is not in the registry: its values are records.
  if (entry === undefined) return { kind: KIND_RECORD, scale: 0 };
  const physical = entry.physical(typmod);
  if (physical !== undefined) return physical;
  if (entry.name === 'record') return { kind: KIND_RECORD, scale: 0 };
  if (entry.elementOid !== 0 || entry.name === 'anyarray') return { kind: KIND_ARRAY, scale: 0 };
  if (['unknown', 'void', 'cstring', 'pg_node_tree'].includes(entry.name)) return TEXT_PHYSICAL;
  throw unsupported(`a column of type ${entry.displayName}`);
}

export class Shape {
  readonly columns: readonly ShapeColumn[];
  readonly layout: RecordLayout;
  readonly #positions: Map<ColumnId, number>;

  /** @param layout - given when the rows are a table's stored records; its columns must be `columns`, in order. */
  constructor(columns: readonly ShapeColumn[], layout?: RecordLayout) {
    this.columns = columns;
    this.layout =
      layout ??
      new RecordLayout(
        ANONYMOUS_LAYOUT,
        columns.map((c) => c.physical),
        true,
      );
    this.#positions = new Map(columns.map((c, i) => [c.id, i]));
  }

  static of(columns: readonly { readonly id: ColumnId; readonly type: Oid; readonly typmod: number }[]): Shape {
    return new Shape(
      columns.map((c) => ({ id: c.id, type: c.type, typmod: c.typmod, physical: travelPhysical(c.type, c.typmod) })),
    );
  }

  /** Position of a column id, or −1. */
  position(id: ColumnId): number {
    return this.#positions.get(id) ?? -1;
  }

  require(id: ColumnId): number {
    const position = this.#positions.get(id);
    if (position === undefined) broken(`column ${id} is not among ${this.columns.map((c) => c.id).join(' ')}`);
    return position;
  }
}

/** Kinds whose value is a plain JS number read with one call. */
export function isNumberKind(kind: number): boolean {
  return kind === KIND_I16 || kind === KIND_I32 || kind === KIND_U32 || kind === KIND_F32 || kind === KIND_F64;
}
