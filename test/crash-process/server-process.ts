/**
 * A real server: the program in a process of its own, killed and started again.
 *
 *   start ──line "ready … -p N"──► running ──kill──► gone          (kill -9: the disk is as the kernel has it)
 *                                     └─────stop──► gone          (SIGTERM: a clean close, exit status 0)
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PROGRAM = 'bin/extentdb.js';

export interface ServerOptions {
  readonly data: string;
  readonly cacheMebibytes: number;
}

export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #log: string[];

  private constructor(child: ChildProcess, port: number, log: string[]) {
    this.#child = child;
    this.port = port;
    this.#log = log;
  }

  /** Starts the program; ends when it accepts connections. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const { child, log } = launch(options);
    const lines = createInterface({ input: child.stdout! });
    const port = await new Promise<number>((resolve, reject) => {
      lines.on('line', (line) => {
        const found = / -p (\d+) /.exec(line);
        if (found !== null) resolve(Number(found[1]));
      });
      child.once('exit', (code, signal) => reject(new Error(`server ended (${code ?? signal}): ${log.join('')}`)));
    });
    return new ServerProcess(child, port, log);
  }

  /** Starts the program and kills it so many milliseconds later: usually in the middle of its recovery. */
  static async startAndKill(options: ServerOptions, afterMs: number): Promise<void> {
    const { child } = launch(options);
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    await gone;
    clearTimeout(timer);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM. @throws when the program does not end with status 0. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    if (code !== 0) throw new Error(`the server ended with status ${code}: ${this.#log.join('')}`);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`the server ended by itself: ${this.#log.join('')}`);
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
    return this.#child.exitCode;
  }
}

function launch({ data, cacheMebibytes }: ServerOptions): { child: ChildProcess; log: string[] } {
  const words = [PROGRAM, 'serve', '--data', data, '--port', '0', '--cache', String(cacheMebibytes)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  return { child, log };
}

/** Runs the program to its end, for commands like `check`. */
export function runProgram(words: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}
