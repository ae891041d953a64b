/**
 * `extentdb shell`: statements typed one after another.
 *
 *   a line that begins with \ is a command; else lines gather until a semicolon ends a statement
 *   Ctrl-C gives up the running statement, or the typed lines; Ctrl-D or \q ends
 */
import type { FileCommand } from './arguments.ts';
import { LocalSession } from './local-session.ts';
import { contentStart, statementEnd } from './statements.ts';
import { errorText, noticeText } from './table-text.ts';
import { TextSink } from './text-sink.ts';
import { version } from './usage.ts';

const HELP = `  \\q             end
  \\dt            list tables
  \\d NAME        columns and indexes of a table
  \\?             this help
Statements end with a semicolon. Ctrl-C gives up the running statement.
`;

const TABLES =
  "select schemaname as schema, tablename as name from pg_catalog.pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2";

/** @returns the exit status: 1 when the input was not typed and a statement failed. */
export async function shell({ file }: FileCommand<'shell'>): Promise<number> {
  const interactive = process.stdin.isTTY === true;
  const session = await LocalSession.open(file, (notice) => process.stderr.write(noticeText(notice)));
  const print = (text: string): void => {
    process.stdout.write(text);
  };
  if (interactive) print(`ExtentDB ${version()}: ${file}. Type \\? for help, \\q to end.\n`);
  const reader = process.getBuiltinModule('node:readline').createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: interactive,
    historySize: 1000,
  });
  let typed = '';
  let status = 0;
  const prompt = (): void => {
    if (!interactive) return;
    const mark = session.sql.status === 'T' ? '*' : session.sql.status === 'E' ? '!' : '';
    reader.setPrompt(`${contentStart(typed, 0) < typed.length ? '-' : '='}${mark}> `);
    reader.prompt();
  };
  reader.on('SIGINT', () => {
    if (session.cancel()) return;
    typed = '';
    print('\n');
    prompt();
  });
  const sink = new TextSink(print, () => new Uint8Array(0));
  const run = async (text: string): Promise<void> => {
    const error = await session.run(text, sink);
    if (error === undefined) return;
    sink.forget();
    process.stderr.write(errorText(error, text));
    if (!interactive) status = 1;
  };
  prompt();
  for await (const line of reader) {
    if (line.startsWith('\\') && contentStart(typed, 0) === typed.length) {
      typed = '';
      const command = backslash(line);
      if (command.kind === 'end') break;
      if (command.kind === 'say') print(command.text);
      else for (const text of command.statements) await run(text);
    } else {
      typed += `${line}\n`;
      for (let end = statementEnd(typed, 0); end >= 0; end = statementEnd(typed, 0)) {
        const text = typed.slice(contentStart(typed, 0), end);
        typed = typed.slice(end);
        await run(text);
      }
    }
    prompt();
  }
  const left = typed.slice(contentStart(typed, 0));
  if (left !== '' && !interactive) await run(left);
  reader.close();
  await session.close();
  return status;
}

type Backslash =
  | { readonly kind: 'end' }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'run'; readonly statements: readonly string[] };

function backslash(line: string): Backslash {
  const [command, ...names] = line.trim().split(/\s+/);
  const name = names.join(' ').replace(/;$/, '');
  switch (command) {
    case '\\q':
      return { kind: 'end' };
    case '\\?':
      return { kind: 'say', text: HELP };
    case '\\dt':
      return { kind: 'run', statements: [TABLES] };
    case '\\d':
      return name === '' ? { kind: 'run', statements: [TABLES] } : { kind: 'run', statements: describe(name) };
    default:
      return { kind: 'say', text: `invalid command ${command}\nTry \\? for help.\n` };
  }
}

function describe(name: string): string[] {
  const relation = `'${name.replaceAll("'", "''")}'::pg_catalog.regclass`;
  return [
    `select attname as column, pg_catalog.format_type(atttypid, atttypmod) as type, case when attnotnull then 'not null' else '' end as nullable from pg_catalog.pg_attribute where attrelid = ${relation} and attnum > 0 and not attisdropped order by attnum`,
    `select pg_catalog.pg_get_indexdef(indexrelid) as indexes from pg_catalog.pg_index where indrelid = ${relation} order by 1`,
  ];
}
