/**
 * What was done for maintenance: a row per command and object, in the columns of CommandLog, durable and bounded.
 *
 *   catalog tree   (4294967295, 65535)   head: number of the next row f64 | of the oldest one f64
 *                  (4294967295, n mod 2000)   row n as JSON; one byte where a row has expired
 *
 * Rows are written outside transactions when their command has ended, also when it failed or was cancelled, and are durable before its
 * client hears of it. The newest {@link ROWS_MAX} are kept, each for {@link DAYS_MAX} days. The keys lie behind those of all
 * objects, where reading the catalog ends: a database opens without them. The head is written before its row, so a crash between
 * the two leaves out a number and nothing else.
 */
import { encodeUtf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { asExtentError, type ErrorCode } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { CATALOG_TREE, OK } from '../storage/contracts.ts';
import { attempt, emptyRow, visitRows } from './attempt.ts';

/** The oid under which rows are kept: no object gets it. */
export const HISTORY_OID = 0xffffffff;
export const ROWS_MAX = 2000;
export const DAYS_MAX = 90;
const DAY_MICROS = 86_400_000_000;
const HEAD_PART = 65535;
const HEAD_BYTES = 16;
/** Expired rows that one new row takes away, at most. */
const EXPIRED_PER_ROW = 8;
const TEXT_MAX = 600;

/** What a command counted, or what was foreseen. */
export interface WorkCounts {
  readonly scanned?: number | undefined;
  readonly moved?: number | undefined;
  readonly removed?: number | undefined;
  readonly lobMoved?: number | undefined;
}

/** What a command was, and on what. */
export interface CommandFacts {
  readonly database: string;
  readonly schema?: string | undefined;
  readonly object?: string | undefined;
  /** As SQL Server abbreviates them: U is a table. */
  readonly objectType?: 'U' | undefined;
  readonly index?: string | undefined;
  /** 0 rows without primary key, 1 primary key, 2 other. */
  readonly indexType?: 0 | 1 | 2 | undefined;
  readonly statistics?: string | undefined;
  readonly partition?: number | undefined;
  readonly command: string;
  /** ALTER_INDEX, DBCC_INDEXDEFRAG, UPDATE_STATISTICS …: CommandLog's words where it has one. */
  readonly commandType: string;
  /** 0 = nobody's session. */
  readonly processId: number;
}

export type CommandStatus = 'done' | 'planned' | 'stopped' | 'cancelled' | 'failed';

/**
 * How `predicted` came about: a plan that is exact, or near; an estimate from the level above the leaves and some of them; or why
 * there is none.
 */
export type Prediction = 'exact' | 'near' | 'estimate' | 'none: refused' | 'none: it was gone' | 'none: ended before';

export interface CommandOutcome {
  readonly status: CommandStatus;
  /** Why it ended before its end, or what it was done for. */
  readonly reason?: string | undefined;
  readonly predicted?: WorkCounts | undefined;
  /** Of REORGANIZE. */
  readonly prediction?: Prediction | undefined;
  readonly actual?: WorkCounts | undefined;
  /** Further facts, for ExtendedInfo. */
  readonly info?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/** What is known of a command's outcome before its end, also when that is an error. */
export type KnownOutcome = Pick<CommandOutcome, 'reason' | 'info' | 'predicted' | 'prediction'>;

export interface HistoryEntry extends CommandFacts, CommandOutcome {
  readonly id: number;
  readonly startMicros: number;
  readonly endMicros: number;
  readonly sqlstate?: string | undefined;
  /** SQL Server's number, where the error has one. */
  readonly errorNumber?: number | undefined;
  readonly errorMessage?: string | undefined;
}

export class History {
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  /** Undefined until the head was read. */
  #next: number | undefined;
  #oldest = 1;
  /** Errors that have a row. */
  readonly #told = new WeakSet<object>();
  /** Rows that could not be written, and why: the newest {@link ROWS_MAX}, shown until the process ends. */
  readonly #unwritten: HistoryEntry[] = [];

  constructor(file: DatabaseFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /**
   * Carries out a command and writes what became of it. An error of the command goes on to the caller, whatever happens to
   * the row.
   *
   * @param isLast - false leaves it to the next row to make this one durable: one flush for many objects of a statement.
   * @param known - what was known when an error ended it.
   */
  *record<T>(
    facts: CommandFacts,
    work: Task<T>,
    outcomeOf: (result: T) => CommandOutcome,
    isLast = true,
    known: () => KnownOutcome = () => ({}),
  ): Task<T> {
    const startMicros = this.#clock.wallMicros();
    let result: T;
    try {
      result = yield* work;
    } catch (error) {
      yield* this.#failed({ ...facts, ...known() }, error, startMicros);
      throw error;
    }
    yield* this.#write({ ...facts, ...outcomeOf(result), startMicros, endMicros: this.#clock.wallMicros() }, isLast);
    return result;
  }

  /** Writes down an error that came before the command's first step, unless it has a row already. */
  *refused(facts: CommandFacts & KnownOutcome, error: unknown): Task<void> {
    if (typeof error === 'object' && error !== null && this.#told.has(error)) return;
    yield* this.#failed(facts, error, this.#clock.wallMicros());
  }

  *#failed(facts: CommandFacts & KnownOutcome, error: unknown, startMicros: number): Task<void> {
    if (typeof error === 'object' && error !== null) this.#told.add(error);
    yield* this.#write({ ...facts, ...failure(error), startMicros, endMicros: this.#clock.wallMicros() }, true);
  }

  /** All rows that are kept, oldest first. */
  *entries(): Task<HistoryEntry[]> {
    const { store } = this.#file;
    const found: HistoryEntry[] = [];
    const t = store.begin(0);
    const snapshot = t.snapshot();
    try {
      const [from, to] = [0, HEAD_PART].map((part) => ({ key: keyOf(part), length: 6, inclusive: part === 0 }));
      const visit = (
        _k: Uint8Array,
        _n: number,
        bytes: Uint8Array,
        _v: DataView,
        start: number,
        length: number,
      ): void => {
        const entry = length > 1 ? parsed(bytes.slice(start, start + length)) : undefined;
        if (entry !== undefined) found.push(entry);
      };
      yield* visitRows(store, CATALOG_TREE, from, to, snapshot, () => undefined, visit);
    } finally {
      t.release(snapshot);
      yield* t.commit();
    }
    const oldest = this.#clock.wallMicros() - DAYS_MAX * DAY_MICROS;
    return [...found, ...this.#unwritten].filter((e) => e.endMicros >= oldest).sort((a, b) => a.id - b.id);
  }

  *#write(entry: Omit<HistoryEntry, 'id'>, isLast: boolean): Task<void> {
    const { store } = this.#file;
    const { core } = store.parts;
    try {
      if (this.#next === undefined) yield* this.#readHead();
      const id = this.#next ?? 1;
      this.#next = id + 1;
      if (core.readOnly || store.isClosed) {
        this.#keepUnwritten({ ...entry, id });
        return;
      }
      const record = this.#encode({ ...entry, id });
      yield* this.#expire(entry.endMicros, id);
      yield* this.#put(HEAD_PART, this.#head());
      yield* this.#put(id % ROWS_MAX, record);
      if (isLast) yield core.log.flushRequest();
    } catch (error) {
      // The command's own outcome counts, and a full disk must not turn it into another: the row is shown from memory.
      const id = this.#next ?? 1;
      this.#next = id + 1;
      this.#keepUnwritten({ ...entry, id, info: { ...entry.info, unwritten: asExtentError(error).message } });
    }
  }

  #keepUnwritten(entry: HistoryEntry): void {
    this.#unwritten.push(entry);
    if (this.#unwritten.length > ROWS_MAX) this.#unwritten.shift();
  }

  /** Empties the oldest rows that nobody shows any more, and those whose place the next row takes. */
  *#expire(nowMicros: number, id: number): Task<void> {
    this.#oldest = Math.max(this.#oldest, id - ROWS_MAX + 1);
    for (let n = 0; n < EXPIRED_PER_ROW && this.#oldest < id; n++) {
      const record = yield* this.#get(this.#oldest % ROWS_MAX);
      const entry = record === undefined || record.length === 1 ? undefined : parsed(record);
      if (entry !== undefined && entry.id === this.#oldest) {
        if (entry.endMicros >= nowMicros - DAYS_MAX * DAY_MICROS) return;
        yield* this.#put(this.#oldest % ROWS_MAX, Uint8Array.of(0));
      }
      this.#oldest++;
    }
  }

  *#readHead(): Task<void> {
    const record = yield* this.#get(HEAD_PART);
    // Somebody else may have read it meanwhile, and given numbers out.
    if (this.#next !== undefined) return;
    if (record?.length !== HEAD_BYTES) {
      this.#next = 1;
      return;
    }
    const view = new DataView(record.buffer, record.byteOffset);
    this.#next = view.getFloat64(0, true);
    this.#oldest = view.getFloat64(8, true);
  }

  #head(): Uint8Array {
    const record = new Uint8Array(HEAD_BYTES);
    const view = new DataView(record.buffer);
    view.setFloat64(0, this.#next ?? 1, true);
    view.setFloat64(8, this.#oldest, true);
    return record;
  }

  *#get(part: number): Task<Uint8Array | undefined> {
    const { store } = this.#file;
    const t = store.begin(0);
    const snapshot = t.snapshot();
    const row = emptyRow();
    const key = keyOf(part);
    try {
      const found = yield* attempt(store, () => store.find(CATALOG_TREE, key, key.length, snapshot, row));
      return found === OK ? row.bytes.slice(row.start, row.start + row.length) : undefined;
    } finally {
      t.release(snapshot);
      yield* t.commit();
    }
  }

  *#put(part: number, record: Uint8Array): Task<void> {
    const { store } = this.#file;
    const key = keyOf(part);
    yield* attempt(store, () => store.putNow(CATALOG_TREE, key, key.length, record, 0, record.length));
  }

  /** As JSON that fits a record: long texts are cut. */
  #encode(entry: HistoryEntry): Uint8Array {
    for (let max = TEXT_MAX; ; max = Math.floor(max / 2)) {
      const cut = (text: string | undefined): string | undefined =>
        text === undefined || text.length <= max ? text : `${text.slice(0, max)}…`;
      const record = encodeUtf8(
        JSON.stringify({
          ...entry,
          command: cut(entry.command),
          errorMessage: cut(entry.errorMessage),
          ...(max < TEXT_MAX / 4 ? { info: undefined } : {}),
        }),
      );
      if (record.length <= this.#file.store.recordBytesMax) return record;
    }
  }
}

/** SQL Server's numbers of errors that name none themselves. */
const NUMBERS: Partial<Record<ErrorCode, number>> = {
  active_sql_transaction: 226,
  deadlock_detected: 1205,
  disk_full: 1105,
  in_failed_sql_transaction: 3930,
  insufficient_privilege: 229,
  invalid_catalog_name: 911,
  invalid_parameter_value: 153,
  lock_not_available: 1222,
  read_only_sql_transaction: 3906,
  undefined_object: 2727,
  undefined_table: 1088,
};

/** The status and the error's columns. */
function failure(thrown: unknown): Pick<HistoryEntry, 'status' | 'sqlstate' | 'errorNumber' | 'errorMessage'> {
  const error = asExtentError(thrown);
  const number = /^Msg (\d+)\./.exec(error.detail ?? '')?.[1];
  return {
    status: error.code === 'query_canceled' || error.code === 'admin_shutdown' ? 'cancelled' : 'failed',
    sqlstate: error.sqlstate,
    errorNumber: number === undefined ? NUMBERS[error.code] : Number(number),
    errorMessage: error.message,
  };
}

function keyOf(part: number): Uint8Array {
  const key = new Uint8Array(6);
  const view = new DataView(key.buffer);
  view.setUint32(0, HISTORY_OID);
  view.setUint16(4, part);
  return key;
}

/** A row that was written by {@link History}; undefined for what is none. */
function parsed(record: Uint8Array): HistoryEntry | undefined {
  const value: unknown = JSON.parse(Buffer.from(record).toString('utf8'));
  return isEntry(value) ? value : undefined;
}

function isEntry(value: unknown): value is HistoryEntry {
  return typeof value === 'object' && value !== null && 'id' in value && 'command' in value && 'endMicros' in value;
}
