/** `extentdb run`: a script on a database file. The first error ends it. */
import type { RunCommand } from './arguments.ts';
import { readText } from './host.ts';
import { LocalSession } from './local-session.ts';
import { Script } from './script.ts';
import { errorText, noticeText } from './table-text.ts';
import { TextSink } from './text-sink.ts';

/** @returns the exit status: 0, or 1 after an error, which names the script's line. */
export async function runScript({ file, script: path }: RunCommand): Promise<number> {
  const script = new Script(await readText(path));
  const session = await LocalSession.open(file, (notice) => process.stderr.write(noticeText(notice)));
  const sink = new TextSink(
    (text) => process.stdout.write(text),
    () => script.data(),
  );
  const stop = (): void => {
    session.cancel();
  };
  process.on('SIGINT', stop);
  try {
    for (let statement = script.next(); statement !== undefined; statement = script.next()) {
      if (statement.text.startsWith('\\')) {
        process.stderr.write(
          `${path}:${statement.line}: ERROR:  ${statement.text.trim().split(/\s/)[0]} is a command of psql, not SQL\n`,
        );
        return 1;
      }
      const error = await session.run(statement.text, sink);
      if (error !== undefined) {
        process.stderr.write(`${path}:${statement.line}: ${errorText(error, statement.text)}`);
        return 1;
      }
    }
    return 0;
  } finally {
    process.off('SIGINT', stop);
    await session.close();
  }
}
