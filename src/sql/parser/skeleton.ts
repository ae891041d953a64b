/**
 * The fence around node-sql-parser: the only module that knows it.
 *
 * It is given the skeleton of a query or DML statement, in which every expression, name, table and sub-query is a
 * placeholder, and answers where each placeholder ended up:
 *
 *     SELECT e0 AS n1, e2 FROM t3 AS a3 LEFT JOIN t4 AS a4 ON e5 WHERE e6 ORDER BY e7 DESC LIMIT 8
 *
 * A placeholder is a letter for its kind and its number: `e` expression, `n` name, `t` table (with the alias `a` of the same
 * number), `u` join column list, `q` query; LIMIT and OFFSET take a bare number. The answer is trusted only because it is
 * checked: every number from 0 up must come back exactly once, and in a clause that takes its letter. Anything else is a
 * {@link SkeletonError}. Skeletons repeat, so answers are cached by text.
 */

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { requireCompiled } from '../../base/compiled-code.ts';
import { commonSkeletons } from './common-skeletons.ts';

export interface SkeletonTarget {
  readonly item: number;
  /** −1 without AS. */
  readonly alias: number;
}

export interface SkeletonFrom {
  readonly table: number;
  /** Null begins a new item of the FROM list. */
  readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross' | null;
  readonly on: number;
  readonly using: number;
}

export interface SkeletonArm {
  readonly distinct: boolean;
  readonly distinctOn: readonly number[] | null;
  readonly targets: readonly SkeletonTarget[];
  readonly from: readonly SkeletonFrom[];
  readonly where: number;
  readonly groupBy: readonly number[];
  readonly having: number;
}

export interface SkeletonSort {
  readonly item: number;
  readonly direction: 'asc' | 'desc' | 'default';
  readonly nulls: 'first' | 'last' | 'default';
}

export interface SkeletonQuery {
  readonly kind: 'query';
  readonly recursive: boolean;
  readonly ctes: readonly { readonly name: number; readonly query: number }[];
  readonly arms: readonly SkeletonArm[];
  /** Between arm i and arm i + 1. */
  readonly operations: readonly { readonly operation: 'union' | 'intersect' | 'except'; readonly all: boolean }[];
  readonly orderBy: readonly SkeletonSort[];
  readonly limit: number;
  readonly offset: number;
}

export interface SkeletonInsert {
  readonly kind: 'insert';
  readonly table: number;
  readonly columns: readonly number[];
  /** The items of the first row of VALUES. */
  readonly values: readonly number[];
}

export interface SkeletonUpdate {
  readonly kind: 'update';
  readonly table: number;
  readonly set: readonly { readonly target: number; readonly value: number }[];
  readonly from: readonly SkeletonFrom[];
  readonly where: number;
}

export interface SkeletonDelete {
  readonly kind: 'delete';
  readonly table: number;
  readonly where: number;
}

export type Skeleton = SkeletonQuery | SkeletonInsert | SkeletonUpdate | SkeletonDelete;

/** The skeleton was not accepted; `offset` is into the skeleton's text, undefined when the answer failed its check. */
export class SkeletonError extends Error {
  override readonly name = 'SkeletonError';
  readonly offset: number | undefined;

  constructor(message: string, offset: number | undefined) {
    super(message);
    this.offset = offset;
  }
}

const CACHE_ENTRIES = 500;
/** Long skeletons are rare and would weigh more than they save. */
const CACHED_LENGTH = 2_000;
const cache = new Map<string, Skeleton>();

/**
 * Parses a skeleton with `count` placeholders.
 *
 * @throws SkeletonError when node-sql-parser rejects it or its answer is not exactly what was asked.
 */
export function parseSkeleton(text: string, count: number): Skeleton {
  const known = cache.get(text);
  if (known !== undefined) {
    // Delete and set again, so that the first key is always the one used longest ago.
    cache.delete(text);
    cache.set(text, known);
    return known;
  }
  const skeleton = commonSkeletons().get(text) ?? askParser(text, count);
  if (text.length <= CACHED_LENGTH) {
    cache.set(text, skeleton);
    if (cache.size > CACHE_ENTRIES) cache.delete(cache.keys().next().value!);
  }
  return skeleton;
}

/** The parser's own answer, past all that is known already. @throws SkeletonError */
export function askParser(text: string, count: number): Skeleton {
  return new Reader().read(astOf(text), count);
}

type Fields = Readonly<Record<string, unknown>>;

let parser: { astify(sql: string): unknown } | undefined;

/** node-sql-parser is loaded at the first query that is not in a cache: a script of DDL never pays for it. */
function astOf(text: string): Fields {
  parser ??= loadParser();
  let ast: unknown;
  try {
    ast = parser.astify(text);
  } catch (error) {
    throw new SkeletonError('rejected', error instanceof RangeError ? undefined : failureOffset(error));
  }
  const single = Array.isArray(ast) && ast.length === 1 ? ast[0] : ast;
  return fields(single);
}

interface ParserModule {
  readonly Parser: new () => { astify(sql: string): unknown };
}

function loadParser(): { astify(sql: string): unknown } {
  const file = createRequire(import.meta.url).resolve('node-sql-parser/build/postgresql.js');
  const code = fileURLToPath(new URL('node-sql-parser.code', import.meta.url));
  const { Parser } = requireCompiled<ParserModule>(file, code);
  return new Parser();
}

function failureOffset(error: unknown): number | undefined {
  const start = isFields(error) && isFields(error['location']) ? error['location']['start'] : undefined;
  const offset = isFields(start) ? start['offset'] : undefined;
  return typeof offset === 'number' ? offset : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function fields(value: unknown): Fields {
  if (!isFields(value)) throw new SkeletonError('expected an object', undefined);
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new SkeletonError('expected a list', undefined);
  return value;
}

const JOINS: Readonly<Record<string, SkeletonFrom['join']>> = {
  'INNER JOIN': 'inner',
  'LEFT JOIN': 'left',
  'RIGHT JOIN': 'right',
  'FULL JOIN': 'full',
  'CROSS JOIN': 'cross',
};

/** Reads one answer and ticks off the placeholders that it meets. */
class Reader {
  readonly #seen = new Set<number>();

  read(ast: Fields, count: number): Skeleton {
    const skeleton = this.#statement(ast);
    if (this.#seen.size !== count) throw new SkeletonError('a placeholder was lost', undefined);
    return skeleton;
  }

  #statement(ast: Fields): Skeleton {
    switch (ast['type']) {
      case 'select':
        return this.#query(ast);
      case 'insert':
        return this.#insert(ast);
      case 'update':
        return this.#update(ast);
      case 'delete':
        return {
          kind: 'delete',
          table: this.#table(fields(list(ast['table'])[0])),
          where: this.#optional(ast['where']),
        };
      default:
        throw new SkeletonError('unknown statement', undefined);
    }
  }

  #query(ast: Fields): SkeletonQuery {
    const ctes = list(ast['with']).map((entry) => this.#cte(fields(entry)));
    const recursive = list(ast['with']).some((entry) => fields(entry)['recursive'] === true);
    const arms: SkeletonArm[] = [];
    const operations: SkeletonQuery['operations'][number][] = [];
    let last = ast;
    for (;;) {
      arms.push(this.#arm(last));
      const next = last['_next'];
      if (next === null || next === undefined) break;
      operations.push(operationOf(last['set_op']));
      // Only the last arm carries the tail of the whole.
      if (list(last['orderby']).length > 0 || limitsOf(last).length > 0)
        throw new SkeletonError('misplaced tail', undefined);
      last = fields(next);
    }
    const orderBy = list(last['orderby']).map((entry) => this.#sort(fields(entry)));
    const { limit, offset } = this.#limit(last);
    return { kind: 'query', recursive, ctes, arms, operations, orderBy, limit, offset };
  }

  #cte(entry: Fields): { name: number; query: number } {
    const name = this.#number(fields(entry['name'])['value'], 'n');
    const body = this.#arm(fields(entry['stmt']));
    if (body.targets.length !== 1) throw new SkeletonError('unexpected CTE', undefined);
    return { name, query: body.targets[0]!.item };
  }

  #arm(ast: Fields): SkeletonArm {
    const distinct = isFields(ast['distinct']) ? ast['distinct'] : {};
    const on = distinct['type'] === 'DISTINCT ON';
    const distinctOn = on
      ? list(distinct['columns']).map((column) => this.#placeholder(fields(column)['expr'], 'e'))
      : null;
    const group = isFields(ast['groupby']) ? list(ast['groupby']['columns']) : [];
    return {
      distinct: on || distinct['type'] === 'DISTINCT',
      distinctOn,
      targets: list(ast['columns']).map((column) => this.#target(fields(column))),
      from: this.#from(ast['from']),
      where: this.#optional(ast['where']),
      groupBy: group.map((item) => this.#placeholder(item, 'e')),
      having: this.#optional(ast['having']),
    };
  }

  #target(column: Fields): SkeletonTarget {
    const alias = column['as'];
    const item = this.#placeholder(column['expr'], 'eq');
    return { item, alias: alias === null || alias === undefined ? -1 : this.#number(alias, 'n') };
  }

  #from(from: unknown): SkeletonFrom[] {
    return list(from).map((entry) => {
      const item = fields(entry);
      const word = item['join'];
      const join = word === undefined || word === null ? null : typeof word === 'string' ? JOINS[word] : undefined;
      if (join === undefined) throw new SkeletonError('unknown join', undefined);
      const using = list(item['using']);
      if (using.length > 1) throw new SkeletonError('unexpected USING', undefined);
      return {
        table: this.#table(item),
        join,
        on: this.#optional(item['on']),
        using: using.length === 1 ? this.#number(fields(using[0])['value'], 'u') : -1,
      };
    });
  }

  #table(item: Fields): number {
    const number = this.#number(item['table'], 't');
    if (item['as'] !== `a${number}`) throw new SkeletonError('lost alias', undefined);
    return number;
  }

  #sort(entry: Fields): SkeletonSort {
    const type = entry['type'];
    const nulls = entry['nulls'];
    return {
      item: this.#placeholder(entry['expr'], 'e'),
      direction: type === 'ASC' ? 'asc' : type === 'DESC' ? 'desc' : 'default',
      nulls: nulls === 'NULLS FIRST' ? 'first' : nulls === 'NULLS LAST' ? 'last' : 'default',
    };
  }

  #limit(ast: Fields): { limit: number; offset: number } {
    const values = limitsOf(ast).map((value) => this.#tick(fields(value)['value']));
    const hasOffset = isFields(ast['limit']) && ast['limit']['seperator'] === 'offset';
    if (!hasOffset) return { limit: values[0] ?? -1, offset: -1 };
    return values.length === 2 ? { limit: values[0]!, offset: values[1]! } : { limit: -1, offset: values[0] ?? -1 };
  }

  #insert(ast: Fields): SkeletonInsert {
    const columns = list(ast['columns']).map((column) =>
      this.#number(isFields(column) ? column['value'] : column, 'n'),
    );
    const values = this.#insertedItems(fields(ast['values']));
    return { kind: 'insert', table: this.#number(fields(list(ast['table'])[0])['table'], 't'), columns, values };
  }

  #insertedItems(source: Fields): readonly number[] {
    if (source['type'] === 'select') return this.#arm(source).targets.map(({ item }) => item);
    const rows = list(source['values']);
    if (rows.length !== 1) throw new SkeletonError('unexpected rows', undefined);
    return list(fields(rows[0])['value']).map((value) => this.#placeholder(value, 'e'));
  }

  #update(ast: Fields): SkeletonUpdate {
    const set = list(ast['set']).map((entry) => {
      const target = this.#placeholder(entry, 'n');
      return { target, value: this.#placeholder(fields(entry)['value'], 'e') };
    });
    const table = this.#table(fields(list(ast['table'])[0]));
    return { kind: 'update', table, set, from: this.#from(ast['from']), where: this.#optional(ast['where']) };
  }

  #optional(node: unknown): number {
    return node === null || node === undefined ? -1 : this.#placeholder(node, 'e');
  }

  /** A node that must be a bare reference to a placeholder with one of these letters. */
  #placeholder(node: unknown, letters: string): number {
    const reference = fields(node);
    if (reference['type'] !== 'column_ref' || (reference['table'] !== null && reference['table'] !== undefined)) {
      throw new SkeletonError('expected a placeholder', undefined);
    }
    const column = fields(reference['column']);
    return this.#number(fields(column['expr'])['value'], letters);
  }

  #number(name: unknown, letters: string): number {
    if (typeof name !== 'string' || !letters.includes(name[0] ?? ' '))
      throw new SkeletonError('wrong placeholder', undefined);
    return this.#tick(Number(name.slice(1)));
  }

  #tick(number: unknown): number {
    if (typeof number !== 'number' || !Number.isInteger(number) || this.#seen.has(number)) {
      throw new SkeletonError('placeholder out of place', undefined);
    }
    this.#seen.add(number);
    return number;
  }
}

function limitsOf(ast: Fields): readonly unknown[] {
  return isFields(ast['limit']) ? list(ast['limit']['value']) : [];
}

function operationOf(word: unknown): SkeletonQuery['operations'][number] {
  switch (word) {
    case 'union':
      return { operation: 'union', all: false };
    case 'union all':
      return { operation: 'union', all: true };
    case 'intersect':
      return { operation: 'intersect', all: false };
    case 'except':
      return { operation: 'except', all: false };
    default:
      throw new SkeletonError('unknown set operation', undefined);
  }
}
