/** Functions that ask the session or the catalog: everything here goes through `EvalContext.system`. */

import { fail } from '../../base/errors.ts';
import { PgArray } from '../types/array.ts';
import { SECOND } from '../types/calendar.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import type { Interval } from '../types/interval.ts';
import { INT4_OID, NAME_OID } from '../types/type-oids.ts';
import { uuidText } from '../types/value-bytes.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { CATALOG_FUNCTIONS } from './catalog-functions.ts';
import { contextual, type Definition, polymorphic, pure } from './definition.ts';
import { PRIVILEGE_FUNCTIONS } from './privilege-functions.ts';
import { SIZE_FUNCTIONS } from './size-functions.ts';

/** Version 4: random but for six fixed bits. */
function randomUuid(context: EvalContext): string {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Math.floor(context.random() * 256);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(bytes);
}

function setSeed(context: EvalContext, seed: number): string {
  if (!(seed >= -1 && seed <= 1)) {
    throw fail('invalid_parameter_value', `setseed parameter ${seed} is out of allowed range [-1,1]`);
  }
  context.setRandomSeed(seed);
  return '';
}

function currentSetting({ system }: EvalContext, name: string, missingOk = false): string | null {
  const value = missingOk && !system.hasSetting(name) ? null : system.setting(name);
  if (value !== undefined) return value;
  if (missingOk) return null;
  throw fail('undefined_object', `unrecognized configuration parameter "${name}"`);
}

function setConfig({ system }: EvalContext, name: string | null, value: string | null, local: boolean | null): string {
  if (name === null) throw fail('null_value_not_allowed', 'SET requires parameter name');
  return system.setSetting(name, value ?? '', local === true);
}

/** One key of 64 bits and two of 32 never mean the same lock. */
function advisoryKey(high: WideInteger, low: number | undefined): string {
  return low === undefined ? `${high}` : `${high},${low}`;
}

function advisoryLocks(): Definition[] {
  const definitions: Definition[] = [];
  for (const wait of [true, false]) {
    for (const session of [true, false]) {
      for (const exclusive of [true, false]) {
        const name = `pg_${wait ? '' : 'try_'}advisory_${session ? '' : 'xact_'}lock${exclusive ? '' : '_shared'}`;
        for (const args of ['int8', 'int4,int4']) {
          definitions.push(
            contextual(`${name}(${args})`, ({ system }, high: WideInteger, low?: number) => {
              const taken = system.advisoryLock(advisoryKey(high, low), exclusive, session, wait);
              return wait ? '' : taken;
            }),
          );
        }
      }
    }
  }
  for (const exclusive of [true, false]) {
    for (const args of ['int8', 'int4,int4']) {
      definitions.push(
        contextual(
          `pg_advisory_unlock${exclusive ? '' : '_shared'}(${args})`,
          ({ system }, high: WideInteger, low?: number) => system.advisoryUnlock(advisoryKey(high, low), exclusive),
        ),
      );
    }
  }
  return definitions;
}

const SEQUENCES: readonly Definition[] = [
  contextual('nextval(regclass)', ({ system }, sequence: Oid) => system.nextval(sequence)),
  contextual('currval(regclass)', ({ system }, sequence: Oid) => system.currval(sequence)),
  contextual('lastval()', ({ system }) => system.lastval()),
  contextual('setval(regclass,int8)', ({ system }, sequence: Oid, value: WideInteger) =>
    system.setval(sequence, value, true),
  ),
  contextual('setval(regclass,int8,bool)', ({ system }, sequence: Oid, value: WideInteger, called: boolean) =>
    system.setval(sequence, value, called),
  ),
];

function sleep({ system }: EvalContext, seconds: number): string {
  system.sleep(seconds);
  return '';
}

function terminate({ system }: EvalContext, pid: number): boolean {
  return system.cancelBackend(pid, true);
}

const BACKENDS: readonly Definition[] = [
  contextual('pg_backend_pid()', ({ system }) => system.backendPid),
  contextual('pg_cancel_backend(int4)', ({ system }, pid: number) => system.cancelBackend(pid, false)),
  { ...contextual('pg_terminate_backend(int4,int8)', terminate), defaults: [0] },
  contextual('pg_blocking_pids(int4)', ({ system }, pid: number) => {
    return new PgArray(INT4_OID, [...system.blockingPids(pid)]);
  }),
  contextual('pg_isolation_test_session_is_blocked(int4,_int4)', ({ system }, pid: number, pids: PgArray) =>
    system.isBlockedBy(pid, pids.values.map(Number)),
  ),
  contextual('pg_sleep(float8)', sleep),
  contextual('pg_sleep_for(interval)', (context, length: Interval) =>
    sleep(context, (length.months * 30 + length.days) * 86400 + Number(length.micros) / SECOND),
  ),
  contextual('pg_advisory_unlock_all()', ({ system }) => {
    system.advisoryUnlockAll();
    return '';
  }),
  contextual('pg_notify(text,text)', ({ system }, channel: string | null, payload: string | null) => {
    system.notify(channel ?? '', payload ?? '');
    return '';
  }),
  contextual('txid_current()', ({ system }) => system.transactionId()),
  contextual('txid_current_if_assigned()', ({ system }) => system.transactionIdIfAssigned() ?? null),
  pure('pg_is_in_recovery()', () => false),
];

const SESSION: readonly Definition[] = [
  contextual('version()', ({ system }) => {
    return `PostgreSQL ${system.setting('server_version') ?? ''} on ExtentDB`;
  }),
  contextual('current_database()', ({ system }) => system.databaseName),
  contextual('current_schema()', ({ system }) => system.currentSchemas(false)[0] ?? null),
  contextual('current_schemas(bool)', ({ system }, implicit: boolean) => {
    return new PgArray(NAME_OID, [...system.currentSchemas(implicit)]);
  }),
  contextual('current_user()', ({ system }) => system.currentUser),
  contextual('session_user()', ({ system }) => system.sessionUser),
  contextual('getpgusername()', ({ system }) => system.currentUser),
  contextual('current_setting(text)', (context, name: string) => currentSetting(context, name)),
  contextual('current_setting(text,bool)', currentSetting),
  contextual('set_config(text,text,bool)', setConfig),
  contextual('random()', (context) => context.random()),
  contextual('setseed(float8)', setSeed),
  contextual('gen_random_uuid()', randomUuid),
  // Of the extension uuid-ossp, the default of many programs; without the extension, as there are none.
  contextual('uuid_generate_v4()', randomUuid),
];

function countNulls(args: readonly SqlValue[]): number {
  return args.filter((value) => value === null).length;
}

const VALUES: readonly Definition[] = [
  polymorphic('pg_typeof(any)', (types) => () => types.args[0] ?? 0),
  { signature: 'num_nulls(any)', impl: (_context, ...args) => countNulls(args) },
  { signature: 'num_nonnulls(any)', impl: (_context, ...args) => args.length - countNulls(args) },
];

export const SYSTEM_FUNCTIONS: readonly Definition[] = [
  ...SESSION,
  ...SEQUENCES,
  ...BACKENDS,
  ...advisoryLocks(),
  ...VALUES,
  ...CATALOG_FUNCTIONS,
  ...PRIVILEGE_FUNCTIONS,
  ...SIZE_FUNCTIONS,
];
