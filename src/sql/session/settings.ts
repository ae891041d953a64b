/**
 * Settings (PostgreSQL's GUCs) that ExtentDB has: names, defaults, what values they take, and which of them the server
 * reports to clients.
 *
 * A session has three layers: defaults, SET (rolled back with the transaction that did it), SET LOCAL (gone with the
 * transaction). Names with a dot belong to applications and take any text. Unknown names are 42704.
 */
import { fail } from '../../base/errors.ts';
import { findZone, parseOffset } from '../types/time-zone.ts';

interface SettingEntry {
  readonly name: string;
  readonly fallback: string;
  /** Sent to clients as ParameterStatus. */
  readonly reported: boolean;
  /** Cannot be SET. */
  readonly fixed: boolean;
  /** Canonical form of a value. @throws 22023 */
  readonly parse: (text: string) => string;
  readonly unit: string | undefined;
  readonly description: string;
}

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const KB: Readonly<Record<string, number>> = { B: 1 / 1024, kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3 };

function invalid(name: string, text: string, hint?: string): Error {
  return fail('invalid_parameter_value', `invalid value for parameter "${name}": "${text}"`, { hint });
}

const TRUE_WORDS = ['on', 'true', 'yes', '1'];
const FALSE_WORDS = ['off', 'false', 'no', '0'];

function booleanOf(name: string): (text: string) => string {
  return (text) => {
    const word = text.toLowerCase();
    if (TRUE_WORDS.some((w) => w === word || (w.length > 2 && word.length > 0 && w.startsWith(word) && word !== 'o')))
      return 'on';
    if (FALSE_WORDS.some((w) => w === word || (w.length > 1 && word.length > 0 && w.startsWith(word) && word !== 'o')))
      return 'off';
    throw fail('invalid_parameter_value', `parameter "${name}" requires a Boolean value`);
  };
}

function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    const found = words.find((w) => w.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw invalid(name, text, `Available values: ${words.join(', ')}.`);
    return found;
  };
}

/** A number in the setting's base unit, with a unit if one is written. */
function quantity(
  name: string,
  units: Readonly<Record<string, number>> | undefined,
  minimum: number,
  maximum: number,
  integer = true,
): (text: string) => string {
  return (text) => {
    const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
    const factor = match === null ? undefined : match[2] === '' ? 1 : units?.[match[2]!];
    if (match === null || factor === undefined)
      throw invalid(
        name,
        text,
        units === undefined
          ? undefined
          : `Valid units for this parameter are ${Object.keys(units)
              .map((u) => `"${u}"`)
              .join(', ')}.`,
      );
    const value = integer ? Math.round(Number(match[1]) * factor) : Number(match[1]) * factor;
    if (value < minimum || value > maximum)
      throw fail(
        'invalid_parameter_value',
        `${value} is outside the valid range for parameter "${name}" (${minimum} .. ${maximum})`,
      );
    return String(value);
  };
}

const anyText = (text: string): string => text;

function dateStyle(text: string): string {
  let style = 'ISO';
  let order = 'MDY';
  for (const part of text.split(',').map((p) => p.trim().toLowerCase())) {
    if (part === 'iso') style = 'ISO';
    else if (part === 'postgres' || part === 'sql' || part === 'german')
      style = part === 'sql' ? 'SQL' : part[0]!.toUpperCase() + part.slice(1);
    else if (part === 'mdy' || part === 'us' || part.startsWith('noneuro')) order = 'MDY';
    else if (part === 'dmy' || part.startsWith('euro')) order = 'DMY';
    else if (part === 'ymd') order = 'YMD';
    else if (part !== 'default') throw invalid('DateStyle', text);
  }
  return `${style}, ${order}`;
}

function timeZone(text: string): string {
  if (parseOffset(text) !== undefined) return text;
  const zone = findZone(text);
  if (zone === undefined) throw invalid('TimeZone', text);
  return zone.name;
}

function clientEncoding(text: string): string {
  const bare = text
    .replace(/^'|'$/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  if (bare === 'utf8' || bare === 'unicode') return 'UTF8';
  if (bare === 'sqlascii') return 'SQL_ASCII';
  throw fail('feature_not_supported', `client encoding "${text}" is not supported`, { hint: 'ExtentDB speaks UTF8.' });
}

function isolationLevel(text: string): string {
  const level = oneOf('default_transaction_isolation', [
    'read uncommitted',
    'read committed',
    'repeatable read',
    'serializable',
  ])(text);
  if (level === 'serializable') throw fail('feature_not_supported', 'SERIALIZABLE transactions are not supported');
  return level;
}

interface Options {
  readonly reported?: boolean;
  readonly fixed?: boolean;
  readonly unit?: string;
}

function entry(
  name: string,
  fallback: string,
  parse: (text: string) => string,
  description: string,
  options: Options = {},
): SettingEntry {
  return {
    name,
    fallback,
    parse,
    description,
    reported: options.reported ?? false,
    fixed: options.fixed ?? false,
    unit: options.unit,
  };
}

const INT_MAX = 2147483647;

const ENTRIES: readonly SettingEntry[] = [
  entry('application_name', '', anyText, 'Sets the application name to be reported in statistics and logs.', {
    reported: true,
  }),
  entry('bytea_output', 'hex', oneOf('bytea_output', ['hex', 'escape']), 'Sets the output format for bytea.'),
  entry('check_function_bodies', 'on', booleanOf('check_function_bodies'), 'Check routine bodies during creation.'),
  entry('client_encoding', 'UTF8', clientEncoding, "Sets the client's character set encoding.", { reported: true }),
  entry(
    'client_min_messages',
    'notice',
    oneOf('client_min_messages', [
      'debug5',
      'debug4',
      'debug3',
      'debug2',
      'debug1',
      'debug',
      'log',
      'notice',
      'warning',
      'error',
    ]),
    'Sets the message levels that are sent to the client.',
  ),
  entry('DateStyle', 'ISO, MDY', dateStyle, 'Sets the display format for date and time values.', { reported: true }),
  entry('default_table_access_method', 'heap', anyText, 'Sets the default table access method for new tables.'),
  entry('default_tablespace', '', anyText, 'Sets the default tablespace to create tables and indexes in.'),
  entry(
    'default_transaction_isolation',
    'read committed',
    isolationLevel,
    'Sets the transaction isolation level of each new transaction.',
  ),
  entry(
    'default_transaction_read_only',
    'off',
    booleanOf('default_transaction_read_only'),
    'Sets the default read-only status of new transactions.',
    { reported: true },
  ),
  entry(
    'extentdb.online_defragmentation',
    'on',
    anyText,
    'Shows what online defragmentation may do; ALTER DATABASE and ALTER SYSTEM set it.',
    { fixed: true },
  ),
  entry('extentdb.shrink', '', anyText, 'Shows when free space goes back to the file system.', { fixed: true }),
  entry(
    'extra_float_digits',
    '1',
    quantity('extra_float_digits', undefined, -15, 3),
    'Sets the number of digits displayed for floating-point values.',
  ),
  entry(
    'idle_in_transaction_session_timeout',
    '0',
    quantity('idle_in_transaction_session_timeout', MS, 0, INT_MAX),
    'Sets the maximum allowed idle time between queries, when in a transaction.',
    { unit: 'ms' },
  ),
  entry('in_hot_standby', 'off', anyText, 'Shows whether hot standby is currently active.', {
    reported: true,
    fixed: true,
  }),
  entry('integer_datetimes', 'on', anyText, 'Shows whether datetimes are integer based.', {
    reported: true,
    fixed: true,
  }),
  entry(
    'IntervalStyle',
    'postgres',
    oneOf('IntervalStyle', ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601']),
    'Sets the display format for interval values.',
    { reported: true },
  ),
  entry('is_superuser', 'on', anyText, 'Shows whether the current user is a superuser.', {
    reported: true,
    fixed: true,
  }),
  entry('lc_collate', 'C.UTF-8', anyText, 'Shows the collation order locale.', { fixed: true }),
  entry('lc_ctype', 'C.UTF-8', anyText, 'Shows the character classification and case conversion locale.', {
    fixed: true,
  }),
  entry(
    'lock_timeout',
    '0',
    quantity('lock_timeout', MS, 0, INT_MAX),
    'Sets the maximum allowed duration of any wait for a lock.',
    { unit: 'ms' },
  ),
  entry(
    'maintenance_work_mem',
    '65536',
    quantity('maintenance_work_mem', KB, 1024, INT_MAX),
    'Sets the maximum memory to be used for maintenance operations.',
    { unit: 'kB' },
  ),
  entry('max_identifier_length', '63', anyText, 'Shows the maximum identifier length.', { fixed: true }),
  entry('max_index_keys', '32', anyText, 'Shows the maximum number of index keys.', { fixed: true }),
  entry('row_security', 'on', booleanOf('row_security'), 'Enable row security.'),
  entry(
    'search_path',
    '"$user", public',
    anyText,
    'Sets the schema search order for names that are not schema-qualified.',
  ),
  entry('server_encoding', 'UTF8', anyText, 'Sets the server (database) character set encoding.', {
    reported: true,
    fixed: true,
  }),
  entry('server_version', '15.0 (ExtentDB 0.1.0)', anyText, 'Shows the server version.', {
    reported: true,
    fixed: true,
  }),
  entry('server_version_num', '150000', anyText, 'Shows the server version as an integer.', { fixed: true }),
  entry('session_authorization', 'postgres', anyText, 'Sets the session user name.', { reported: true, fixed: true }),
  entry(
    'standard_conforming_strings',
    'on',
    oneOf('standard_conforming_strings', ['on']),
    "Causes '...' strings to treat backslashes literally.",
    { reported: true },
  ),
  entry(
    'statement_timeout',
    '0',
    quantity('statement_timeout', MS, 0, INT_MAX),
    'Sets the maximum allowed duration of any statement.',
    { unit: 'ms' },
  ),
  entry('synchronize_seqscans', 'on', booleanOf('synchronize_seqscans'), 'Enable synchronized sequential scans.'),
  entry(
    'synchronous_commit',
    'on',
    oneOf('synchronous_commit', ['on', 'off', 'local', 'remote_write', 'remote_apply']),
    "Sets the current transaction's synchronization level.",
  ),
  entry('TimeZone', 'UTC', timeZone, 'Sets the time zone for displaying and interpreting time stamps.', {
    reported: true,
  }),
  entry('transaction_isolation', 'read committed', anyText, "Shows the current transaction's isolation level.", {
    fixed: true,
  }),
  entry(
    'transaction_read_only',
    'off',
    booleanOf('transaction_read_only'),
    "Sets the current transaction's read-only status.",
  ),
  entry(
    'work_mem',
    '4096',
    quantity('work_mem', KB, 64, INT_MAX),
    'Sets the maximum memory to be used for query workspaces.',
    { unit: 'kB' },
  ),
  entry(
    'xmloption',
    'content',
    oneOf('xmloption', ['content', 'document']),
    'Sets whether XML data is content or document.',
  ),
];

const BY_NAME: ReadonlyMap<string, SettingEntry> = new Map(ENTRIES.map((e) => [e.name.toLowerCase(), e]));

function find(name: string): SettingEntry | undefined {
  return BY_NAME.get(name.toLowerCase());
}

function unknown(name: string): Error {
  return fail('undefined_object', `unrecognized configuration parameter "${name}"`);
}

/** Names with a dot are an application's own. */
function isCustom(name: string): boolean {
  return /^[a-z_][\w$]*(\.[a-z_][\w$]*)+$/i.test(name);
}

/** A session's settings. */
export class Settings {
  readonly #defaults: Map<string, string> = new Map();
  /** Values that are found out when they are asked for. */
  readonly #computed = new Map<string, () => string>();
  #session: Map<string, string> = new Map();
  #local: Map<string, string> = new Map();
  #beforeTransaction: Map<string, string> | undefined;
  /** Raised by every change: whatever was derived from settings is stale. */
  version = 0;
  /** Called with the canonical name when a reported setting has a new value. */
  onReport: (name: string, value: string) => void = () => {};

  /** Values that the connection starts with and RESET returns to. */
  setDefault(name: string, value: string): void {
    const known = find(name);
    if (known === undefined && !isCustom(name)) throw unknown(name);
    if (known?.fixed === true) throw fail('cant_change_runtime_param', `parameter "${known.name}" cannot be changed`);
    this.#defaults.set(name.toLowerCase(), known === undefined ? value : known.parse(value));
    this.version++;
  }

  /** Values that only the server may give, like the authenticated user. */
  setFixed(name: string, value: string): void {
    this.#defaults.set(name.toLowerCase(), value);
    this.version++;
  }

  /** As {@link setFixed}, for a value that costs something to find out. */
  setComputed(name: string, value: () => string): void {
    this.#computed.set(name.toLowerCase(), value);
  }

  /** The value, or undefined for an application's setting that was never set. @throws 42704 */
  /** False for a name that {@link get} would refuse. */
  has(name: string): boolean {
    const key = name.toLowerCase();
    return BY_NAME.has(key) || isCustom(name) || this.#session.has(key) || this.#defaults.has(key);
  }

  get(name: string): string | undefined {
    const key = name.toLowerCase();
    const value = this.#local.get(key) ?? this.#session.get(key) ?? this.#defaults.get(key);
    if (value !== undefined) return value;
    const known = BY_NAME.get(key);
    if (known !== undefined) return this.#computed.get(key)?.() ?? known.fallback;
    if (isCustom(name)) return undefined;
    throw unknown(name);
  }

  /** As SHOW prints it: with its unit. */
  show(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw unknown(name);
    const unit = find(name)?.unit;
    return unit === undefined ? value : withUnit(Number(value), unit);
  }

  number(name: string): number {
    return Number(this.get(name));
  }

  /** @throws 42704, 22023, 55P02 (fixed settings). `value` undefined returns to the default. */
  set(name: string, value: string | undefined, local: boolean): void {
    const key = name.toLowerCase();
    const known = BY_NAME.get(key);
    if (known === undefined && !isCustom(name)) throw unknown(name);
    if (known?.fixed === true) throw fail('cant_change_runtime_param', `parameter "${known.name}" cannot be changed`);
    const before = this.get(name);
    if (!local && this.#session === this.#beforeTransaction) this.#session = new Map(this.#session);
    const target = local ? this.#local : this.#session;
    if (value === undefined) {
      this.#local.delete(key);
      if (!local) this.#session.delete(key);
      else target.set(key, this.#defaults.get(key) ?? known?.fallback ?? '');
    } else {
      target.set(key, known === undefined ? value : known.parse(value));
      if (!local) this.#local.delete(key);
    }
    this.#changed(known, before);
  }

  resetAll(): void {
    const before = new Map(ENTRIES.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
    this.#session = new Map();
    this.#local.clear();
    for (const [e, value] of before) this.#changed(e, value);
    this.version++;
  }

  #changed(known: SettingEntry | undefined, before: string | undefined): void {
    this.version++;
    if (known?.reported !== true) return;
    const now = this.get(known.name)!;
    if (now !== before) this.onReport(known.name, now);
  }

  /** What SET has given so far is kept as it is; the first SET of the transaction continues on a copy. */
  beginTransaction(): void {
    this.#beforeTransaction = this.#session;
  }

  /** Ends a transaction: SET LOCAL is gone; after a rollback so is SET. */
  endTransaction(committed: boolean): void {
    const kept = this.#beforeTransaction;
    this.#beforeTransaction = undefined;
    const undone = !committed && kept !== undefined && kept !== this.#session;
    if (this.#local.size === 0 && !undone) return;
    const before = new Map(ENTRIES.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
    this.#local.clear();
    if (undone) this.#session = kept;
    for (const [e, value] of before) this.#changed(e, value);
    this.version++;
  }

  /** For savepoints. */
  save(): readonly [Map<string, string>, Map<string, string>] {
    return [new Map(this.#session), new Map(this.#local)];
  }

  restore(saved: readonly [Map<string, string>, Map<string, string>]): void {
    const before = new Map(ENTRIES.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
    this.#session = new Map(saved[0]);
    this.#local = new Map(saved[1]);
    for (const [e, value] of before) this.#changed(e, value);
    this.version++;
  }

  /** Reported settings and their values, for the start of a connection. */
  reported(): [string, string][] {
    return ENTRIES.filter((e) => e.reported).map((e) => [e.name, this.get(e.name)!]);
  }

  /** All settings: rows of SHOW ALL and pg_settings. */
  all(): {
    name: string;
    setting: string;
    shown: string;
    unit: string | undefined;
    description: string;
    reset: string;
  }[] {
    return ENTRIES.map((e) => ({
      name: e.name,
      setting: this.get(e.name)!,
      shown: this.show(e.name),
      unit: e.unit,
      description: e.description,
      reset: this.#computed.get(e.name.toLowerCase())?.() ?? this.#defaults.get(e.name.toLowerCase()) ?? e.fallback,
    }));
  }
}

function withUnit(value: number, unit: string): string {
  if (value === 0) return '0';
  const units = unit === 'ms' ? MS : KB;
  const order = unit === 'ms' ? ['d', 'h', 'min', 's', 'ms'] : ['TB', 'GB', 'MB', 'kB'];
  for (const name of order) if (Number.isInteger(value / units[name]!)) return `${value / units[name]!}${name}`;
  return `${value}${unit}`;
}
