/** The program run in this process, and what it says. */
import { vi } from 'vitest';
import { run } from '../../src/cli/main.ts';

export interface Said {
  readonly out: string;
  readonly err: string;
  readonly status: number | string | undefined;
}

/** Runs `extentdb` with these words. */
export async function extentdb(...words: string[]): Promise<Said> {
  let out = '';
  let err = '';
  const former = process.exitCode;
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  try {
    await run(words);
    return { out, err, status: process.exitCode ?? undefined };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
    process.exitCode = former;
  }
}
