/**
 * The one error table of ExtentDB.
 *
 * Every error that can reach a user is an {@link ExtentError} built by {@link fail}. Its code is a key of {@link ERRORS},
 * which gives the SQLSTATE; the names are PostgreSQL's condition names where it has one, so that whoever knows
 * PostgreSQL's appendix A can read this table. A code exists only when some caller could react to it.
 *
 * Layers below `sql/` know neither SQL text nor positions: the binder adds `position` on the way up, and only the server
 * turns an error into protocol fields. Programmer errors are not here: see `assert.ts`.
 */

export const ERRORS = {
  // 00–03: warnings and odd completions
  successful_completion: '00000',
  warning: '01000',
  no_data: '02000',
  // 08: connection
  connection_failure: '08006',
  protocol_violation: '08P01',
  // 0A–2F: statement level
  feature_not_supported: '0A000',
  invalid_grantor: '0L000',
  cardinality_violation: '21000',
  string_data_right_truncation: '22001',
  null_value_not_allowed: '22004',
  numeric_value_out_of_range: '22003',
  invalid_datetime_format: '22007',
  datetime_field_overflow: '22008',
  invalid_time_zone_displacement_value: '22009',
  division_by_zero: '22012',
  invalid_preceding_or_following_size: '22013',
  invalid_argument_for_ntile_function: '22014',
  interval_field_overflow: '22015',
  invalid_argument_for_nth_value_function: '22016',
  invalid_argument_for_power_function: '2201F',
  invalid_argument_for_logarithm: '2201E',
  invalid_argument_for_width_bucket_function: '2201G',
  invalid_row_count_in_limit_clause: '2201W',
  invalid_row_count_in_result_offset_clause: '2201X',
  character_not_in_repertoire: '22021',
  invalid_parameter_value: '22023',
  invalid_escape_sequence: '22025',
  invalid_regular_expression: '2201B',
  array_subscript_error: '2202E',
  substring_error: '22011',
  invalid_text_representation: '22P02',
  invalid_binary_representation: '22P03',
  bad_copy_file_format: '22P04',
  untranslatable_character: '22P05',
  nonstandard_use_of_escape_character: '22P06',
  sequence_generator_limit_exceeded: '2200H',
  not_null_violation: '23502',
  foreign_key_violation: '23503',
  unique_violation: '23505',
  check_violation: '23514',
  invalid_cursor_state: '24000',
  active_sql_transaction: '25001',
  no_active_sql_transaction: '25P01',
  in_failed_sql_transaction: '25P02',
  read_only_sql_transaction: '25006',
  idle_in_transaction_session_timeout: '25P03',
  invalid_sql_statement_name: '26000',
  invalid_authorization_specification: '28000',
  invalid_password: '28P01',
  dependent_objects_still_exist: '2BP01',
  invalid_cursor_name: '34000',
  invalid_savepoint_specification: '3B001',
  invalid_catalog_name: '3D000',
  invalid_schema_name: '3F000',
  // 40–44: transactions
  transaction_rollback: '40000',
  serialization_failure: '40001',
  deadlock_detected: '40P01',
  with_check_option_violation: '44000',
  // 42: syntax, names, types
  syntax_error: '42601',
  insufficient_privilege: '42501',
  cannot_coerce: '42846',
  grouping_error: '42803',
  windowing_error: '42P20',
  invalid_recursion: '42P19',
  invalid_foreign_key: '42830',
  invalid_name: '42602',
  name_too_long: '42622',
  reserved_name: '42939',
  datatype_mismatch: '42804',
  indeterminate_datatype: '42P18',
  collation_mismatch: '42P21',
  wrong_object_type: '42809',
  generated_always: '428C9',
  undefined_column: '42703',
  undefined_function: '42883',
  undefined_table: '42P01',
  undefined_parameter: '42P02',
  undefined_object: '42704',
  duplicate_column: '42701',
  duplicate_cursor: '42P03',
  duplicate_database: '42P04',
  duplicate_function: '42723',
  duplicate_prepared_statement: '42P05',
  duplicate_schema: '42P06',
  duplicate_table: '42P07',
  duplicate_alias: '42712',
  duplicate_object: '42710',
  ambiguous_column: '42702',
  ambiguous_function: '42725',
  ambiguous_parameter: '42P08',
  invalid_column_reference: '42P10',
  invalid_column_definition: '42611',
  invalid_cursor_definition: '42P11',
  invalid_database_definition: '42P12',
  invalid_function_definition: '42P13',
  invalid_prepared_statement_definition: '42P14',
  invalid_schema_definition: '42P15',
  invalid_table_definition: '42P16',
  invalid_object_definition: '42P17',
  // 53–58: resources, operator, system
  insufficient_resources: '53000',
  disk_full: '53100',
  out_of_memory: '53200',
  too_many_connections: '53300',
  configuration_limit_exceeded: '53400',
  program_limit_exceeded: '54000',
  statement_too_complex: '54001',
  too_many_columns: '54011',
  too_many_arguments: '54023',
  object_not_in_prerequisite_state: '55000',
  object_in_use: '55006',
  cant_change_runtime_param: '55P02',
  lock_not_available: '55P03',
  query_canceled: '57014',
  admin_shutdown: '57P01',
  crash_shutdown: '57P02',
  cannot_connect_now: '57P03',
  database_dropped: '57P04',
  system_error: '58000',
  io_error: '58030',
  undefined_file: '58P01',
  duplicate_file: '58P02',
  // P0, XX
  raise_exception: 'P0001',
  internal_error: 'XX000',
  data_corrupted: 'XX001',
  index_corrupted: 'XX002',
} as const;

/** A key of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Whatever an error says beyond its message; the names are those of the Postgres protocol's error fields. */
export interface ErrorFacts {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based, in code points of the statement's text. */
  readonly position?: number | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  readonly cause?: unknown;
}

/** An error that a user may see. `code` is ours, `sqlstate` is the five characters that clients test. */
export class ExtentError extends Error {
  readonly code: ErrorCode;
  readonly sqlstate: string;
  detail: string | undefined;
  hint: string | undefined;
  position: number | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'ExtentError';
    this.code = code;
    this.sqlstate = ERRORS[code];
    this.detail = facts.detail;
    this.hint = facts.hint;
    this.position = facts.position;
    this.where = facts.where;
    this.schema = facts.schema;
    this.table = facts.table;
    this.column = facts.column;
    this.dataType = facts.dataType;
    this.constraint = facts.constraint;
  }
}

/** Builds an error; write `throw fail('division_by_zero', 'division by zero')`. */
export function fail(code: ErrorCode, message: string, facts?: ErrorFacts): ExtentError {
  return new ExtentError(code, message, facts);
}

/** What any thrown thing is to a user: errors that are not ours are internal (XX000). */
export function asExtentError(error: unknown): ExtentError {
  if (error instanceof ExtentError) return error;
  return fail('internal_error', error instanceof Error ? error.message : String(error), { cause: error });
}

/** Builds the 0A000 error that refuses what PostgreSQL has and ExtentDB does not (law 11: nothing is silently ignored). */
export function unsupported(what: string, position?: number): ExtentError {
  return new ExtentError('feature_not_supported', `${what} is not supported`, { position });
}
