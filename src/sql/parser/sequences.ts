/** CREATE SEQUENCE, ALTER SEQUENCE and the options of identity columns. */

import type { SequenceOption } from '../ast/definitions.ts';
import type { Name, TypeName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { INTEGER, NUMBER } from '../lexer/lexer.ts';
import { CLOSE, type Cursor, DOT, OPEN } from './cursor.ts';
import { parseTypeName } from './type-names.ts';

export function parseCreateSequence(c: Cursor, at: number, temporary: boolean): Statement {
  c.expect('sequence');
  const ifNotExists = c.acceptAll('if', 'not', 'exists');
  const name = c.qualifiedName();
  return { kind: 'createSequence', at, name, temporary, ifNotExists, options: parseSequenceOptions(c, false) };
}

/** All options that follow; `bracketed` when they stand in parentheses. */
export function parseSequenceOptions(c: Cursor, bracketed: boolean): SequenceOption[] {
  const options: SequenceOption[] = [];
  if (bracketed) c.expectPunctuation(OPEN);
  for (;;) {
    const option = parseSequenceOption(c);
    if (option === null) break;
    options.push(option);
  }
  if (bracketed) c.expectPunctuation(CLOSE);
  return options;
}

/** One option, or null when none stands here. */
export function parseSequenceOption(c: Cursor): SequenceOption | null {
  const at = c.offset;
  const option = (
    name: SequenceOption['name'],
    value: string | null,
    type: TypeName | null = null,
  ): SequenceOption => ({ at, name, value, type, owner: null });
  if (c.accept('as')) return option('as', null, parseTypeName(c));
  if (c.accept('increment')) {
    c.accept('by');
    return option('increment', parseNumeric(c));
  }
  if (c.acceptAll('no', 'minvalue')) return option('minvalue', null);
  if (c.acceptAll('no', 'maxvalue')) return option('maxvalue', null);
  if (c.acceptAll('no', 'cycle')) return option('cycle', 'false');
  if (c.accept('cycle')) return option('cycle', 'true');
  if (c.accept('minvalue')) return option('minvalue', parseNumeric(c));
  if (c.accept('maxvalue')) return option('maxvalue', parseNumeric(c));
  if (c.accept('cache')) return option('cache', parseNumeric(c));
  if (c.accept('start')) {
    c.accept('with');
    return option('start', parseNumeric(c));
  }
  if (c.accept('restart')) {
    const hasValue = c.accept('with') || c.kind() === INTEGER || c.isOperator(45);
    return option('restart', hasValue ? parseNumeric(c) : null);
  }
  if (c.acceptAll('sequence', 'name')) return { ...option('sequence name', null), owner: parsePath(c) };
  if (!c.acceptAll('owned', 'by')) return null;
  return { ...option('owned by', null), owner: c.accept('none') ? null : parsePath(c) };
}

function parsePath(c: Cursor): Name[] {
  const parts = [c.name()];
  while (c.acceptPunctuation(DOT)) parts.push(c.label());
  return parts;
}

function parseNumeric(c: Cursor): string {
  const sign = c.isOperator(45) ? '-' : '';
  if (sign !== '' || c.isOperator(43)) c.at++;
  if (c.kind() !== INTEGER && c.kind() !== NUMBER) throw c.syntaxError();
  return sign + c.lexer.source(c.at++);
}
