/** BEGIN, COMMIT, savepoints, two-phase commands, and the SET TRANSACTION forms. */

import type { IsolationLevel, Statement, TransactionModes } from '../ast/statements.ts';
import { COMMA, type Cursor } from './cursor.ts';

export function parseBegin(c: Cursor): Statement {
  const at = c.offset;
  const start = c.accept('start');
  if (start) c.expect('transaction');
  else {
    c.expect('begin');
    acceptNoise(c);
  }
  return { kind: 'begin', at, start, modes: parseModes(c) };
}

function acceptNoise(c: Cursor): void {
  if (c.is('work') || c.is('transaction')) c.at++;
}

/** Modes may be separated by commas or by nothing. */
export function parseModes(c: Cursor): TransactionModes {
  let isolation: IsolationLevel | null = null;
  let readOnly: boolean | null = null;
  let deferrable: boolean | null = null;
  for (;;) {
    if (c.acceptAll('isolation', 'level')) isolation = parseIsolation(c);
    else if (c.acceptAll('read', 'only')) readOnly = true;
    else if (c.acceptAll('read', 'write')) readOnly = false;
    else if (c.acceptAll('not', 'deferrable')) deferrable = false;
    else if (c.accept('deferrable')) deferrable = true;
    else if (isolation === null && readOnly === null && deferrable === null) return { isolation, readOnly, deferrable };
    else throw c.syntaxError();
    if (!c.acceptPunctuation(COMMA) && !startsMode(c)) return { isolation, readOnly, deferrable };
  }
}

function startsMode(c: Cursor): boolean {
  return c.is('isolation') || c.is('read') || c.is('deferrable') || c.are('not', 'deferrable');
}

function parseIsolation(c: Cursor): IsolationLevel {
  if (c.acceptAll('repeatable', 'read')) return 'repeatable read';
  if (c.accept('serializable')) return 'serializable';
  c.expect('read');
  return c.oneOf('committed', 'uncommitted') === 'committed' ? 'read committed' : 'read uncommitted';
}

/** COMMIT, END, ABORT, ROLLBACK and their forms with a savepoint or a prepared transaction. */
export function parseTransactionEnd(c: Cursor): Statement {
  const at = c.offset;
  const word = c.oneOf('commit', 'end', 'abort', 'rollback');
  if (c.is('prepared') && (word === 'commit' || word === 'rollback')) {
    c.at++;
    return { kind: 'twoPhase', at, action: word, id: c.string() };
  }
  acceptNoise(c);
  if (word === 'rollback' && c.accept('to')) {
    c.accept('savepoint');
    return { kind: 'rollbackTo', at, name: c.name() };
  }
  const isCommit = word === 'commit' || word === 'end';
  return { kind: isCommit ? 'commit' : 'rollback', at, chain: parseChain(c) };
}

function parseChain(c: Cursor): boolean {
  if (!c.accept('and')) return false;
  const chain = !c.accept('no');
  c.expect('chain');
  return chain;
}

export function parseSavepoint(c: Cursor): Statement {
  const at = c.offset;
  if (c.oneOf('savepoint', 'release') === 'savepoint') return { kind: 'savepoint', at, name: c.name() };
  c.accept('savepoint');
  return { kind: 'release', at, name: c.name() };
}
