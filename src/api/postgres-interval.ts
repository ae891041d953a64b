/** An interval as node-postgres gives it: only the parts that are not zero. */
import type { Interval } from '../sql/types/interval.ts';

const MONTHS = 12;
const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;

export class PostgresInterval {
  years?: number;
  months?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  /** With up to three digits behind the point: microseconds. */
  milliseconds?: number;

  /** A text that PostgreSQL reads. */
  toPostgres(): string {
    const parts = [
      [this.seconds === undefined && this.milliseconds === undefined ? undefined : this.#fraction(/\.?0+$/), 'seconds'],
      [this.minutes, 'minutes'],
      [this.hours, 'hours'],
      [this.days, 'days'],
      [this.months, 'months'],
      [this.years, 'years'],
    ];
    const said = parts.filter(([value]) => value !== undefined).map(([value, unit]) => `${value} ${unit}`);
    return said.length === 0 ? '0' : said.join(' ');
  }

  /** ISO 8601, e.g. `P0Y0M1DT2H0M0S`. */
  toISO(): string {
    const { years = 0, months = 0, days = 0, hours = 0, minutes = 0 } = this;
    return `P${years}Y${months}M${days}DT${hours}H${minutes}M${this.#fraction(/0+$/)}S`;
  }

  toISOString(): string {
    return this.toISO();
  }

  #fraction(zeros: RegExp): string {
    const seconds = this.seconds ?? 0;
    return this.milliseconds === undefined
      ? String(seconds)
      : (seconds + this.milliseconds / 1000).toFixed(6).replace(zeros, '');
  }
}

export function postgresInterval(value: Interval): PostgresInterval {
  const made = new PostgresInterval();
  const micros = BigInt(value.micros);
  const parts = {
    years: Math.trunc(value.months / MONTHS),
    months: value.months % MONTHS,
    days: value.days,
    hours: Number(micros / HOUR),
    minutes: Number((micros % HOUR) / MINUTE),
    seconds: Number((micros % MINUTE) / SECOND),
    milliseconds: Number(micros % SECOND) / 1000,
  };
  // A part that is zero is not there at all, not even as undefined.
  const present = Object.fromEntries(Object.entries(parts).filter(([, n]) => n !== 0));
  return Object.assign(made, present);
}
