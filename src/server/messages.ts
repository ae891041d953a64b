/**
 * The messages of the server that are not rows: written rarely, each by a function of its own.
 *
 *   E/N  error or notice: fields, each a letter and a text, then a zero byte
 *   T    row description: per column name, table oid, attnum i16, type oid, typlen i16, typmod i32, format i16
 *   t    parameter description: type oids
 */
import type { ExtentError } from '../base/errors.ts';
import { typeEntry } from '../sql/exec/values.ts';
import type { Notice, ResultColumn } from '../sql/session/results.ts';
import type { Oid } from '../sql/types/contracts.ts';
import type { OutputBuffer } from './output.ts';
import type { Formats } from './row-encoder.ts';

export const AUTHENTICATION = 0x52;
export const BACKEND_KEY = 0x4b;
export const BIND_COMPLETE = 0x32;
export const CLOSE_COMPLETE = 0x33;
export const COMMAND_COMPLETE = 0x43;
export const COPY_DATA_OUT = 0x64;
export const COPY_DONE_OUT = 0x63;
export const COPY_IN_RESPONSE = 0x47;
export const COPY_OUT_RESPONSE = 0x48;
export const DATA_ROW = 0x44;
export const EMPTY_QUERY = 0x49;
const ERROR_RESPONSE = 0x45;
const NEGOTIATE_VERSION = 0x76;
export const NO_DATA = 0x6e;
const NOTICE_RESPONSE = 0x4e;
const PARAMETER_DESCRIPTION = 0x74;
const PARAMETER_STATUS = 0x53;
export const PARSE_COMPLETE = 0x31;
export const PORTAL_SUSPENDED = 0x73;
const READY_FOR_QUERY = 0x5a;
const ROW_DESCRIPTION = 0x54;

function field(out: OutputBuffer, letter: string, value: string | undefined): void {
  if (value === undefined) return;
  out.byte(letter.charCodeAt(0));
  out.cstring(value);
}

export function writeError(out: OutputBuffer, error: ExtentError, severity: 'ERROR' | 'FATAL'): void {
  out.begin(ERROR_RESPONSE);
  field(out, 'S', severity);
  field(out, 'V', severity);
  field(out, 'C', error.sqlstate);
  field(out, 'M', error.message);
  field(out, 'D', error.detail);
  field(out, 'H', error.hint);
  field(out, 'P', error.position?.toString());
  field(out, 'W', error.where);
  field(out, 's', error.schema);
  field(out, 't', error.table);
  field(out, 'c', error.column);
  field(out, 'd', error.dataType);
  field(out, 'n', error.constraint);
  out.byte(0);
  out.end();
}

export function writeNotice(out: OutputBuffer, notice: Notice): void {
  out.begin(NOTICE_RESPONSE);
  field(out, 'S', notice.severity);
  field(out, 'V', notice.severity);
  field(out, 'C', notice.sqlstate);
  field(out, 'M', notice.message);
  field(out, 'D', notice.detail);
  field(out, 'H', notice.hint);
  field(out, 'P', notice.position?.toString());
  out.byte(0);
  out.end();
}

export function writeParameterStatus(out: OutputBuffer, name: string, value: string): void {
  out.begin(PARAMETER_STATUS);
  out.cstring(name);
  out.cstring(value);
  out.end();
}

export function writeReady(out: OutputBuffer, status: 'I' | 'T' | 'E'): void {
  out.begin(READY_FOR_QUERY);
  out.byte(status.charCodeAt(0));
  out.end();
}

/** The newest version and the options that we speak, for a client that asked for more. */
export function writeNegotiateVersion(out: OutputBuffer, unknownOptions: readonly string[]): void {
  out.begin(NEGOTIATE_VERSION);
  out.int32(0);
  out.int32(unknownOptions.length);
  for (const option of unknownOptions) out.cstring(option);
  out.end();
}

export function writeParameterDescription(out: OutputBuffer, types: readonly Oid[]): void {
  out.begin(PARAMETER_DESCRIPTION);
  out.int16(types.length);
  for (const type of types) out.int32(type);
  out.end();
}

/** Descriptions in text format by their columns: a prepared statement is described again and again. */
const textDescriptions = new WeakMap<readonly ResultColumn[], Uint8Array>();

export function writeRowDescription(out: OutputBuffer, columns: readonly ResultColumn[], formats: Formats): void {
  const known = formats.length === 0 ? textDescriptions.get(columns) : undefined;
  if (known !== undefined) {
    out.copy(known, 0, known.length);
    return;
  }
  const start = out.at;
  out.begin(ROW_DESCRIPTION);
  out.int16(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const c = columns[i]!;
    out.cstring(c.name);
    out.int32(c.table);
    out.int16(c.number);
    out.int32(c.type);
    out.int16(typeEntry(c.type).length);
    out.int32(c.typmod);
    out.int16(formatOf(formats, i));
  }
  out.end();
  if (formats.length === 0) textDescriptions.set(columns, Uint8Array.prototype.slice.call(out.bytes, start, out.at));
}

/** The format of a column: none given = text, one for all, or one each. */
export function formatOf(formats: Formats, column: number): number {
  return formats.length === 0 ? 0 : formats.length === 1 ? formats[0]! : formats[column]!;
}
