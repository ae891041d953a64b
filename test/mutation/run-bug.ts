/** Runs the tests of a bug in a copy of the sources that has it. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bug } from './bugs.ts';

/** What a copy needs for its tests. */
const COPIED = ['src', 'test', 'scripts', 'package.json', 'tsconfig.json', 'vitest.config.ts'];

export type Outcome = 'caught' | 'missed' | 'late';

/** The sources with a bug in them. @throws when a piece to be replaced is not there exactly once. */
export function withBug(bug: Bug, read: (file: string) => string): Map<string, string> {
  const files = new Map<string, string>();
  for (const { file, find, replace } of bug.edits) {
    const text = files.get(file) ?? read(file);
    const parts = text.split(find);
    if (parts.length !== 2)
      throw new Error(`${bug.name}: ${parts.length - 1} places in ${file} for ${JSON.stringify(find)}`);
    files.set(file, parts.join(replace));
  }
  return files;
}

/** A copy of the project in which bugs are tried one after another. */
export class Workshop {
  readonly #root: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'extentdb-bugs-'));

  constructor(root: string) {
    this.#root = root;
    for (const name of COPIED) cpSync(join(root, name), join(this.#directory, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'));
  }

  /** @param limitMs - after so long a rig that has found nothing is stopped. */
  async try(bug: Bug, limitMs: number): Promise<Outcome> {
    const originals = new Map<string, string>();
    const read = (file: string): string => {
      const text = readFileSync(join(this.#directory, file), 'utf8');
      originals.set(file, text);
      return text;
    };
    try {
      for (const [file, text] of withBug(bug, read)) writeFileSync(join(this.#directory, file), text);
      return await this.#run(bug.rigs, limitMs);
    } finally {
      for (const [file, text] of originals) writeFileSync(join(this.#directory, file), text);
    }
  }

  #run(rigs: readonly string[], limitMs: number): Promise<Outcome> {
    const vitest = join(this.#root, 'node_modules/vitest/vitest.mjs');
    const child = spawn(process.execPath, [vitest, 'run', '--bail', '1', ...rigs], {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    const gather = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    return new Promise((resolve, reject) => {
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        if (signal !== null) resolve('late');
        else if (status === 0) resolve('missed');
        // A suite that could not even be loaded has found nothing.
        else if (/Tests .*failed|Unhandled|Worker exited/.test(output)) resolve('caught');
        else reject(new Error(output.slice(-2000)));
      });
    });
  }

  end(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
