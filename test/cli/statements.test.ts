import { describe, expect, it } from 'vitest';
import { Script } from '../../src/cli/script.ts';
import { statementEnd } from '../../src/cli/statements.ts';

function statements(text: string): string[] {
  const script = new Script(text);
  const found: string[] = [];
  for (let next = script.next(); next !== undefined; next = script.next()) found.push(`${next.line}: ${next.text}`);
  return found;
}

describe('statements of a text', () => {
  it('end at semicolons outside of quotes, comments and parentheses', () => {
    expect(
      statements(
        'select \';\' ; select "a;b"; -- no; comment\nselect $$ ; $$;\nselect $x$ $$; $x$; /* ; /* ; */ ; */ select (1; 2);',
      ),
    ).toEqual([
      "1: select ';' ;",
      '1: select "a;b";',
      '2: select $$ ; $$;',
      '3: select $x$ $$; $x$;',
      '3: select (1; 2);',
    ]);
  });

  it('know doubled quotes, escapes and dollars in names', () => {
    expect(statements("select 'it''s; ok'; select E'\\';'; select a$b; select 'no\\'; select 1")).toEqual([
      "1: select 'it''s; ok';",
      "1: select E'\\';';",
      '1: select a$b;',
      "1: select 'no\\';",
      '1: select 1',
    ]);
  });

  it('are open until then', () => {
    for (const text of ["select 'a;", 'select "a;', 'select $$;', 'select /* ;', 'select (1;', 'select 1'])
      expect([text, statementEnd(text, 0)]).toEqual([text, -1]);
  });

  it('leave COPY its data', () => {
    const script = new Script('copy t from stdin;\n1;\n2\n\\.\nselect 1;');
    script.next();
    expect(Buffer.from(script.data()).toString()).toBe('1;\n2\n');
    expect(script.next()).toEqual({ text: 'select 1;', line: 5 });
  });
});
