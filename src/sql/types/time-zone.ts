/**
 * Time zones: what UTC offset holds at an instant, and which instant a local time means.
 *
 * A zone is fixed (`UTC`, `+03:30`, POSIX `EST5`) or named (IANA, through `Intl`). Asking `Intl` costs over a microsecond,
 * so a named zone is tabled once per year on first use: the year's offset at its start and its transitions, found by probing
 * every two weeks and bisecting. The calendar repeats after 400 years and no zone has rules beyond 2400, so later years share
 * tables of their equals and a zone's table stays bounded. Offsets are seconds east of Greenwich.
 */

import { fail } from '../../base/errors.ts';
import { daysFromCivil, SECOND } from './calendar.ts';
import type { WideInteger } from './wide-integer.ts';
import { wideFloorDivide } from './wide-integer.ts';

/** A time zone. Instants and local times are seconds from 2000-01-01. */
export interface TimeZone {
  readonly name: string;
  offsetAt(utcSeconds: number): number;
  /** Offset of a local time: in a gap the one before it, of an ambiguous time the later instant's. */
  offsetOfLocal(localSeconds: number): number;
}

class FixedZone implements TimeZone {
  readonly name: string;
  readonly #offset: number;

  constructor(name: string, offset: number) {
    this.name = name;
    this.#offset = offset;
  }

  offsetAt(): number {
    return this.#offset;
  }

  offsetOfLocal(): number {
    return this.#offset;
  }
}

/** Transitions of one year: from `at[i]` on, `offsets[i]` holds; `at[0]` is the year's start. */
interface YearTable {
  readonly at: readonly number[];
  readonly offsets: readonly number[];
}

const SECONDS_PER_DAY = 86400;
const PROBE_STEP = 14 * SECONDS_PER_DAY;
const YEAR_SECONDS = 365.2425 * SECONDS_PER_DAY;
const CYCLE_SECONDS = 146097 * SECONDS_PER_DAY;
const UNIX_2000 = 946684800;

class NamedZone implements TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, YearTable>();

  constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.#format = format;
  }

  offsetAt(utcSeconds: number): number {
    const folded = foldYear(utcSeconds);
    const table = this.#table(Math.floor(folded / YEAR_SECONDS));
    let i = table.at.length - 1;
    while (i > 0 && (table.at[i] ?? 0) > folded) i--;
    return table.offsets[i] ?? 0;
  }

  offsetOfLocal(localSeconds: number): number {
    const before = this.offsetAt(localSeconds - SECONDS_PER_DAY);
    const after = this.offsetAt(localSeconds + SECONDS_PER_DAY);
    if (before === after) return before;
    const afterHolds = this.offsetAt(localSeconds - after) === after;
    return afterHolds ? after : before;
  }

  #table(yearIndex: number): YearTable {
    const known = this.#years.get(yearIndex);
    if (known !== undefined) return known;
    const start = Math.ceil(yearIndex * YEAR_SECONDS);
    const end = Math.ceil((yearIndex + 1) * YEAR_SECONDS);
    const at = [start];
    const offsets = [this.#probe(start)];
    for (let low = start; low < end; low += PROBE_STEP) {
      const high = Math.min(low + PROBE_STEP, end);
      const previous = offsets[offsets.length - 1] ?? 0;
      const next = this.#probe(high);
      if (next === previous) continue;
      at.push(this.#bisect(low, high, previous));
      offsets.push(next);
    }
    const table = { at, offsets };
    this.#years.set(yearIndex, table);
    return table;
  }

  /** The first second after `low` whose offset is not `previous`. */
  #bisect(low: number, high: number, previous: number): number {
    let before = low;
    let after = high;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.#probe(middle) === previous) before = middle;
      else after = middle;
    }
    return after;
  }

  #probe(utcSeconds: number): number {
    const part = new Map<string, number>();
    for (const { type, value } of this.#format.formatToParts((utcSeconds + UNIX_2000) * 1000)) {
      part.set(type, Number.parseInt(value, 10));
    }
    const field = (name: string): number => part.get(name) ?? 0;
    const days = daysFromCivil(field('year'), field('month'), field('day'));
    const local = days * SECONDS_PER_DAY + (field('hour') % 24) * 3600 + field('minute') * 60 + field('second');
    return local - utcSeconds;
  }
}

/** Moves instants before 1800 and after 2400 to years with the same calendar and the same rules. */
function foldYear(utcSeconds: number): number {
  if (utcSeconds < -200 * YEAR_SECONDS) return Math.ceil(-200 * YEAR_SECONDS);
  return utcSeconds < CYCLE_SECONDS ? utcSeconds : utcSeconds % CYCLE_SECONDS || 0;
}

export const UTC: TimeZone = new FixedZone('UTC', 0);

/** Zones by lower-case name; only names that exist get in, so the map is bounded by the zone database. */
const NAMED = new Map<string, TimeZone>([
  ['utc', UTC],
  ['gmt', new FixedZone('GMT', 0)],
  ['z', UTC],
  ['zulu', UTC],
]);

const OFFSET_FORM = /^([+-]?)(\d{1,3})(?::?(\d{2}))?(?::?(\d{2}))?$/;
const POSIX_FORM = /^(?:[a-z]{3,}|<[^>]+>)([+-]?)(\d{1,3})(?::(\d{2}))?(?::(\d{2}))?$/i;

/** Offset of `+03:30`-like text, east positive; undefined for other text. */
export function parseOffset(text: string): number | undefined {
  const match = OFFSET_FORM.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

/**
 * The zone of a name: IANA, abbreviation, or POSIX (`EST5`, whose sign is positive to the west).
 *
 * @returns undefined for unknown names.
 */
export function findZone(name: string): TimeZone | undefined {
  const key = name.toLowerCase();
  const known = NAMED.get(key);
  if (known !== undefined) return known;
  const posix = POSIX_FORM.exec(name);
  if (posix !== null && !/^etc/i.test(name)) {
    const seconds = Number(posix[2]) * 3600 + Number(posix[3] ?? 0) * 60 + Number(posix[4] ?? 0);
    return new FixedZone(name, posix[1] === '-' ? seconds : 0 - seconds);
  }
  if (!/^[a-z][a-z0-9_+/-]*$/i.test(name)) return undefined;
  return ianaZone(name, key);
}

/** Names of three letters that ICU knows besides those of the zone database. */
const ICU_ONLY: ReadonlySet<string> = new Set(
  'act aet agt art ast bet bst cat cnt cst ctt eat ect iet ist jst mit net nst plt pnt prt pst sst vst'.split(' '),
);

function ianaZone(name: string, key: string): TimeZone | undefined {
  if (ICU_ONLY.has(key)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    // Intl answers an unknown zone with a RangeError; that is its only way to say no.
    return undefined;
  }
  const zone = new NamedZone(name, format);
  NAMED.set(key, zone);
  return zone;
}

/** A zone with a fixed offset in seconds east. */
export function fixedZone(offsetSeconds: number): TimeZone {
  return new FixedZone(formatOffset(offsetSeconds), offsetSeconds);
}

/** The setting asked for last, since every timestamptz that is printed asks for the same one. */
let lastSetting: { readonly name: string; readonly zone: TimeZone } = { name: 'UTC', zone: UTC };

/** The zone of a `TimeZone` setting. @throws `invalid_parameter_value` (22023). */
export function settingZone(name: string): TimeZone {
  if (lastSetting.name !== name) lastSetting = { name, zone: readSetting(name) };
  return lastSetting.zone;
}

function readSetting(name: string): TimeZone {
  const offset = parseOffset(name);
  // A bare offset is POSIX here, positive to the west.
  if (offset !== undefined) return fixedZone(0 - offset);
  const zone = findZone(name);
  if (zone === undefined) throw fail('invalid_parameter_value', `time zone "${name}" not recognized`);
  return zone;
}

/** `+hh`, with minutes and seconds where they are not zero. */
export function formatOffset(offsetSeconds: number): string {
  const magnitude = Math.abs(offsetSeconds);
  const two = (n: number): string => n.toString().padStart(2, '0');
  let text = `${offsetSeconds < 0 ? '-' : '+'}${two(Math.floor(magnitude / 3600))}`;
  const seconds = magnitude % 60;
  const minutes = Math.floor(magnitude / 60) % 60;
  if (minutes !== 0 || seconds !== 0) text += `:${two(minutes)}`;
  if (seconds !== 0) text += `:${two(seconds)}`;
  return text;
}

/** Seconds from 2000-01-01, rounded down. */
export function secondsOf(micros: WideInteger): number {
  return Number(wideFloorDivide(micros, SECOND));
}

/** Minutes east of Greenwich by abbreviation: PostgreSQL's default set. */
const ABBREVIATIONS: ReadonlyMap<string, number> = new Map(
  `
    ACDT=630 ACSST=630 ACST=570 ACT=-300 ACWST=525 ADT=-180 AEDT=660 AESST=660 AEST=600 AFT=270 AKDT=-480
    AKST=-540 ALMST=420 ALMT=360 AMST=240 AMT=-240 ANAST=720 ANAT=720 ARST=-180 ART=-180 AST=-240 AWSST=540
    AWST=480 AZOST=0 AZOT=-60 AZST=240 AZT=240 BDST=120 BDT=360 BNT=480 BORT=480 BOT=-240 BRA=-180 BRST=-120
    BRT=-180 BST=60 BTT=360 CADT=630 CAST=570 CCT=480 CDT=-300 CEST=120 CET=60 CETDST=120 CHADT=825 CHAST=765
    CHUT=600 CKT=-600 CLST=-180 CLT=-180 COT=-300 CST=-360 CXT=420 DAVT=420 DDUT=600 EASST=-300 EAST=-300 EAT=180
    EDT=-240 EEST=180 EET=120 EETDST=180 EGST=0 EGT=-60 EST=-300 FET=180 FJST=780 FJT=720 FKST=-180 FKT=-180
    FNST=-60 FNT=-120 GALT=-360 GAMT=-540 GEST=240 GET=240 GFT=-180 GILT=720 GMT=0 GYT=-240 HKT=480 HST=-600
    ICT=420 IDT=180 IOT=360 IRKST=480 IRKT=480 IRT=210 IST=120 JAYT=540 JST=540 KDT=600 KGST=360 KGT=360 KOST=660
    KRAST=420 KRAT=420 KST=540 LHDT=660 LHST=630 LIGT=600 LINT=840 LKT=330 MAGST=660 MAGT=660 MART=-570 MAWT=300
    MDT=-360 MEST=120 MESZ=120 MET=60 METDST=120 MEZ=60 MHT=720 MMT=390 MPT=600 MSD=240 MSK=180 MST=-420 MUST=300
    MUT=240 MVT=300 MYT=480 NDT=-150 NFT=-210 NOVST=420 NOVT=420 NPT=345 NST=-210 NUT=-660 NZDT=780 NZST=720
    NZT=720 OMSST=360 OMST=360 PDT=-420 PET=-300 PETST=720 PETT=720 PGT=600 PHT=480 PKST=360 PKT=300 PMDT=-120
    PMST=-180 PONT=660 PST=-480 PWT=540 PYST=-180 PYT=-180 RET=240 SADT=630 SAST=120 SCT=240 SGT=480 TAHT=-600
    TFT=300 TJT=300 TKT=780 TMT=300 TOT=780 TRUT=600 TVT=720 UCT=0 ULAST=540 ULAT=480 UT=0 UTC=0 UYST=-120
    UYT=-180 UZST=360 UZT=300 VET=-240 VLAST=600 VLAT=600 VOLT=180 VUT=660 WADT=480 WAKT=720 WAST=420 WAT=60
    WDT=540 WET=0 WETDST=60 WFT=720 WGST=-120 WGT=-180 XJT=360 YAKST=540 YAKT=540 YAPT=600 YEKST=360 YEKT=300 Z=0
    ZULU=0
  `
    .trim()
    .split(/\s+/)
    .map((entry): [string, number] => {
      const [name = '', minutes = '0'] = entry.split('=');
      return [name.toLowerCase(), Number(minutes)];
    }),
);

/** Seconds east of Greenwich of an abbreviation such as `EST`; undefined = no such. */
export function abbreviationOffset(name: string): number | undefined {
  const minutes = ABBREVIATIONS.get(name.toLowerCase());
  return minutes === undefined ? undefined : minutes * 60;
}
