/**
 * What all joins share: kinds, keys, and the building of pairs.
 *
 *   kind   puts out
 *   inner  pairs that match
 *   left   those, and left rows without a match, right columns null; right, full likewise
 *   semi   left rows with a match          anti   left rows without one
 *
 *   method       right side                                                          file
 *   hash join    in a row buffer, hashed by its join keys; spreads to disk           hash-join.ts
 *   nested loop  in a row store: every row is a candidate                            nested-loop.ts
 *   lateral      opened anew for each left row: also the look-up in an index         lateral-join.ts
 */
import type { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { Expr } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { type Copier, columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendHashValue } from './key-values.ts';
import type { PlanNode } from './operator.ts';
import { type Shape, travelPhysical } from './shape.ts';
import type { Env } from './state.ts';
import { columnWriter } from './values.ts';

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/** Makes the hash key of one side of an equality. Both sides must use kinds of one class. */
export interface HashKeyPart {
  readonly expr: Expr;
  /** IS NOT DISTINCT FROM and set operations let nulls meet. */
  readonly nullsMeet: boolean;
}

/** Appends the parts for the environment's row; false when a null keeps the row from matching anything. */
export type KeyMaker = (env: Env, key: KeyWriter) => boolean;

export function keyMaker(parts: readonly HashKeyPart[], scope: Scope): KeyMaker {
  const evals = parts.map((p) => compileEval(p.expr, scope));
  const physicals = parts.map((p) => travelPhysical(p.expr.type, p.expr.typmod));
  return (env, key) => {
    for (let i = 0; i < evals.length; i++) {
      const value = evals[i]!(env);
      if (value === null && !parts[i]!.nullsMeet) return false;
      appendHashValue(key, physicals[i]!, value);
    }
    return true;
  };
}

/** Builds output rows from a left row (record 0) and a right row (record 1), either of which may be absent. */
export class PairBuilder {
  readonly #left: readonly { copy: Copier; fill: (out: RowBuffer, value: SqlValue) => void; fromLeft: boolean }[];

  constructor(shape: Shape, left: Shape, right: Shape) {
    this.#left = shape.columns.map((column, to) => {
      const inLeft = left.position(column.id);
      const fromLeft = inLeft >= 0;
      const copy = fromLeft
        ? columnCopier(left, inLeft, shape, to)
        : columnCopier(right, right.require(column.id), shape, to);
      return { copy, fill: columnWriter(shape, to), fromLeft };
    });
  }

  build(env: Env, out: RowBuffer): void {
    out.start();
    for (const column of this.#left) {
      if (column.fromLeft) {
        if (env.null0) column.fill(out, null);
        else column.copy(env.v0, env.b0, env.r0, out);
      } else if (env.null1) column.fill(out, null);
      else column.copy(env.v1, env.b1, env.r1, out);
    }
    out.finish();
  }
}

export interface JoinOptions {
  readonly type: JoinType;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly shape: Shape;
  readonly leftKeys: readonly HashKeyPart[];
  readonly rightKeys: readonly HashKeyPart[];
  /** What else a pair must satisfy. */
  readonly residual: Expr | undefined;
  readonly rows: number;
  readonly details: readonly string[];
}

/** How EXPLAIN names the kinds. */
export const KIND_TITLE: Record<JoinType, string> = {
  inner: '',
  left: ' Left',
  right: ' Right',
  full: ' Full',
  semi: ' Semi',
  anti: ' Anti',
};
