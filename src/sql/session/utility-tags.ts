/** Command tags of utility statements: what CommandComplete says when one is done. */
import type { Statement } from '../ast/statements.ts';

const TAGS: Partial<Record<Statement['kind'], string>> = {
  createTable: 'CREATE TABLE',
  createIndex: 'CREATE INDEX',
  createView: 'CREATE VIEW',
  createSequence: 'CREATE SEQUENCE',
  createExtension: 'CREATE EXTENSION',
  createSchema: 'CREATE SCHEMA',
  createDatabase: 'CREATE DATABASE',
  createRole: 'CREATE ROLE',
  alterRole: 'ALTER ROLE',
  alterSequence: 'ALTER SEQUENCE',
  resizeDatabase: 'ALTER DATABASE',
  backup: 'BACKUP DATABASE',
  reorganize: 'ALTER INDEX REORGANIZE',
  indexDefrag: 'DBCC INDEXDEFRAG',
  setIndexOptions: 'ALTER INDEX',
  comment: 'COMMENT',
  truncate: 'TRUNCATE TABLE',
  reindex: 'REINDEX',
  callProcedure: 'CALL',
};

/** The tag; of a kind that is not supported, what its error calls it. */
export function utilityTag(s: Statement): string {
  switch (s.kind) {
    case 'alterTable':
    case 'rename':
    case 'setSchema':
    case 'alterOwner': {
      const object =
        s.kind === 'rename' && (s.object === 'column' || s.object === 'constraint')
          ? (s.relationKind ?? 'table')
          : s.object;
      return `ALTER ${object.toUpperCase()}`;
    }
    case 'rebuild':
      return s.disable ? 'ALTER INDEX DISABLE' : 'ALTER INDEX REBUILD';
    case 'drop':
      return `DROP ${s.object.toUpperCase()}`;
    case 'grant':
      return s.revoke ? 'REVOKE' : 'GRANT';
    case 'alterDatabase':
      return s.system ? 'ALTER SYSTEM' : 'ALTER DATABASE';
    case 'checkDatabase':
      return s.table === null ? 'DBCC CHECKDB' : 'DBCC CHECKTABLE';
    case 'createTableAs':
      return s.bySelect === true ? 'SELECT INTO' : 'CREATE TABLE AS';
    case 'unsupported':
      return s.what;
    default:
      return TAGS[s.kind] ?? s.kind.toUpperCase();
  }
}
