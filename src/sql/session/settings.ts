/**
 * The settings of a session, in three layers: defaults, SET (rolled back with the transaction that did it), SET LOCAL (gone with
 * the transaction).
 *
 * Which settings there are stands in setting-table.ts. Names with a dot belong to applications and take any text. Unknown
 * names are 42704.
 */
import { fail } from '../../base/errors.ts';
import { findSetting, SETTINGS, SETTINGS_BY_NAME, type SettingEntry } from './setting-table.ts';
import { withUnit } from './setting-values.ts';

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
    const known = findSetting(name);
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

  /** False for a name that {@link get} would refuse. */
  has(name: string): boolean {
    const key = name.toLowerCase();
    return SETTINGS_BY_NAME.has(key) || isCustom(name) || this.#session.has(key) || this.#defaults.has(key);
  }

  /** The value, or undefined for an application's setting that was never set. @throws 42704 */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    const value = this.#local.get(key) ?? this.#session.get(key) ?? this.#defaults.get(key);
    if (value !== undefined) return value;
    const known = SETTINGS_BY_NAME.get(key);
    if (known !== undefined) return this.#computed.get(key)?.() ?? known.fallback;
    if (isCustom(name)) return undefined;
    throw unknown(name);
  }

  /** As SHOW prints it: with its unit. */
  show(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw unknown(name);
    const unit = findSetting(name)?.unit;
    return unit === undefined ? value : withUnit(Number(value), unit);
  }

  number(name: string): number {
    return Number(this.get(name));
  }

  /** @throws 42704, 22023, 55P02 (fixed settings). `value` undefined returns to the default. */
  set(name: string, value: string | undefined, local: boolean): void {
    const key = name.toLowerCase();
    const known = SETTINGS_BY_NAME.get(key);
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
    const before = new Map(SETTINGS.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
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
    const before = new Map(SETTINGS.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
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
    const before = new Map(SETTINGS.filter((e) => e.reported).map((e) => [e, this.get(e.name)]));
    this.#session = new Map(saved[0]);
    this.#local = new Map(saved[1]);
    for (const [e, value] of before) this.#changed(e, value);
    this.version++;
  }

  /** Reported settings and their values, for the start of a connection. */
  reported(): [string, string][] {
    return SETTINGS.filter((e) => e.reported).map((e) => [e.name, this.get(e.name)!]);
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
    return SETTINGS.map((e) => ({
      name: e.name,
      setting: this.get(e.name)!,
      shown: this.show(e.name),
      unit: e.unit,
      description: e.description,
      reset: this.#computed.get(e.name.toLowerCase())?.() ?? this.#defaults.get(e.name.toLowerCase()) ?? e.fallback,
    }));
  }
}
