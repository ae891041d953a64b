/** Writing expressions: a column, a literal, or a form with expressions in its holes, until the depth is used up. */
import { FORMS } from './forms.ts';
import { literal } from './literals.ts';
import { columnOf, filled, type Kind, type Pen, type Scope, SQL_TYPE } from './pen.ts';
import { scalar, select } from './selects.ts';

const COMPARISONS = ['=', '<', '>', '<=', '>=', '<>'];
const PATTERNS = ["'a%'", "'%b%'", "'_b%'", "'%'", "'a\\_%'", "'%c'"];
const REGEXES = ["'^a'", "'b$'", "'[a-c]+'", "'^.?b'"];

const LEAF = 0.25;
const COLUMN = 0.75;
const NULL = 0.06;

function isKind(word: string): word is Kind {
  return word in SQL_TYPE;
}

/** An expression of `kind` over the columns in `scope`, at most `depth` forms deep. */
export function expression(pen: Pen, scope: Scope, kind: Kind, depth = 2): string {
  const { prng } = pen;
  if (depth <= 0 || prng.chance(LEAF)) {
    const column = prng.chance(COLUMN) ? columnOf(pen, scope, kind) : undefined;
    return column ?? (prng.chance(NULL) ? `null::${SQL_TYPE[kind]}` : literal(pen, kind));
  }
  const below = depth - 1;
  return filled(prng.pick(FORMS[kind]), (hole) => {
    if (isKind(hole)) return expression(pen, scope, hole, below);
    switch (hole) {
      case 'cmp':
        return prng.pick(COMPARISONS);
      case 'n':
        return String(prng.below(4));
      case 'is':
        return prng.pick(['null', 'not null']);
      case 'pattern':
        return prng.pick(PATTERNS);
      case 'regex':
        return prng.pick(REGEXES);
      case 'scalar_int':
        return scalar(pen, scope, 'int', below);
      case 'scalar_text':
        return scalar(pen, scope, 'text', below);
      case 'select_int':
        return select(pen, scope, ['int'], below);
      case 'select_text':
        return select(pen, scope, ['text'], below);
      case 'select_pair':
        return select(pen, scope, ['int', 'text'], below);
      case 'select_ordered':
        return `select x0 from (${select(pen, scope, ['int'], below)}) as ${pen.fresh()}(x0) order by 1`;
      default:
        throw new Error(`a form has a hole {${hole}}`);
    }
  });
}
