/** TRUNCATE, LOCK, VACUUM, ANALYZE, DISCARD, LISTEN and their kin, DO and CALL. */

import type { Option } from '../ast/definitions.ts';
import type { Statement, TableLockMode, VacuumStatement } from '../ast/statements.ts';
import { STRING } from '../lexer/lexer.ts';
import { parseNamedCall } from './calls.ts';
import { COMMA, type Cursor, OPEN } from './cursor.ts';
import { parseCascade } from './drop.ts';
import { parseRelation } from './from-items.ts';
import { flag, parseUtilityOptions } from './options.ts';

export function parseTruncate(c: Cursor): Statement {
  const at = c.offset;
  c.expect('truncate');
  c.accept('table');
  const tables = c.list(() => parseRelation(c));
  const restartIdentity = c.acceptAll('restart', 'identity');
  if (!restartIdentity) c.acceptAll('continue', 'identity');
  return { kind: 'truncate', at, tables, restartIdentity, cascade: parseCascade(c) };
}

const MODES: readonly TableLockMode[] = [
  'access share',
  'row share',
  'row exclusive',
  'share update exclusive',
  'share row exclusive',
  'share',
  'exclusive',
  'access exclusive',
];

export function parseLock(c: Cursor): Statement {
  const at = c.offset;
  c.expect('lock');
  c.accept('table');
  const tables = c.list(() => parseRelation(c));
  let mode: TableLockMode = 'access exclusive';
  if (c.accept('in')) {
    const found = MODES.find((name) => c.are(...name.split(' '), 'mode'));
    if (found === undefined) throw c.syntaxError();
    c.at += found.split(' ').length + 1;
    mode = found;
  }
  return { kind: 'lock', at, tables, mode, nowait: c.accept('nowait') };
}

export function parseVacuum(c: Cursor): Statement {
  const at = c.offset;
  const kind = c.oneOf('vacuum', 'analyze', 'analyse') === 'vacuum' ? 'vacuum' : 'analyze';
  const options: Option[] = [];
  if (c.isPunctuation(OPEN)) options.push(...parseUtilityOptions(c));
  else {
    const words = kind === 'vacuum' ? ['full', 'freeze', 'verbose', 'analyze'] : ['verbose'];
    for (const word of words) {
      if (!c.is(word) && !(word === 'analyze' && c.is('analyse'))) continue;
      options.push(flag(word, c.offset));
      c.at++;
    }
  }
  const tables: VacuumStatement['tables'][number][] = [];
  if (!c.atEnd) {
    tables.push(
      ...c.list(() => {
        const name = c.qualifiedName();
        return { name, columns: c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : [] };
      }),
    );
  }
  return { kind, at, options, tables };
}

export function parseDiscard(c: Cursor): Statement {
  const at = c.offset;
  c.expect('discard');
  const what = c.oneOf('all', 'plans', 'sequences', 'temp', 'temporary');
  return { kind: 'discard', at, what: what === 'temporary' ? 'temp' : what };
}

export function parseNotification(c: Cursor): Statement {
  const at = c.offset;
  const kind = c.oneOf('listen', 'notify', 'unlisten');
  if (kind === 'unlisten' && c.isStar) {
    c.at++;
    return { kind, at, channel: null, payload: null };
  }
  const channel = c.name();
  return { kind, at, channel, payload: kind === 'notify' && c.acceptPunctuation(COMMA) ? c.string() : null };
}

export function parseDo(c: Cursor): Statement {
  const at = c.offset;
  c.expect('do');
  let body: string | null = null;
  let language: string | null = null;
  do {
    if (c.accept('language')) language = c.kind() === STRING ? c.string() : c.nonReserved().text;
    else if (body === null) body = c.string();
    else throw c.syntaxError();
  } while (!c.atEnd);
  if (body === null) throw c.errorAt('no inline code specified', c.at - 1);
  return { kind: 'do', at, language, body };
}

export function parseCallStatement(c: Cursor): Statement {
  const at = c.offset;
  c.expect('call');
  const call = parseNamedCall(c);
  return { kind: 'callProcedure', at, name: call.name, args: call.args };
}
