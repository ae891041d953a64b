/**
 * Constant folding: what is the same for every row is computed once.
 *
 *   a > 2 * 3            constants in the tree        a > 6        computed here, kept in the plan
 *   a > ␀i0 * ␀i1        literals of a cached plan    a > $3       $3 = $1 * $2, computed when an execution begins
 *   false AND x → false   true AND x → x   strict(NULL, x) → NULL   CASE, COALESCE likewise
 *
 * A part that must wait for the execution is a {@link ConstantStep}: a further parameter behind the statement's own. Steps are
 * computed before the first row even where no row asks for them, as PostgreSQL computes constants while it plans: `1/0` fails on an
 * empty table too, and so does it in a branch of a CASE whose condition is known by its row only. Where PostgreSQL would not have
 * come to a part, because what stands before it is constant and settles the matter, the step is bound to that ({@link
 * ConstantStep.when}): `CASE WHEN false THEN 1/0 END` does not fail.
 *
 * What cannot be computed here because it fails is left to a step, so that a view may be made of it and PREPARE takes it.
 */
import { ExtentError } from '../../base/errors.ts';
import type { SqlValue } from '../types/contracts.ts';
import { BOOL_OID } from '../types/type-oids.ts';
import { isConstant, isKeepable, isNull, isPlainType } from './constancy.ts';
import type { AndOrExpr, CaseExpr, CoalesceExpr, Expr, Logical, ParamExpr, TestExpr } from './logical.ts';
import { mapNode } from './map-nodes.ts';
import { mapChildren, walkExpr } from './walk.ts';

/** A parameter that an execution computes for itself. */
export interface ConstantStep {
  readonly index: number;
  readonly expr: Expr;
  /** Conditions over parameters; the step is left out unless all are true. */
  readonly when: readonly Expr[];
}

/** Computes an expression over the known parameters. @throws what the expression does */
export type Compute = (expr: Expr, values: readonly (SqlValue | undefined)[]) => SqlValue;

export class Folder {
  readonly steps: ConstantStep[] = [];
  /** Values of parameters as far as they are known while planning, the steps' included; they only guide the planner. */
  readonly values: (SqlValue | undefined)[];
  readonly #compute: Compute;
  readonly #made = new Map<Expr, ParamExpr>();
  #when: readonly Expr[] = [];
  /**
   * Which constants become steps: all; only those that fail, where expressions are computed at most once anyway; none, where they
   * are parts of a step.
   */
  #steps: 'all' | 'failing' | 'none' = 'all';

  /** @param values - one per parameter of the statement, literals included; undefined = not known. */
  constructor(values: readonly (SqlValue | undefined)[], compute: Compute) {
    this.values = [...values];
    this.#compute = compute;
  }

  /** Folds the expressions of a whole statement. */
  statement(root: Logical): Logical {
    // A lone row of constants is computed once as it is.
    const isLone = root.kind === 'project' && root.input.kind === 'onerow' && root.exprs.every(isConstant);
    return isLone ? this.#inPlace(root) : this.#node(root);
  }

  #node(node: Logical): Logical {
    if (node.kind === 'values') return this.#inPlace(node);
    return mapNode(
      node,
      (expr) => this.fold(expr),
      (input) => this.#node(input),
    );
  }

  /** Of a node whose expressions are computed once anyway. */
  #inPlace(node: Logical): Logical {
    return this.#making('failing', () =>
      mapNode(
        node,
        (expr) => this.fold(expr),
        (input) => input,
      ),
    );
  }

  #making<T>(steps: 'failing' | 'none', fold: () => T): T {
    const before = this.#steps;
    this.#steps = steps;
    const folded = fold();
    this.#steps = before;
    return folded;
  }

  /** Folds one expression. */
  fold(expr: Expr): Expr {
    return isConstant(expr) ? this.#settled(expr) : this.#simplified(expr);
  }

  /** An expression with its parts folded. */
  #simplified(expr: Expr): Expr {
    const fold = (part: Expr): Expr => this.fold(part);
    switch (expr.kind) {
      case 'and':
      case 'or':
        return this.#logic(expr);
      case 'case':
        return this.#case(expr);
      case 'coalesce':
        return this.#coalesce(expr);
      case 'call': {
        const args = expr.args.map(fold);
        const isLost = expr.fn.strict && !expr.fn.returnsSet && isPlainType(expr.type) && args.some(isNull);
        return isLost ? nullOf(expr) : { ...expr, args };
      }
      case 'cast':
      case 'typmod': {
        const arg = fold(expr.arg);
        return isNull(arg) && isPlainType(expr.type) ? nullOf(expr) : { ...expr, arg };
      }
      case 'anyarray': {
        // Scans and generated code look for the list as it was written.
        const array = expr.array.kind === 'array' ? mapChildren(expr.array, fold) : fold(expr.array);
        return { ...expr, left: fold(expr.left), array };
      }
      case 'subquery':
        return { ...expr, left: expr.left.map(fold), plan: this.#node(expr.plan) };
      default:
        return mapChildren(expr, fold);
    }
  }

  /** A constant expression as a constant or a parameter. */
  #settled(expr: Expr): Expr {
    if (expr.kind === 'const' || expr.kind === 'param') return expr;
    if (expr.kind === 'cast' && expr.cast.method === 'relabel') {
      const arg = this.#settled(expr.arg);
      if (arg.kind === 'const' || arg.kind === 'param') return { ...arg, type: expr.type, typmod: expr.typmod };
    }
    if (isKeepable(expr)) {
      const value = this.#computed(expr);
      if (value !== undefined) return { kind: 'const', value, type: expr.type, typmod: expr.typmod };
      return this.#steps === 'none' ? expr : this.#step(expr, expr);
    }
    // Its own constants may settle it without the parameters.
    const simple = this.#making('none', () => this.#simplified(expr));
    if (this.#steps !== 'all' || simple.kind === 'const' || simple.kind === 'param') return simple;
    // Generated code knows how few digits an integer has that becomes numeric; of a numeric parameter it knows nothing.
    if (expr.kind === 'cast' && isIntegerToNumeric(expr)) return { ...expr, arg: this.#settled(expr.arg) };
    return this.#step(expr, simple);
  }

  /** @param source - the expression that `expr` is the simplified form of: the same one is computed once. */
  #step(source: Expr, expr: Expr): ParamExpr {
    const known = this.#made.get(source);
    if (known !== undefined) return known;
    const index = this.values.length;
    this.values.push(this.#guessed(expr));
    this.steps.push({ index, expr, when: this.#when });
    const made: ParamExpr = { kind: 'param', index, type: source.type, typmod: source.typmod, of: expr };
    if (this.#when.length === 0) this.#made.set(source, made);
    return made;
  }

  /** The value, where all parameters in it are known and it is quickly found. */
  #guessed(expr: Expr): SqlValue | undefined {
    let isKnown = true;
    walkExpr(expr, (e) => {
      if (e.kind === 'param' && this.values[e.index] === undefined) isKnown = false;
      if (e.kind === 'call' && e.fn.long !== undefined) isKnown = false;
    });
    return isKnown ? this.#computed(expr) : undefined;
  }

  /** The value; undefined when it fails. */
  #computed(expr: Expr): SqlValue | undefined {
    try {
      return this.#compute(expr, this.values);
    } catch (error) {
      if (!(error instanceof ExtentError)) throw error;
      return undefined;
    }
  }

  /** Makes what follows depend on a parameter, where `part` is one. */
  #given(part: Expr, test: TestExpr['test']): void {
    if (part.kind !== 'param') return;
    this.#when = [...this.#when, { kind: 'test', test, arg: part, type: BOOL_OID, typmod: -1 }];
  }

  #logic(expr: AndOrExpr): Expr {
    const isAnd = expr.kind === 'and';
    const before = this.#when;
    const args: Expr[] = [];
    let hasNull = false;
    let isDecided = false;
    for (const arg of flattened(expr)) {
      const folded = this.fold(arg);
      if (folded.kind !== 'const') {
        args.push(folded);
        this.#given(folded, isAnd ? 'not false' : 'not true');
      } else if (folded.value === null) hasNull = true;
      else if (folded.value !== isAnd) {
        isDecided = true;
        break;
      }
    }
    this.#when = before;
    if (isDecided) return truth(!isAnd);
    if (args.length === 0) return truth(hasNull ? null : isAnd);
    if (hasNull) args.push(truth(null));
    return args.length === 1 ? args[0]! : { ...expr, args };
  }

  #case(expr: CaseExpr): Expr {
    const before = this.#when;
    const branches: { when: Expr; then: Expr }[] = [];
    let otherwise: Expr | undefined;
    let isDecided = false;
    for (const branch of expr.branches) {
      const when = this.fold(branch.when);
      if (when.kind === 'const' && when.value !== true) continue;
      const outside = this.#when;
      this.#given(when, 'true');
      const then = this.fold(branch.then);
      this.#when = outside;
      if (when.kind === 'const') {
        otherwise = then;
        isDecided = true;
        break;
      }
      this.#given(when, 'not true');
      branches.push({ when, then });
    }
    if (!isDecided && expr.otherwise !== undefined) otherwise = this.fold(expr.otherwise);
    this.#when = before;
    if (branches.length === 0) return otherwise ?? nullOf(expr);
    const { otherwise: _, ...rest } = expr;
    return otherwise === undefined ? { ...rest, branches } : { ...rest, branches, otherwise };
  }

  #coalesce(expr: CoalesceExpr): Expr {
    const before = this.#when;
    const args: Expr[] = [];
    for (const arg of expr.args) {
      const folded = this.fold(arg);
      if (isNull(folded)) continue;
      args.push(folded);
      if (folded.kind === 'const') break;
      this.#given(folded, 'null');
    }
    this.#when = before;
    return args.length === 0 ? nullOf(expr) : args.length === 1 ? args[0]! : { ...expr, args };
  }
}

function flattened(expr: AndOrExpr): readonly Expr[] {
  return expr.args.flatMap((arg) => (arg.kind === expr.kind ? flattened(arg) : [arg]));
}

function truth(value: boolean | null): Expr {
  return { kind: 'const', value, type: BOOL_OID, typmod: -1 };
}

function nullOf({ type, typmod }: Expr): Expr {
  return { kind: 'const', value: null, type, typmod };
}

function isIntegerToNumeric({ type, arg }: Extract<Expr, { kind: 'cast' }>): boolean {
  return type === 1700 && (arg.type === 21 || arg.type === 23);
}
