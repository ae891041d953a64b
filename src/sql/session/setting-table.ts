/** The settings (PostgreSQL's GUCs) that ExtentDB has: names, defaults, values, and which of them clients are told. */
import {
  anyText,
  booleanOf,
  clientEncoding,
  dateStyle,
  isolationLevel,
  KB,
  MS,
  oneOf,
  quantity,
} from './setting-values.ts';
import { timeZone } from './time-zone-setting.ts';

export interface SettingEntry {
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

export const SETTINGS: readonly SettingEntry[] = [
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

export const SETTINGS_BY_NAME: ReadonlyMap<string, SettingEntry> = new Map(
  SETTINGS.map((e) => [e.name.toLowerCase(), e]),
);

/** Names are the same whatever their case. */
export function findSetting(name: string): SettingEntry | undefined {
  return SETTINGS_BY_NAME.get(name.toLowerCase());
}
