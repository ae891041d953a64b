/** The same canonical text as `own-text.ts`, from libpg-query's tree (PostgreSQL's own grammar, as JSON). */

type Json = { readonly [key: string]: unknown };

const q = (text: string) => JSON.stringify(text);

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function node(value: unknown): Json {
  if (!isJson(value)) throw new Error(`no node: ${JSON.stringify(value)}`);
  return value;
}
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
function join(value: unknown, item: (value: unknown) => string): string {
  return list(value).map(item).join(', ');
}
/** `{ SelectStmt: {…} }` → [SelectStmt, {…}]. */
function open(value: unknown): [string, Json] {
  const entry = Object.entries(node(value))[0];
  if (entry === undefined) throw new Error('empty node');
  return [entry[0], node(entry[1])];
}
function inner(value: unknown, kind: string): Json {
  const [found, fields] = open(value);
  if (found !== kind) throw new Error(`${found} where ${kind} was expected`);
  return fields;
}
function stringNode(value: unknown): string {
  return text(inner(value, 'String')['sval']);
}
function names(value: unknown): string[] {
  return list(value).map((part) => (isJson(part) && 'A_Star' in part ? '*' : stringNode(part)));
}
function dotted(value: unknown): string {
  return names(value)
    .map((part) => (part === '*' ? '*' : q(part)))
    .join('.');
}
function clause(word: string, value: unknown): string {
  return value === undefined || value === null ? '' : ` ${word} ${expression(value)}`;
}

export function pgText(statement: unknown): string {
  const [kind, s] = open(statement);
  switch (kind) {
    case 'SelectStmt':
      return select(s);
    case 'InsertStmt':
      return `${withText(s['withClause'])}insert ${relation(s['relation'])}${s['cols'] === undefined ? '' : ` (${join(s['cols'], target)})`}${overriding(s['override'])} ${s['selectStmt'] === undefined ? 'default values' : select(inner(s['selectStmt'], 'SelectStmt'))}${conflict(s['onConflictClause'])}${returning(s)}`;
    case 'UpdateStmt':
      return `${withText(s['withClause'])}update ${relation(s['relation'])} set ${assignments(s['targetList'])}${fromText(s['fromClause'])}${clause('where', s['whereClause'])}${returning(s)}`;
    case 'DeleteStmt':
      return `${withText(s['withClause'])}delete ${relation(s['relation'])}${list(s['usingClause']).length > 0 ? ` using ${join(s['usingClause'], from)}` : ''}${clause('where', s['whereClause'])}${returning(s)}`;
    default:
      throw new Error(`unknown statement ${kind}`);
  }
}

function overriding(value: unknown): string {
  if (value === 'OVERRIDING_USER_VALUE') return ' overriding user';
  return value === 'OVERRIDING_SYSTEM_VALUE' ? ' overriding system' : '';
}

function returning(s: Json): string {
  const clauseNode = s['returningClause'];
  const items = isJson(clauseNode) ? clauseNode['exprs'] : s['returningList'];
  return list(items).length === 0 ? '' : ` returning ${join(items, resTarget)}`;
}

function conflict(value: unknown): string {
  if (!isJson(value)) return '';
  let out = ' on conflict';
  const infer = value['infer'];
  if (isJson(infer)) {
    if (typeof infer['conname'] === 'string') out += ` constraint ${q(infer['conname'])}`;
    else {
      const element = (item: unknown) => {
        const e = inner(item, 'IndexElem');
        return typeof e['name'] === 'string' ? q(e['name']) : expression(e['expr']);
      };
      out += ` (${join(infer['indexElems'], element)})${clause('where', infer['whereClause'])}`;
    }
  }
  if (value['action'] === 'ONCONFLICT_NOTHING') return `${out} nothing`;
  return `${out} update ${assignments(value['targetList'])}${clause('where', value['whereClause'])}`;
}

function assignments(value: unknown): string {
  const out: string[] = [];
  const items = list(value);
  for (let i = 0; i < items.length; i++) {
    const t = inner(items[i], 'ResTarget');
    const [kind, source] = open(t['val']);
    if (kind !== 'MultiAssignRef') {
      out.push(`${target(items[i])} = ${expression(t['val'])}`);
      continue;
    }
    const count = Number(source['ncolumns']);
    out.push(
      `(${items
        .slice(i, i + count)
        .map(target)
        .join(', ')}) = ${expression(source['source'])}`,
    );
    i += count - 1;
  }
  return out.join(', ');
}

function target(value: unknown): string {
  const t = inner(value, 'ResTarget');
  const path = list(t['indirection']).map((step) =>
    isJson(step) && 'String' in step ? `.${q(stringNode(step))}` : '[]',
  );
  return q(text(t['name'])) + path.join('');
}

function withText(value: unknown): string {
  if (!isJson(value)) return '';
  const ctes = join(value['ctes'], (item) => {
    const cte = inner(item, 'CommonTableExpr');
    const hint =
      { CTEMaterializeAlways: 'materialized ', CTEMaterializeNever: 'not materialized ' }[
        text(cte['ctematerialized'])
      ] ?? '';
    return `${q(text(cte['ctename']))}(${join(cte['aliascolnames'], (c) => q(stringNode(c)))}) as ${hint}(${pgText(cte['ctequery'])})`;
  });
  return `with ${value['recursive'] === true ? 'recursive ' : ''}${ctes} `;
}

function select(s: Json): string {
  let out = withText(s['withClause']);
  const op = text(s['op']);
  if (list(s['valuesLists']).length > 0) {
    out += `values ${join(s['valuesLists'], (row) => `(${join(inner(row, 'List')['items'], expression)})`)}`;
  } else if (op !== '' && op !== 'SETOP_NONE') {
    const word = op.replace('SETOP_', '').toLowerCase();
    out += `(${select(node(s['larg']))}) ${word}${s['all'] === true ? ' all' : ''} (${select(node(s['rarg']))})`;
  } else out += core(s);
  if (list(s['sortClause']).length > 0) out += ` order by ${join(s['sortClause'], sort)}`;
  const isAll =
    isJson(s['limitCount']) && isJson(s['limitCount']['A_Const']) && s['limitCount']['A_Const']['isnull'] === true;
  if (!isAll) out += clause('limit', s['limitCount']);
  if (s['limitOption'] === 'LIMIT_OPTION_WITH_TIES') out += ' ties';
  out += clause('offset', s['limitOffset']);
  for (const item of list(s['lockingClause'])) {
    const lock = inner(item, 'LockingClause');
    const strength = {
      LCS_FORUPDATE: 'update',
      LCS_FORNOKEYUPDATE: 'no key update',
      LCS_FORSHARE: 'share',
      LCS_FORKEYSHARE: 'key share',
    };
    const wait = { LockWaitSkip: 'skip locked', LockWaitError: 'nowait' }[text(lock['waitPolicy'])] ?? 'wait';
    out += ` for ${new Map(Object.entries(strength)).get(text(lock['strength']))} of ${join(lock['lockedRels'], (r) => rangeVar(inner(r, 'RangeVar')))} ${wait}`;
  }
  return `<${out}>`;
}

function core(s: Json): string {
  const d = s['distinctClause'];
  const first = list(d)[0];
  const isOn = first !== undefined && isJson(first) && Object.keys(first).length > 0;
  let out = `select${isOn ? ` distinct on (${join(d, expression)})` : d !== undefined ? ' distinct' : ''} ${join(s['targetList'], resTarget)}`;
  if (isJson(s['intoClause'])) out += ` into ${rangeVar(node(s['intoClause']['rel']))}`;
  out += fromText(s['fromClause']) + clause('where', s['whereClause']);
  if (list(s['groupClause']).length > 0) {
    out += ` group by ${s['groupDistinct'] === true ? 'distinct ' : ''}${join(s['groupClause'], group)}`;
  }
  out += clause('having', s['havingClause']);
  if (list(s['windowClause']).length > 0) {
    out += ` window ${join(s['windowClause'], (w) => `${q(text(inner(w, 'WindowDef')['name']))} as ${window(inner(w, 'WindowDef'))}`)}`;
  }
  return out;
}

function group(value: unknown): string {
  const [kind, g] = open(value);
  if (kind !== 'GroupingSet') return expression(value);
  const names: Record<string, string> = {
    GROUPING_SET_ROLLUP: 'rollup',
    GROUPING_SET_CUBE: 'cube',
    GROUPING_SET_SETS: 'sets',
  };
  return g['kind'] === 'GROUPING_SET_EMPTY' ? '()' : `${names[text(g['kind'])]}(${join(g['content'], group)})`;
}

function resTarget(value: unknown): string {
  const t = inner(value, 'ResTarget');
  return expression(t['val']) + (typeof t['name'] === 'string' ? ` as ${q(t['name'])}` : '');
}

function sort(value: unknown): string {
  const s = inner(value, 'SortBy');
  const dir = { SORTBY_ASC: 'asc', SORTBY_DESC: 'desc', SORTBY_USING: 'using' }[text(s['sortby_dir'])] ?? 'default';
  const nulls = { SORTBY_NULLS_FIRST: 'first', SORTBY_NULLS_LAST: 'last' }[text(s['sortby_nulls'])] ?? 'default';
  return `${expression(s['node'])} ${dir === 'using' ? `using ${names(s['useOp']).at(-1)}` : dir} ${nulls}`;
}

function fromText(value: unknown): string {
  return list(value).length === 0 ? '' : ` from ${join(value, from)}`;
}

function alias(value: unknown): string {
  if (!isJson(value)) return '';
  const columns = list(value['colnames']);
  return ` as ${q(text(value['aliasname']))}${columns.length > 0 ? `(${join(columns, (c) => q(stringNode(c)))})` : ''}`;
}

function rangeVar(r: Json): string {
  return [r['catalogname'], r['schemaname'], r['relname']]
    .filter((part) => typeof part === 'string')
    .map((part) => q(text(part)))
    .join('.');
}

function relation(value: unknown): string {
  const r = node(value);
  return `${r['inh'] === true ? '' : 'only '}${rangeVar(r)}${alias(r['alias'])}`;
}

function from(value: unknown): string {
  const [kind, item] = open(value);
  switch (kind) {
    case 'RangeVar':
      return relation(item);
    case 'RangeTableSample':
      return `${from(item['relation'])} sample`;
    case 'RangeSubselect':
      return `${item['lateral'] === true ? 'lateral ' : ''}(${select(inner(item['subquery'], 'SelectStmt'))})${alias(item['alias'])}`;
    case 'RangeFunction': {
      const calls = join(item['functions'], (f) => expression(list(inner(f, 'List')['items'])[0]));
      const columns = list(item['coldeflist']);
      const cols = columns.length === 0 ? '' : ` cols(${join(columns, columnDef)})`;
      return `${item['lateral'] === true ? 'lateral ' : ''}${item['is_rowsfrom'] === true ? 'rows from ' : ''}[${calls}]${item['ordinality'] === true ? ' ordinality' : ''}${alias(item['alias'])}${cols}`;
    }
    case 'JoinExpr': {
      const type = { JOIN_INNER: 'inner', JOIN_LEFT: 'left', JOIN_RIGHT: 'right', JOIN_FULL: 'full' }[
        text(item['jointype'])
      ];
      const using =
        item['usingClause'] === undefined
          ? ''
          : ` using (${join(item['usingClause'], (c) => q(stringNode(c)))})${alias(item['join_using_alias'])}`;
      return `(${from(item['larg'])} ${item['isNatural'] === true ? 'natural ' : ''}${type} join ${from(item['rarg'])}${using}${clause('on', item['quals'])})${alias(item['alias'])}`;
    }
    default:
      throw new Error(`unknown FROM item ${kind}`);
  }
}

function columnDef(value: unknown): string {
  const c = inner(value, 'ColumnDef');
  return `${q(text(c['colname']))} ${type(c['typeName'])}`;
}

function type(value: unknown): string {
  const t = node(value);
  const parts = names(t['names']).filter((part, i, all) => !(i === 0 && all.length === 2 && part === 'pg_catalog'));
  const name = parts.join('.');
  const typmods = list(t['typmods']);
  const modifiers = typmods.length > 0 && name !== 'interval' ? `(${join(typmods, expression)})` : '';
  return `${t['setof'] === true ? 'setof ' : ''}${q(name)}${modifiers}${'[]'.repeat(list(t['arrayBounds']).length)}`;
}

const ROWS = 0x4;
const GROUPS = 0x8;
const BETWEEN = 0x10;

function window(w: Json): string {
  let out = typeof w['refname'] === 'string' ? q(w['refname']) : '';
  if (list(w['partitionClause']).length > 0) out += ` partition ${join(w['partitionClause'], expression)}`;
  if (list(w['orderClause']).length > 0) out += ` order ${join(w['orderClause'], sort)}`;
  const options = Number(w['frameOptions'] ?? 0);
  if ((options & 1) !== 0) {
    const unit = (options & ROWS) !== 0 ? 'rows' : (options & GROUPS) !== 0 ? 'groups' : 'range';
    const bound = (bits: readonly [number, string][], offset: unknown) => {
      const found = bits.find(([bit]) => (options & bit) !== 0)?.[1] ?? 'currentRow';
      return found === 'preceding' || found === 'following' ? `${found} ${expression(offset)}` : found;
    };
    const start = bound(
      [
        [0x20, 'unboundedPreceding'],
        [0x80, 'unboundedFollowing'],
        [0x200, 'currentRow'],
        [0x800, 'preceding'],
        [0x2000, 'following'],
      ],
      w['startOffset'],
    );
    const end =
      (options & BETWEEN) === 0
        ? 'currentRow'
        : bound(
            [
              [0x40, 'unboundedPreceding'],
              [0x100, 'unboundedFollowing'],
              [0x400, 'currentRow'],
              [0x1000, 'preceding'],
              [0x4000, 'following'],
            ],
            w['endOffset'],
          );
    const exclude =
      (options & 0x8000) !== 0
        ? 'current row'
        : (options & 0x10000) !== 0
          ? 'group'
          : (options & 0x20000) !== 0
            ? 'ties'
            : 'no others';
    out += ` ${unit} ${start} ${end} ${exclude}`;
  }
  return `{${out}}`;
}

function constant(c: Json): string {
  if (c['isnull'] === true) return 'null';
  if (isJson(c['ival'])) return String(c['ival']['ival'] ?? 0);
  if (isJson(c['fval'])) return text(c['fval']['fval']);
  if (isJson(c['boolval'])) return c['boolval']['boolval'] === true ? 'true' : 'false';
  if (isJson(c['bsval'])) return `'${text(c['bsval']['bsval'])}'`;
  return `'${text(node(c['sval'])['sval'])}'`;
}

function items(value: unknown): unknown {
  return isJson(value) && 'List' in value ? inner(value, 'List')['items'] : value;
}

function aExpr(e: Json): string {
  const name = names(e['name']).join('.');
  const left = () => expression(e['lexpr']);
  const right = () => expression(e['rexpr']);
  switch (text(e['kind'])) {
    case 'AEXPR_OP':
      return e['lexpr'] === undefined ? `(${name} ${right()})` : `(${left()} ${name} ${right()})`;
    case 'AEXPR_OP_ANY':
      return `(${left()} ${name} any (${right()}))`;
    case 'AEXPR_OP_ALL':
      return `(${left()} ${name} all (${right()}))`;
    case 'AEXPR_DISTINCT':
      return `(${left()} is distinct from ${right()})`;
    case 'AEXPR_NOT_DISTINCT':
      return `(${left()} is not distinct from ${right()})`;
    case 'AEXPR_NULLIF':
      return `nullif(${left()}, ${right()})`;
    case 'AEXPR_IN':
      return `(${left()} ${name === '<>' ? 'not ' : ''}in (${join(items(e['rexpr']), expression)}))`;
    case 'AEXPR_LIKE':
      return `(${left()} ${name === '!~~' ? 'not ' : ''}like ${pattern(e['rexpr'], 'like_escape')})`;
    case 'AEXPR_ILIKE':
      return `(${left()} ${name === '!~~*' ? 'not ' : ''}ilike ${pattern(e['rexpr'], 'like_escape')})`;
    case 'AEXPR_SIMILAR':
      return `(${left()} ${name === '!~' ? 'not ' : ''}similar ${pattern(e['rexpr'], 'similar_to_escape')})`;
    default: {
      const [low, high] = list(items(e['rexpr']));
      const words = text(e['kind']).replace('AEXPR_', '').toLowerCase();
      const symmetric = words.includes('sym') ? ' symmetric' : '';
      return `(${left()} ${words.startsWith('not') ? 'not ' : ''}between${symmetric} ${expression(low)} and ${expression(high)})`;
    }
  }
}

function pattern(value: unknown, escapeFunction: string): string {
  const [kind, call] = open(value);
  if (kind !== 'FuncCall' || names(call['funcname']).at(-1) !== escapeFunction) return expression(value);
  const args = list(call['args']);
  return args.length === 2 ? `esc(${expression(args[0])}, ${expression(args[1])})` : expression(args[0]);
}

function call(c: Json): string {
  const parts = names(c['funcname']);
  const name = (parts.length === 2 && parts[0] === 'pg_catalog' ? parts.slice(1) : parts).map(q).join('.');
  const order =
    list(c['agg_order']).length > 0
      ? ` ${c['agg_within_group'] === true ? 'within' : 'order'} ${join(c['agg_order'], sort)}`
      : '';
  const args = c['agg_star'] === true ? '*' : join(c['args'], expression);
  const over = isJson(c['over']) ? ` over ${overText(c['over'])}` : '';
  return `${name}(${c['agg_distinct'] === true ? 'distinct ' : ''}${c['func_variadic'] === true ? 'variadic ' : ''}${args}${order})${clause('filter', c['agg_filter'])}${over}`;
}

function overText(w: Json): string {
  return typeof w['name'] === 'string' ? q(w['name']) : window(w);
}

const SQL_VALUES = [
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'CURRENT_ROLE',
  'CURRENT_USER',
  'USER',
  'SESSION_USER',
  'CURRENT_CATALOG',
  'CURRENT_SCHEMA',
];

function sqlValue(e: Json): string {
  const op = text(e['op']).replace('SVFOP_', '');
  const name = SQL_VALUES.find((value) => op === value || op === `${value}_N`);
  return `${name?.toLowerCase()}${op.endsWith('_N') ? `(${Number(e['typmod'] ?? 0)})` : ''}`;
}

function subLink(e: Json): string {
  const query = `<<${select(inner(e['subselect'], 'SelectStmt'))}>>`;
  switch (text(e['subLinkType'])) {
    case 'EXISTS_SUBLINK':
      return `exists ${query}`;
    case 'ARRAY_SUBLINK':
      return `array ${query}`;
    case 'EXPR_SUBLINK':
      return query;
    default: {
      const operator = e['operName'] === undefined ? '=' : names(e['operName']).at(-1);
      return `(${expression(e['testexpr'])} ${operator} ${e['subLinkType'] === 'ALL_SUBLINK' ? 'all' : 'any'} ${query})`;
    }
  }
}

function indirection(e: Json): string {
  let out = expression(e['arg']);
  for (const step of list(e['indirection'])) {
    const [kind, part] = open(step);
    if (kind === 'String') out = `(${out}).${q(text(part['sval']))}`;
    else if (kind === 'A_Star') out += '.*';
    else if (part['is_slice'] === true) out += `[${optional(part['lidx'])}:${optional(part['uidx'])}]`;
    else out += `[${optional(part['uidx'])}]`;
  }
  return out;
}

function optional(value: unknown): string {
  return value === undefined ? '' : expression(value);
}

const TESTS: Record<string, string> = {
  IS_TRUE: 'is true',
  IS_NOT_TRUE: 'is not true',
  IS_FALSE: 'is false',
  IS_NOT_FALSE: 'is not false',
  IS_UNKNOWN: 'is unknown',
  IS_NOT_UNKNOWN: 'is not unknown',
};

function expression(value: unknown): string {
  const [kind, e] = open(value);
  switch (kind) {
    case 'A_Const':
      return constant(e);
    case 'ParamRef':
      return `$${Number(e['number'] ?? 0)}`;
    case 'ColumnRef':
      return dotted(e['fields']);
    case 'A_Expr':
      return aExpr(e);
    case 'BoolExpr':
      return bool(e);
    case 'NullTest':
      return `(${expression(e['arg'])} is ${e['nulltesttype'] === 'IS_NOT_NULL' ? 'not ' : ''}null)`;
    case 'BooleanTest':
      return `(${expression(e['arg'])} ${TESTS[text(e['booltesttype'])]})`;
    case 'SubLink':
      return subLink(e);
    case 'A_ArrayExpr':
      return `array[${join(e['elements'], expression)}]`;
    case 'RowExpr':
      return `row(${join(e['args'], expression)})`;
    case 'CaseExpr': {
      const branches = list(e['args']).map(
        (b) => ` when ${expression(inner(b, 'CaseWhen')['expr'])} then ${expression(inner(b, 'CaseWhen')['result'])}`,
      );
      return `case${e['arg'] === undefined ? '' : ` ${expression(e['arg'])}`}${branches.join('')}${clause('else', e['defresult'])} end`;
    }
    case 'TypeCast':
      return `cast(${expression(e['arg'])} as ${type(e['typeName'])})`;
    case 'CollateClause':
      return `(${expression(e['arg'])} collate ${dotted(e['collname'])})`;
    case 'FuncCall':
      return call(e);
    case 'CoalesceExpr':
      return `coalesce(${join(e['args'], expression)})`;
    case 'MinMaxExpr':
      return `${e['op'] === 'IS_GREATEST' ? 'greatest' : 'least'}(${join(e['args'], expression)})`;
    case 'SQLValueFunction':
      return sqlValue(e);
    case 'A_Indirection':
      return indirection(e);
    case 'GroupingFunc':
      return `grouping(${join(e['args'], expression)})`;
    case 'SetToDefault':
      return 'default';
    case 'CurrentOfExpr':
      return `current of ${q(text(e['cursor_name']))}`;
    case 'NamedArgExpr':
      return `${q(text(e['name']))} => ${expression(e['arg'])}`;
    case 'List':
      return `row(${join(e['items'], expression)})`;
    default:
      throw new Error(`unknown expression ${kind}`);
  }
}

function bool(e: Json): string {
  if (e['boolop'] === 'NOT_EXPR') return `(not ${expression(list(e['args'])[0])})`;
  const word = e['boolop'] === 'AND_EXPR' ? 'and' : 'or';
  const parts = list(e['args']).map((arg) => {
    const out = expression(arg);
    return isJson(arg) && isJson(arg['BoolExpr']) && arg['BoolExpr']['boolop'] === e['boolop']
      ? out.slice(word.length + 1, -1)
      : out;
  });
  return `${word}(${parts.join('; ')})`;
}
