/**
 * Kept expressions, and definitions of objects with such, with fewer parentheses, as psql shows them: `a > 0 AND b <> 'y'::text`.
 *
 * A kept text (`bind/expression-text.ts`) has every operator in parentheses, so their nesting is its tree. A pair goes where
 * PostgreSQL's pretty printer leaves it out, which knows few precedences: around the whole, around arguments, around what a
 * cast applies to, around conditions in AND and OR, and in sums and products.
 */

/** Text between parentheses, or a pair of them with what it holds. */
type Piece = string | Group;

interface Group {
  readonly pieces: Piece[];
  /** Parentheses or brackets that belong to a word before them: a call's, ARRAY's, ANY's. They stay. */
  readonly called: boolean;
}

type Kind = 'and' | 'or' | 'not' | 'test' | 'any' | 'sum' | 'product' | 'operator' | 'operand';

const TOKEN = /E?'(?:[^']|'')*'|"(?:[^"]|"")*"|[()[\]]|[^'"()[\]]+/g;
const OPENING = new Set(['(', '[']);
const CLOSING = new Set([')', ']']);

export function prettyText(text: string): string {
  const root: Group = { pieces: [], called: true };
  const open = [root];
  for (const [token] of text.matchAll(TOKEN)) {
    const { pieces } = open[open.length - 1]!;
    if (OPENING.has(token)) {
      const before = pieces[pieces.length - 1];
      const called = token === '[' || (typeof before === 'string' && /(?:[\w"]|\b(?:ANY|ALL) )$/.test(before));
      const group: Group = {
        pieces: [],
        called: called && !/\b(?:AND|OR|NOT|FROM|WHEN|THEN|ELSE) $/.test(String(before)),
      };
      pieces.push(...(group.called ? [token] : []), group, ...(group.called ? [token === '(' ? ')' : ']'] : []));
      open.push(group);
    } else if (CLOSING.has(token)) {
      if (open.length === 1) return text;
      open.pop();
    } else pieces.push(token);
  }
  return open.length === 1 ? written(root) : text;
}

function kindOf({ pieces }: Group): Kind {
  const words = pieces.map((piece) => (typeof piece === 'string' && !/^E?['"]/.test(piece) ? piece : 'x')).join('');
  if (/ OR /.test(words)) return 'or';
  if (/ AND /.test(words)) return 'and';
  if (/^NOT /.test(words)) return 'not';
  if (/ IS /.test(words)) return 'test';
  if (/ (?:ANY|ALL) \(/.test(words)) return 'any';
  const operator = / ([-+*/<>=~!@#%^&|`?]+) /.exec(words)?.[1];
  if (operator === undefined) return /^[-+*/<>=~!@#%^&|`?]+ /.test(words) ? 'operator' : 'operand';
  if (operator === '+' || operator === '-') return 'sum';
  return ['*', '/', '%'].includes(operator) ? 'product' : 'operator';
}

function written(group: Group): string {
  return group.pieces.map((piece, i) => (typeof piece === 'string' ? piece : inPlace(group, piece, i))).join('');
}

function inPlace(parent: Group, group: Group, at: number): string {
  const inner = written(group);
  if (group.called) return inner;
  return needsNone(parent, group, at) ? inner : `(${inner})`;
}

function needsNone(parent: Group, group: Group, at: number): boolean {
  const before = parent.pieces[at - 1] ?? '';
  const after = parent.pieces[at + 1] ?? '';
  // What a cast applies to has a pair for the cast, and one of its own when it is an operation: then one stays.
  if (typeof after === 'string' && after.startsWith('::'))
    return kindOf(group) === 'operand' && !(group.pieces.length === 1 && typeof group.pieces[0] !== 'string');
  // An index's key, a constraint's condition.
  if (!parent.called && parent.pieces.length === 1) return true;
  if (/ WHERE $/.test(String(before)) && after === '') return true;
  const isWhole = (before === '' || /, $/.test(String(before))) && (after === '' || /^,/.test(String(after)));
  if (parent.called) return isWhole;
  return bindsTighter(kindOf(group), kindOf(parent), at === 0);
}

function bindsTighter(inner: Kind, outer: Kind, isFirst: boolean): boolean {
  if (outer === 'and' || outer === 'or') return inner === 'or' ? outer === 'or' : inner !== 'any';
  if (outer === 'not') return inner !== 'and' && inner !== 'or' && inner !== 'any' && inner !== 'not';
  if (outer === 'sum') return inner === 'product' || (inner === 'sum' && isFirst);
  return outer === 'product' && inner === 'product' && isFirst;
}
