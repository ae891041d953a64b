/** ORDER BY items, and window definitions with their frames. */

import { fail } from '../../base/errors.ts';
import type { Frame, FrameBound, SortItem, WindowDefinition } from '../ast/expressions.ts';
import type { NamedWindow } from '../ast/queries.ts';
import { CLOSE, type Cursor, OPEN } from './cursor.ts';
import { parseExpression } from './expressions.ts';

export function parseSortItem(c: Cursor): SortItem {
  const at = c.offset;
  const expression = parseExpression(c);
  return { at, expression, ...parseSortOrder(c) };
}

/** `ASC`, `DESC` or `USING op`, then `NULLS FIRST | LAST`. */
export function parseSortOrder(c: Cursor): Pick<SortItem, 'direction' | 'operator' | 'nulls'> {
  let direction: SortItem['direction'] = 'default';
  let operator: SortItem['operator'] = null;
  if (c.accept('using')) {
    direction = 'using';
    operator = c.operatorName();
  } else if (c.is('asc') || c.is('desc')) direction = c.oneOf('asc', 'desc');
  let nulls: SortItem['nulls'] = 'default';
  if (c.is('nulls') && (c.word(1) === 'first' || c.word(1) === 'last')) {
    c.at++;
    nulls = c.oneOf('first', 'last');
  }
  return { direction, operator, nulls };
}

/** The body of `WINDOW name AS (…), …` behind the word. */
export function parseNamedWindows(c: Cursor): NamedWindow[] {
  return c.list(() => {
    const name = c.name();
    c.expect('as');
    return { name, definition: parseWindow(c) };
  });
}

/** `( [base] [PARTITION BY …] [ORDER BY …] [frame] )`. */
export function parseWindow(c: Cursor): WindowDefinition {
  const at = c.offset;
  c.expectPunctuation(OPEN);
  const startsClause = c.is('partition') || c.is('order') || c.is('range') || c.is('rows') || c.is('groups');
  const base = c.isColumnName() && !startsClause ? c.name() : null;
  const partitionBy = c.acceptAll('partition', 'by') ? c.list(() => parseExpression(c)) : [];
  const orderBy = c.acceptAll('order', 'by') ? c.list(() => parseSortItem(c)) : [];
  const frame = parseFrame(c);
  c.expectPunctuation(CLOSE);
  return { kind: 'window', at, base, partitionBy, orderBy, frame };
}

function parseFrame(c: Cursor): Frame | null {
  if (!c.is('range') && !c.is('rows') && !c.is('groups')) return null;
  const at = c.offset;
  const unit = c.oneOf('range', 'rows', 'groups');
  const start = c.at;
  let from: FrameBound;
  let to: FrameBound = { kind: 'currentRow' };
  if (c.accept('between')) {
    from = parseBound(c);
    c.expect('and');
    to = parseBound(c);
  } else {
    from = parseBound(c);
    if (from.kind === 'following') {
      throw fail('windowing_error', 'frame starting from following row cannot end with current row', {
        position: c.position(start),
      });
    }
  }
  checkBounds(c, from, to, start);
  return { at, unit, start: from, end: to, exclude: parseExclusion(c) };
}

/** The combinations that PostgreSQL refuses while it parses, with its texts (SQLSTATE 42P20). */
function checkBounds(c: Cursor, from: FrameBound, to: FrameBound, token: number): void {
  const refuse = (text: string) => fail('windowing_error', text, { position: c.position(token) });
  if (from.kind === 'unboundedFollowing') throw refuse('frame start cannot be UNBOUNDED FOLLOWING');
  if (to.kind === 'unboundedPreceding') throw refuse('frame end cannot be UNBOUNDED PRECEDING');
  if (from.kind === 'currentRow' && to.kind === 'preceding')
    throw refuse('frame starting from current row cannot have preceding rows');
  if (from.kind === 'following' && (to.kind === 'preceding' || to.kind === 'currentRow')) {
    throw refuse('frame starting from following row cannot have preceding rows');
  }
}

function parseBound(c: Cursor): FrameBound {
  if (c.is('unbounded') && (c.word(1) === 'preceding' || c.word(1) === 'following')) {
    c.at++;
    return { kind: c.oneOf('preceding', 'following') === 'preceding' ? 'unboundedPreceding' : 'unboundedFollowing' };
  }
  if (c.acceptAll('current', 'row')) return { kind: 'currentRow' };
  const offset = parseExpression(c);
  return { kind: c.oneOf('preceding', 'following'), offset };
}

function parseExclusion(c: Cursor): Frame['exclude'] {
  if (!c.accept('exclude')) return 'no others';
  if (c.acceptAll('current', 'row')) return 'current row';
  if (c.acceptAll('no', 'others')) return 'no others';
  return c.oneOf('group', 'ties');
}
