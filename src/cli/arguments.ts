/** Words of the command line as a command. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { ShrinkMode } from '../space/open-database-file.ts';
import type { BackupCommand } from './backup.ts';
import type { CompactCommand } from './compact.ts';

export interface ServeCommand {
  readonly kind: 'serve';
  readonly data: string;
  readonly host: string;
  /** Undefined = 5432, or the next free one. */
  readonly port: number | undefined;
  /** Bytes of the page cache; undefined = the engine's default, 128 MiB. */
  readonly cacheBytes: number | undefined;
  /** When free space goes back to the file system; undefined = the engine's default. */
  readonly shrink: ShrinkMode | undefined;
}

export interface RunCommand {
  readonly kind: 'run';
  readonly file: string;
  readonly script: string;
}

export interface FileCommand<K extends 'shell' | 'check' | 'trim'> {
  readonly kind: K;
  readonly file: string;
}

export interface SpaceCommand {
  readonly kind: 'space';
  readonly file: string;
  readonly json: boolean;
}

export interface MapCommand {
  readonly kind: 'map';
  readonly file: string;
  /** Show how full pages are, not whose. */
  readonly fill: boolean;
  /** Undefined = the terminal's. */
  readonly width: number | undefined;
}

export interface DefragCommand {
  readonly kind: 'defrag';
  readonly file: string;
  /** 0 = no limit. */
  readonly passes: number;
  readonly seconds: number;
  /** `database`, `space trees`, or a table or index; undefined = the database. */
  readonly target: string | undefined;
  /** Stop the task that runs, and start none. */
  readonly stop: boolean;
}

export type Command =
  | { readonly kind: 'help' | 'version' }
  | ServeCommand
  | RunCommand
  | SpaceCommand
  | MapCommand
  | BackupCommand
  | CompactCommand
  | DefragCommand
  | FileCommand<'shell'>
  | FileCommand<'check'>
  | FileCommand<'trim'>;

/** Words that make no command; shown in one line, with exit status 2. */
export class UsageError extends Error {}

const COMMON = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'V' } } as const;
const SERVE = {
  ...COMMON,
  data: { type: 'string', short: 'D' },
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  cache: { type: 'string' },
  shrink: { type: 'string' },
} as const;

const SPACE = { ...COMMON, json: { type: 'boolean' } } as const;
const MAP = { ...COMMON, fill: { type: 'boolean' }, width: { type: 'string' } } as const;
const DEFRAG = {
  ...COMMON,
  passes: { type: 'string' },
  seconds: { type: 'string' },
  target: { type: 'string' },
  stop: { type: 'boolean' },
} as const;
const MAP_WIDTHS = { min: 20, max: 1000 } as const;

/** @throws UsageError */
export function parseCommand(words: readonly string[]): Command {
  const [name, ...rest] = words;
  if (name === undefined) return { kind: 'help' };
  if (name.startsWith('-')) {
    const { values, positionals } = parsed(words, COMMON);
    if (positionals.length > 0)
      throw new UsageError(`options of a command stand behind it: extentdb ${positionals[0]} …`);
    return { kind: values['version'] === true ? 'version' : 'help' };
  }
  switch (name) {
    case 'serve':
      return serveCommand(rest);
    case 'run': {
      const files = positionalsOf(rest, ['FILE.extent', 'SCRIPT.sql'], 'run');
      return files === undefined ? { kind: 'help' } : { kind: 'run', file: files[0]!, script: files[1]! };
    }
    case 'backup':
    case 'compact': {
      const files = positionalsOf(rest, ['SRC.extent', 'DST.extent'], name);
      return files === undefined ? { kind: 'help' } : { kind: name, source: files[0]!, target: files[1]! };
    }
    case 'shell':
    case 'check':
    case 'trim': {
      const files = positionalsOf(rest, ['FILE.extent'], name);
      return files === undefined ? { kind: 'help' } : { kind: name, file: files[0]! };
    }
    case 'defrag':
      return defragCommand(rest);
    case 'space':
    case 'map':
      return picture(name, rest);
    default:
      throw new UsageError(`there is no command "${name}"`);
  }
}

function serveCommand(words: readonly string[]): Command {
  const { values, positionals } = parsed(words, SERVE);
  if (values['help'] === true) return { kind: 'help' };
  if (values['version'] === true) return { kind: 'version' };
  if (positionals.length > 0) throw new UsageError(`serve takes no argument "${positionals[0]}"`);
  const { data, host, port, cache, shrink } = values;
  return {
    kind: 'serve',
    data: typeof data === 'string' ? data : './extentdb-data',
    host: typeof host === 'string' ? host : '127.0.0.1',
    port: typeof port === 'string' ? portNumber(port) : undefined,
    cacheBytes: typeof cache === 'string' ? mebibytes(cache) : undefined,
    shrink: typeof shrink === 'string' ? shrinkMode(shrink) : undefined,
  };
}

function defragCommand(words: readonly string[]): Command {
  const { values, positionals } = parsed(words, DEFRAG);
  if (values['help'] === true) return { kind: 'help' };
  const [file] = exactly(positionals, ['FILE.extent'], 'defrag');
  const { passes, seconds, target, stop } = values;
  if (stop === true && (passes ?? seconds ?? target) !== undefined)
    throw new UsageError('--stop takes no limits and no target');
  return {
    kind: 'defrag',
    file: file!,
    // Somebody who waits wants an end: one pass, unless it is said otherwise.
    passes: typeof passes === 'string' ? limit('--passes', passes) : seconds === undefined ? 1 : 0,
    seconds: typeof seconds === 'string' ? limit('--seconds', seconds) : 0,
    target: typeof target === 'string' ? target : undefined,
    stop: stop === true,
  };
}

function limit(option: string, text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new UsageError(`${option} wants a number from 1 to 999999999, not "${text}"`);
  return value;
}

function picture(kind: 'space' | 'map', words: readonly string[]): Command {
  const { values, positionals } = parsed(words, kind === 'space' ? SPACE : MAP);
  if (values['help'] === true) return { kind: 'help' };
  const [file] = exactly(positionals, ['FILE.extent'], kind);
  const { width } = values;
  return kind === 'space'
    ? { kind, file: file!, json: values['json'] === true }
    : {
        kind,
        file: file!,
        fill: values['fill'] === true,
        width: typeof width === 'string' ? columns(width) : undefined,
      };
}

function columns(text: string): number {
  const width = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (width < MAP_WIDTHS.min || width > MAP_WIDTHS.max)
    throw new UsageError(`--width wants columns from ${MAP_WIDTHS.min} to ${MAP_WIDTHS.max}, not "${text}"`);
  return width;
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65535) throw new UsageError(`--port wants a number from 0 to 65535, not "${text}"`);
  return port;
}

function mebibytes(text: string): number {
  const size = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > 1 << 20) throw new UsageError(`--cache wants mebibytes from 1 to 1048576, not "${text}"`);
  return size * 2 ** 20;
}

function shrinkMode(text: string): ShrinkMode {
  if (text !== 'off' && text !== 'on' && text !== 'realtime')
    throw new UsageError(`--shrink wants off, on or realtime, not "${text}"`);
  return text;
}

/** Exactly the named arguments; undefined when help was asked for. */
function positionalsOf(words: readonly string[], names: readonly string[], command: string): string[] | undefined {
  const { values, positionals } = parsed(words, COMMON);
  return values['help'] === true ? undefined : exactly(positionals, names, command);
}

function exactly(positionals: string[], names: readonly string[], command: string): string[] {
  if (positionals.length < names.length) throw new UsageError(`${command} wants ${names[positionals.length]}`);
  if (positionals.length > names.length)
    throw new UsageError(`${command} takes no argument "${positionals[names.length]}"`);
  return positionals;
}

function parsed(
  words: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
): { readonly values: Record<string, unknown>; readonly positionals: string[] } {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(
      error instanceof Error ? error.message.replace(/\. To specify a positional[\s\S]*$/, '') : String(error),
      { cause: error },
    );
  }
}
