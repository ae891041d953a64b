/** SET, SHOW and RESET in all their forms. */

import { unsupported } from '../../base/errors.ts';
import type { OptionValue } from '../ast/definitions.ts';
import type { SetStatement, Statement } from '../ast/statements.ts';
import { STRING } from '../lexer/lexer.ts';
import { type Cursor, DOT } from './cursor.ts';
import { parseOptionValue, parseSettingValues } from './options.ts';
import { parseModes } from './transactions.ts';
import { parseIntervalFields } from './type-names.ts';

export function parseSet(c: Cursor): Statement {
  const at = c.offset;
  c.expect('set');
  if (c.accept('constraints')) {
    const names = c.accept('all') ? null : c.list(() => c.qualifiedName());
    return { kind: 'setConstraints', at, names, deferred: c.oneOf('deferred', 'immediate') === 'deferred' };
  }
  if (c.accept('transaction')) {
    const snapshot = c.accept('snapshot') ? c.string() : null;
    return { kind: 'setTransaction', at, session: false, modes: parseModes(c), snapshot };
  }
  if (c.acceptAll('session', 'characteristics', 'as', 'transaction')) {
    return { kind: 'setTransaction', at, session: true, modes: parseModes(c), snapshot: null };
  }
  const isScope = !c.isPunctuation(DOT, 1) && !c.isOperator(61, 1) && c.word(1) !== 'to';
  const scope = isScope && c.accept('local') ? 'local' : 'session';
  if (isScope && scope === 'session' && c.word(1) !== 'authorization') c.accept('session');
  return { kind: 'set', at, scope, ...parseSetting(c) };
}

/** `name = values` or one of the spellings without `=`; the word SET is behind the cursor. */
export function parseSetting(c: Cursor): Pick<SetStatement, 'name' | 'value'> {
  if (c.acceptAll('time', 'zone')) return { name: 'timezone', value: parseZone(c) };
  if (c.acceptAll('session', 'authorization')) return { name: 'session_authorization', value: parseWordOrDefault(c) };
  if (c.isLabel(1) || c.kind(1) === STRING || (c.is('names') && c.kind(1) === 0)) {
    switch (c.word()) {
      case 'names':
        c.at++;
        return { name: 'client_encoding', value: c.atEnd ? null : parseEncoding(c) };
      case 'role':
        c.at++;
        return { name: 'role', value: parseWordOrDefault(c) };
      case 'schema':
        c.at++;
        return { name: 'search_path', value: [parseOptionValue(c)] };
      case 'catalog':
        throw unsupported('SET CATALOG', c.position(c.at));
      case 'xml':
        throw unsupported('SET XML OPTION', c.position(c.at));
    }
  }
  const name = parseSettingName(c);
  if (!c.acceptEquals()) c.expect('to');
  return { name, value: c.accept('default') ? null : parseSettingValues(c) };
}

function parseEncoding(c: Cursor): OptionValue[] | null {
  if (c.accept('default')) return null;
  const at = c.offset;
  return [{ kind: 'string', text: c.string(), at, items: [] }];
}

function parseWordOrDefault(c: Cursor): OptionValue[] | null {
  return c.accept('default') ? null : [parseOptionValue(c)];
}

/** LOCAL and DEFAULT are both the server's zone; an interval is kept as its text. */
function parseZone(c: Cursor): OptionValue[] | null {
  if (c.accept('local') || c.accept('default')) return null;
  const at = c.offset;
  if (!c.accept('interval')) return [parseOptionValue(c)];
  const text = c.string();
  const { fields } = parseIntervalFields(c);
  if (fields !== null && fields !== 'hour' && fields !== 'hour to minute') {
    throw c.errorAt('time zone interval must be HOUR or HOUR TO MINUTE', c.at - 1);
  }
  const isBare = fields === 'hour' && /^[+-]?\d+$/.test(text.trim());
  return [{ kind: 'string', text: `INTERVAL '${isBare ? `${text} hours` : text}'`, at, items: [] }];
}

/** `name` or `extension.name`, in lower case. */
export function parseSettingName(c: Cursor): string {
  let name = c.name().text;
  while (c.acceptPunctuation(DOT)) name += `.${c.label().text}`;
  return name.toLowerCase();
}

export function parseShow(c: Cursor): Statement {
  const at = c.offset;
  const kind = c.oneOf('show', 'reset');
  if (c.accept('all')) return { kind, at, name: null };
  if (c.acceptAll('time', 'zone')) return { kind, at, name: 'timezone' };
  if (c.acceptAll('transaction', 'isolation', 'level')) return { kind, at, name: 'transaction_isolation' };
  if (c.acceptAll('session', 'authorization')) return { kind, at, name: 'session_authorization' };
  return { kind, at, name: parseSettingName(c) };
}
