/** `DBCC INDEXDEFRAG`, `CHECKDB` and `CHECKTABLE`, as SQL Server writes it: the words are none of PostgreSQL's. */
import type { DbccName } from '../ast/definitions.ts';
import type { Statement } from '../ast/statements.ts';
import { INTEGER, Lexer, STRING } from '../lexer/lexer.ts';
import { CLOSE, COMMA, Cursor, OPEN } from './cursor.ts';

/** The cursor is at DBCC. */
export function parseDbcc(c: Cursor): Statement {
  const at = c.offset;
  c.at++;
  if (c.acceptBareWord('checkdb')) return parseCheck(c, at, false);
  if (c.acceptBareWord('checktable')) return parseCheck(c, at, true);
  if (!c.acceptBareWord('indexdefrag')) throw c.syntaxError();
  c.expectPunctuation(OPEN);
  const database = parseDbccName(c);
  c.expectPunctuation(COMMA);
  const table = parseDbccName(c);
  const index = c.acceptPunctuation(COMMA) ? parseDbccName(c) : null;
  const partition = index !== null && c.acceptPunctuation(COMMA) ? { at: c.offset, number: c.integer() } : null;
  c.expectPunctuation(CLOSE);
  const noInfo = c.accept('with');
  if (noInfo && !c.acceptBareWord('no_infomsgs')) throw c.syntaxError();
  return { kind: 'indexDefrag', at, database, table, index, partition, noInfo };
}

const CHECK_OPTIONS = ['no_infomsgs', 'all_errormsgs', 'tableresults', 'physical_only'];

/** Behind CHECKDB or CHECKTABLE. */
function parseCheck(c: Cursor, at: number, isTable: boolean): Statement {
  const name = isTable || c.isPunctuation(OPEN) ? c.parenthesized(() => parseDbccName(c)) : [];
  if (name.length > 1) throw c.syntaxError();
  const options = c.accept('with')
    ? c.list(() => {
        const option = CHECK_OPTIONS.find((word) => c.acceptBareWord(word));
        if (option === undefined) throw c.syntaxError();
        return option;
      })
    : [];
  return {
    kind: 'checkDatabase',
    at,
    database: isTable ? null : (name[0] ?? null),
    table: isTable ? (name[0] ?? null) : null,
    noInfo: options.includes('no_infomsgs'),
    tableResults: options.includes('tableresults'),
    physicalOnly: options.includes('physical_only'),
  };
}

function parseDbccName(c: Cursor): DbccName {
  const at = c.offset;
  if (c.kind() === INTEGER) return { at, name: null, id: c.integer() };
  if (c.kind() === STRING) return { at, name: nameIn(c, at), id: 0 };
  return { at, name: c.qualifiedName(), id: 0 };
}

/** The name that a string holds. Positions are the string's. @throws 42601 */
function nameIn(c: Cursor, at: number): DbccName['name'] {
  const lexer = new Lexer();
  const token = c.at;
  lexer.scan(c.string());
  const inner = new Cursor(lexer, 0, lexer.count, []);
  if (!inner.isColumnName()) throw c.syntaxError(token);
  const name = { ...inner.qualifiedName(), at };
  if (!inner.atEnd) throw c.syntaxError(token);
  return name;
}
