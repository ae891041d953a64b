/** `BACKUP DATABASE name TO DISK = 'path' [WITH option [= value], …]`, as SQL Server writes it. */
import type { Option } from '../ast/definitions.ts';
import type { Statement } from '../ast/statements.ts';
import { type Cursor, OPEN } from './cursor.ts';
import { parseOptionValue, parseStorageOptions } from './options.ts';

/** The cursor is at BACKUP. */
export function parseBackup(c: Cursor): Statement {
  const at = c.offset;
  c.at++;
  if (c.isBareWord('log')) {
    c.at = c.to;
    return { kind: 'unsupported', at, what: 'BACKUP LOG' };
  }
  c.expect('database');
  const name = c.name();
  c.expect('to');
  if (!c.acceptBareWord('disk')) throw c.syntaxError();
  c.expectEquals();
  const pathAt = c.offset;
  const path = { at: pathAt, text: c.string() };
  const options = c.accept('with') ? parseOptions(c) : [];
  return { kind: 'backup', at, name, path, options };
}

/** In parentheses or without. */
function parseOptions(c: Cursor): Option[] {
  if (c.isPunctuation(OPEN)) return parseStorageOptions(c);
  return c.list(() => {
    const at = c.offset;
    const name = c.label().text;
    return { at, namespace: null, name, value: c.acceptEquals() ? parseOptionValue(c) : null };
  });
}
