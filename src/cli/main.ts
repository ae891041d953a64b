/**
 * The command line: picks the command, and turns what goes wrong into one line and an exit status.
 *
 *   0 done    1 failed (a statement, a file, a port)    2 wrong usage
 */
import { ExtentError } from '../base/errors.ts';
import { parseCommand, UsageError } from './arguments.ts';
import { backup } from './backup.ts';
import { check } from './check.ts';
import { compact } from './compact.ts';
import { defrag } from './defrag.ts';
import { map } from './map.ts';
import { runScript } from './run.ts';
import { serve } from './serve.ts';
import { shell } from './shell.ts';
import { space } from './space.ts';
import { trim } from './trim.ts';
import { USAGE, version } from './usage.ts';

/** Runs the program with the words behind its name; sets the process's exit status. */
export async function run(words: readonly string[]): Promise<void> {
  try {
    process.exitCode = await execute(words);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`extentdb: ${error.message}\nTry "extentdb --help".\n`);
      process.exitCode = 2;
      return;
    }
    const text =
      error instanceof ExtentError || (error instanceof Error && 'syscall' in error)
        ? error.message + (error instanceof ExtentError && error.hint !== undefined ? `\nHint: ${error.hint}` : '')
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    process.stderr.write(`extentdb: ${text}\n`);
    process.exitCode = 1;
  }
}

async function execute(words: readonly string[]): Promise<number> {
  const command = parseCommand(words);
  switch (command.kind) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'version':
      process.stdout.write(`extentdb ${version()}\n`);
      return 0;
    case 'serve':
      return serve(command);
    case 'run':
      return runScript(command);
    case 'shell':
      return shell(command);
    case 'backup':
      return backup(command);
    case 'check':
      return check(command);
    case 'compact':
      return compact(command);
    case 'defrag':
      return defrag(command);
    case 'space':
      return space(command);
    case 'map':
      return map(command);
    case 'trim':
      return trim(command);
  }
}
