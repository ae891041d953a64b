/**
 * Foreign keys: what must be looked up, or done, after a statement changed rows.
 *
 * A new or changed child must find its parent: the parent's unique index is probed in its newest state and the parent row is
 * locked FOR KEY SHARE, so that it cannot go before this transaction ends. A deleted or changed parent must leave no child
 * behind: the constraint's action runs as a statement of its own (it deletes or changes the children, which may go on).
 * Immediate constraints are looked at when the statement has ended, deferred ones at commit. What is noted until then stays in
 * memory: a statement or a transaction that would note more than one may hold fails with 53200.
 */
import { ExtentError } from '../../base/errors.ts';
import { REQUEST_ROW_LOCK, type Task } from '../../base/task.ts';
import { emptyKeyedRow } from '../../engine/attempt.ts';
import type { Catalog, ConstraintObject, IndexObject, ReferentialAction, TableObject } from '../../engine/catalog.ts';
import { EXISTS, KeyWriter, LOCK_WAIT, NEED, OK, ROW_KEY_SHARE } from '../../engine/record-port.ts';
import { boundsOf } from '../partitions/bounds.ts';
import type { SqlValue } from '../types/contracts.ts';
import { heldBytes } from '../types/held-bytes.ts';
import { appendPart, EXACT } from './key-values.ts';
import { leafOfKeys } from './partition-routing.ts';
import type { Check, ExecState } from './state.ts';
import { missingParent, stillReferenced } from './violations.ts';

/** What a note takes beside its values. */
const NOTE_BYTES = 120;
/** A look at another table, in rows. */
const CHECK_UNITS = 8;

interface ParentCheck {
  readonly constraint: ConstraintObject;
  readonly values: readonly SqlValue[];
}

interface ChildAction {
  readonly constraint: ConstraintObject;
  readonly old: readonly SqlValue[];
  /** Undefined when the parent row is deleted. */
  readonly next: readonly SqlValue[] | undefined;
}

/** A foreign key to a table, or to the partitioned table that it is a part of: with the columns as they are numbered here. */
interface Reference {
  readonly constraint: ConstraintObject;
  readonly columns: readonly number[];
}

function referencesTo({ session }: ExecState, table: TableObject): Reference[] {
  const { catalog } = session;
  // Nobody refers to rows of a partition that is being detached through the tables above it, which it need not fit any more.
  const reaching = [table];
  for (const above of catalog.ancestorsOf(table)) {
    if (session.isLeaving(reaching.at(-1)!.oid)) break;
    reaching.push(above);
  }
  return catalog.referencesThrough(table).flatMap((constraint) => {
    const parent = reaching.find(({ oid }) => oid === constraint.foreign?.table);
    if (parent === undefined) return [];
    const names = constraint.foreign!.columns.map((number) => columnNamed(parent, number));
    const columns = names.map((name) => table.columns.find((c) => !c.dropped && c.name === name)!.number);
    return { constraint, columns };
  });
}

function columnNamed(table: TableObject, number: number): string {
  return table.columns.find((c) => c.number === number)!.name;
}

/** Collects the work of one statement on one table. */
export class ForeignKeyWork {
  readonly #state: ExecState;
  readonly #live: readonly number[];
  readonly #own: readonly ConstraintObject[];
  readonly #references: readonly Reference[];
  #parents: ParentCheck[] = [];
  #children: ChildAction[] = [];
  #chargedBytes = 0;

  /** @param table - undefined: none of its rows concern any foreign key. */
  constructor(state: ExecState, table: TableObject | undefined) {
    this.#state = state;
    const { catalog } = state.session;
    this.#live = table?.columns.filter((c) => !c.dropped).map((c) => c.number) ?? [];
    this.#own = table === undefined ? [] : catalog.constraintsOf(table.oid).filter((c) => c.type === 'foreign');
    this.#references = table === undefined ? [] : referencesTo(state, table);
  }

  /** False when the table takes part in no foreign key: callers need not make values. */
  get concerned(): boolean {
    return this.#own.length > 0 || this.#references.length > 0;
  }

  #pick(numbers: readonly number[], row: readonly SqlValue[]): SqlValue[] {
    return numbers.map((n) => row[this.#live.indexOf(n)] ?? null);
  }

  /** Notes a new row; `old` is what it replaces. Rows are values of the live columns. */
  written(row: readonly SqlValue[], old: readonly SqlValue[] | undefined): void {
    for (const constraint of this.#own) {
      const values = this.#pick(constraint.columns, row);
      const full = constraint.foreign!.match === 'full' && values.some((v) => v !== null);
      if (values.includes(null) && !full) continue;
      if (old !== undefined && same(values, this.#pick(constraint.columns, old))) continue;
      this.#parents.push({ constraint, values });
      this.#charge(values);
    }
    if (old !== undefined) this.#gone(old, row);
  }

  /** Notes a deleted row. */
  removed(old: readonly SqlValue[]): void {
    this.#gone(old, undefined);
  }

  #gone(old: readonly SqlValue[], next: readonly SqlValue[] | undefined): void {
    for (const { constraint, columns } of this.#references) {
      const before = this.#pick(columns, old);
      if (before.includes(null)) continue;
      const after = next === undefined ? undefined : this.#pick(columns, next);
      if (after !== undefined && same(before, after)) continue;
      this.#children.push({ constraint, old: before, next: after });
      this.#charge(before);
      if (after !== undefined) this.#charge(after);
    }
  }

  #defer({ oid }: ConstraintObject, values: readonly SqlValue[], check: Check): boolean {
    return this.#state.services.defer(oid, noteBytes(values), check);
  }

  #charge(values: readonly SqlValue[]): void {
    const bytes = noteBytes(values);
    this.#chargedBytes += bytes;
    this.#state.memory.charge(bytes);
  }

  /** Does everything noted. Call when the statement has made all its changes. */
  *finish(): Task<void> {
    const children = this.#children;
    const parents = this.#parents;
    this.#children = [];
    this.#parents = [];
    this.#state.memory.usedBytes -= this.#chargedBytes;
    this.#chargedBytes = 0;
    for (const action of children) {
      const run = (state: ExecState): Task<void> => runAction(state, action);
      const kind =
        action.next === undefined ? action.constraint.foreign!.onDelete : action.constraint.foreign!.onUpdate;
      if (kind === 'no action' && this.#defer(action.constraint, action.old, run)) continue;
      yield* run(this.#state);
      // It was a statement of its own, however much that had to do.
      if (this.#state.session.sliceOver()) yield this.#state.session.slice();
    }
    for (const check of parents) {
      if (this.#defer(check.constraint, check.values, (state) => checkParentLater(state, check))) continue;
      yield* checkParent(this.#state, check);
      if (this.#state.spent(CHECK_UNITS)) yield this.#state.session.slice();
    }
  }
}

function noteBytes(values: readonly SqlValue[]): number {
  let bytes = NOTE_BYTES;
  for (const value of values) bytes += heldBytes(value);
  return bytes;
}

function same(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  return a.every(
    (v, i) => v === b[i] || (v !== null && b[i] !== null && String(v) === String(b[i]) && typeof v !== 'object'),
  );
}

/** Where a child's values have their parent: the table, the index to look in, and the columns as they are numbered there. */
function parentPlace(
  { session }: ExecState,
  { foreign, index: top }: ConstraintObject,
  values: readonly SqlValue[],
): { parent: TableObject; index: IndexObject; columns: readonly number[] } | undefined {
  const { catalog } = session;
  let parent = catalog.table(foreign!.table);
  let index = catalog.object(top);
  const names = foreign!.columns.map((number) => parent.columns.find((c) => c.number === number)!.name);
  while (parent.partitioning !== undefined) {
    const { columns } = parent;
    const named = (number: number): string | undefined => columns.find((c) => c.number === number)?.name;
    const bounds = boundsOf(catalog, parent, parent.partitioning);
    const partition = leafOfKeys(bounds, (key) => values[names.indexOf(named(key.column) ?? '')] ?? null);
    // One that is being detached may be there for an older snapshot, but must not be referred to anew.
    if (partition === undefined || session.isLeaving(partition.oid)) return undefined;
    const above = index;
    parent = partition;
    index = catalog.liveIndexesOf(partition.oid).find((own) => own.parent === above?.oid);
  }
  if (index?.kind !== 'index') return undefined;
  return {
    parent,
    index,
    columns: names.map((name) => parent.columns.find((c) => !c.dropped && c.name === name)!.number),
  };
}

/** Looks for the parent of a child's values and locks it. */
export function* checkParent(state: ExecState, check: ParentCheck): Task<void> {
  const { session } = state;
  const { catalog, store } = session;
  const { constraint, values } = check;
  const place = values.includes(null) ? undefined : parentPlace(state, constraint, values);
  if (place === undefined) throw missingParent(catalog, constraint, values, state.context);
  const { parent, index, columns } = place;
  const key = new KeyWriter();
  const clustered = parent.primaryIndex === index.oid;
  for (const part of index.columns) {
    const position = columns.indexOf(part.column);
    const keyPart = {
      kind: part.physical.kind,
      column: 0,
      descending: part.descending,
      nullsFirst: part.nullsFirst,
      nullable: !clustered,
    };
    if (appendPart(key, keyPart, part.physical.scale, values[position]!) !== EXACT)
      throw missingParent(catalog, constraint, values, state.context);
  }
  const row = emptyKeyedRow(store);
  for (;;) {
    if (!clustered) {
      const status = store.checkUnique(session.transaction, index.tree, key.bytes, key.length, row);
      if (status === NEED) {
        yield store.need;
        continue;
      }
      if (status !== EXISTS) throw missingParent(catalog, constraint, values, state.context);
    }
    const rowKey = clustered ? key.bytes : row.key.slice(key.length, row.keyLength);
    const length = clustered ? key.length : row.keyLength - key.length;
    const status = store.lockRow(session.transaction, parent.tree, rowKey, length, ROW_KEY_SHARE, LOCK_WAIT, true, row);
    if (status === OK) return;
    if (status !== NEED) throw missingParent(catalog, constraint, values, state.context);
    const { need } = store;
    if (need.kind === REQUEST_ROW_LOCK && !(yield* isVisible(state, parent.tree, rowKey, length)))
      throw missingParent(catalog, constraint, values, state.context);
    yield need;
  }
}

/**
 * The same when the constraint was deferred. The row that was noted may be gone or changed since: without a parent a check
 * fails only if a child still has these values. If that is another row, it is missing its parent all the same.
 */
function* checkParentLater(state: ExecState, check: ParentCheck): Task<void> {
  try {
    yield* checkParent(state, check);
  } catch (error) {
    if (!(error instanceof ExtentError) || error.code !== 'foreign_key_violation') throw error;
    const { catalog } = state.session;
    const { constraint, values } = check;
    const child = catalog.table(constraint.table);
    const known = values.filter((v) => v !== null);
    let place = 0;
    const where = constraint.columns.map((n, i) =>
      values[i] === null ? `${nameOf(child, n)} IS NULL` : `${nameOf(child, n)} OPERATOR(pg_catalog.=) $${++place}`,
    );
    const query = `SELECT 1 FROM ${relationOf(catalog, child)} WHERE ${where.join(' AND ')} LIMIT 1`;
    if ((yield* state.services.runInternal(query, known)) > 0) throw error;
  }
}

/** A parent that another transaction has just inserted is nobody's parent yet: nothing is to be waited for. */
function* isVisible({ session }: ExecState, tree: number, key: Uint8Array, length: number): Task<boolean> {
  const { store } = session;
  const row = emptyKeyedRow(store);
  const snapshot = session.snapshot();
  try {
    for (;;) {
      const status = store.find(tree, key, length, snapshot, row);
      if (status !== NEED) return status === OK;
      yield store.need;
    }
  } finally {
    session.release(snapshot);
  }
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function relationOf(catalog: Catalog, table: TableObject): string {
  return `${quote(catalog.object(table.schema)!.name)}.${quote(table.name)}`;
}

function nameOf(table: TableObject, number: number): string {
  return quote(columnNamed(table, number));
}

function* runAction(state: ExecState, action: ChildAction): Task<void> {
  const { catalog } = state.session;
  const { constraint, old, next } = action;
  const child = catalog.table(constraint.table);
  const parent = catalog.table(constraint.foreign!.table);
  const kind: ReferentialAction = next === undefined ? constraint.foreign!.onDelete : constraint.foreign!.onUpdate;
  const where = constraint.columns.map((n, i) => `${nameOf(child, n)} OPERATOR(pg_catalog.=) $${i + 1}`).join(' AND ');
  const run = state.services.runInternal;
  const requireNoChild = function* (): Task<void> {
    if ((yield* run(`SELECT 1 FROM ${relationOf(catalog, child)} WHERE ${where} LIMIT 1 FOR KEY SHARE`, old)) > 0)
      throw stillReferenced(catalog, constraint, old, state.context);
  };
  if (kind === 'restrict') return yield* requireNoChild();
  if (kind === 'no action' || kind === 'set default') {
    if (kind === 'set default')
      yield* run(
        `UPDATE ${relationOf(catalog, child)} SET ${assignments(child, action, () => 'DEFAULT')} WHERE ${where}`,
        old,
      );
    // Another row may have taken the key over within the statement: then nothing is missing. A child whose default is the
    // very key that went still refers to it.
    const there = constraint
      .foreign!.columns.map((n, i) => `${nameOf(parent, n)} OPERATOR(pg_catalog.=) $${i + 1}`)
      .join(' AND ');
    if ((yield* run(`SELECT 1 FROM ${relationOf(catalog, parent)} WHERE ${there} FOR KEY SHARE`, old)) === 0)
      yield* requireNoChild();
    return;
  }
  if (kind === 'cascade' && next === undefined) {
    yield* run(`DELETE FROM ${relationOf(catalog, child)} WHERE ${where}`, old);
    return;
  }
  const value = (i: number): string => (kind === 'set null' ? 'NULL' : `$${old.length + i + 1}`);
  yield* run(
    `UPDATE ${relationOf(catalog, child)} SET ${assignments(child, action, value)} WHERE ${where}`,
    kind === 'cascade' ? [...old, ...next!] : old,
  );
}

/** The SET list of an action; ON DELETE SET NULL and SET DEFAULT may name some of the columns only. */
function assignments(child: TableObject, action: ChildAction, value: (i: number) => string): string {
  const { constraint, next } = action;
  const setColumns = next === undefined ? constraint.foreign!.setColumns : [];
  return constraint.columns
    .map((n, i) => ({ n, set: `${nameOf(child, n)} = ${value(i)}` }))
    .filter(({ n }) => setColumns.length === 0 || setColumns.includes(n))
    .map(({ set }) => set)
    .join(', ');
}
