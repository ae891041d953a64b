/**
 * The one table of storage options: name, what it sets, what it may be, how it is written.
 *
 * Names are those of the JET_SPACEHINTS document in PostgreSQL's spelling; `fillfactor` is PostgreSQL's own name for the
 * initial density.
 */
import {
  HINT_APPEND_SEQUENTIAL,
  HINT_DELETE_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  HINT_SCAN_BACKWARD,
  HINT_SCAN_FORWARD,
  HINT_UTILIZE_PARENT_SPACE,
} from '../../engine/record-port.ts';

/** What an option sets. Two names may set the same. */
export type SpaceMember =
  | 'density'
  | 'initial'
  | 'growth'
  | 'minimum'
  | 'maximum'
  | 'maintenance'
  | 'scan'
  | 'parent'
  | 'append'
  | 'hotpoint'
  | 'delete';

/** Why a text is no value of an option. */
export interface Fault {
  /** It is of the right kind, but too large or too small. */
  readonly isOutOfBounds: boolean;
  readonly detail: string | undefined;
}

export interface SpaceOption {
  readonly name: string;
  readonly member: SpaceMember;
  /** As PostgreSQL's messages call it. */
  readonly kind: 'integer' | 'size' | 'boolean' | 'enum';
  /** The documented rule, for the hint of an error. */
  readonly rule: string;
  /** A percentage, bytes, 0 or 1, or the bits of a scan. */
  read(text: string, pageBytes: number): number | Fault;
  /** The one way to write a value; `read` takes it, and so does WITH, quoted or not. */
  write(value: number): string;
}

const KB = 1024;
const MB = KB * KB;
const GB = KB * MB;
/** Extents are smaller than this. */
const EXTENT_BYTES_END = 100 * MB;
/** The initial size is a 32-bit number of bytes. */
const INITIAL_BYTES_END = 4 * GB;
/** Growth is less than five-hundredfold. */
const GROWTH_END = 50_000;

/** Bits of the flags among the options. */
export const FLAGS: readonly (readonly [SpaceMember, number])[] = [
  ['parent', HINT_UTILIZE_PARENT_SPACE],
  ['append', HINT_APPEND_SEQUENTIAL],
  ['hotpoint', HINT_HOTPOINT_SEQUENTIAL],
  ['delete', HINT_DELETE_SEQUENTIAL],
];

const SCANS: ReadonlyMap<string, number> = new Map([
  ['none', 0],
  ['forward', HINT_SCAN_FORWARD],
  ['backward', HINT_SCAN_BACKWARD],
]);

const OPTIONS: ReadonlyMap<string, SpaceOption> = new Map(
  [
    percentage(
      'fillfactor',
      'density',
      (n) => n >= 1 && n <= 100,
      'Valid values are between "1" and "100".',
      'fillfactor is a percentage of the page from 1 to 100.',
    ),
    percentage(
      'initial_density',
      'density',
      (n) => n >= 20 && n <= 100,
      'Valid values are between "20" and "100".',
      'initial_density is a percentage of the page from 20 to 100; fillfactor takes less.',
    ),
    percentage(
      'maintenance_density',
      'maintenance',
      (n) => n === 0 || (n >= 20 && n <= 100),
      'Valid values are "0", and between "20" and "100".',
      'maintenance_density is 0 (never), 100 (when any page is freed), or the percentage below which maintenance starts, from 20 on.',
    ),
    percentage(
      'growth',
      'growth',
      (n) => n === 0 || (n >= 100 && n < GROWTH_END),
      `Valid values are "0", and between "100" and "${GROWTH_END - 1}".`,
      `growth is 0 (no growth rule), or a percentage of the last extent from 100 (constant) to ${GROWTH_END - 1}.`,
    ),
    size(
      'initial_size',
      'initial',
      INITIAL_BYTES_END,
      'initial_size is a multiple of the page size below 4GB, e.g. 64 kB, 1 MB or 16 pages.',
    ),
    size(
      'min_extent',
      'minimum',
      EXTENT_BYTES_END,
      'min_extent is a multiple of the page size below 100MB; 0 sets no minimum.',
    ),
    size(
      'max_extent',
      'maximum',
      EXTENT_BYTES_END,
      'max_extent is a multiple of the page size below 100MB; 0 sets no maximum.',
    ),
    flag('utilize_parent_space', 'parent'),
    flag('append_sequential', 'append'),
    flag('hotpoint_sequential', 'hotpoint'),
    flag('delete_sequential', 'delete'),
    scan(),
  ].map((option) => [option.name, option]),
);

/** The option of a name without prefix. */
export function optionNamed(name: string): SpaceOption | undefined {
  return OPTIONS.get(name);
}

const AUTOVACUUM = [
  ...['enabled', 'vacuum_threshold', 'vacuum_insert_threshold', 'vacuum_scale_factor', 'vacuum_insert_scale_factor'],
  ...['analyze_threshold', 'analyze_scale_factor', 'vacuum_cost_delay', 'vacuum_cost_limit', 'freeze_min_age'],
  ...['freeze_max_age', 'freeze_table_age', 'multixact_freeze_min_age', 'multixact_freeze_max_age'],
  'multixact_freeze_table_age',
].map((name) => `autovacuum_${name}`);

/** What PostgreSQL knows and we do not: refused by name, so that nobody takes it for a slip of the pen. */
export const POSTGRES_ONLY: Readonly<Record<'table' | 'index', ReadonlySet<string>>> = {
  table: new Set([
    ...AUTOVACUUM,
    ...['log_autovacuum_min_duration', 'parallel_workers', 'toast_tuple_target', 'user_catalog_table'],
    ...['vacuum_index_cleanup', 'vacuum_truncate'],
  ]),
  index: new Set(['deduplicate_items']),
};

export function isFault(value: number | Fault): value is Fault {
  return typeof value === 'object';
}

const WRONG_KIND: Fault = { isOutOfBounds: false, detail: undefined };

function percentage(
  name: string,
  member: SpaceMember,
  allows: (n: number) => boolean,
  detail: string,
  rule: string,
): SpaceOption {
  return {
    name,
    member,
    kind: 'integer',
    rule,
    read: (text) => {
      const match = /^([+-]?\d+) ?%?$/.exec(text.trim());
      if (match === null) return WRONG_KIND;
      const value = Number(match[1]);
      return allows(value) ? value : { isOutOfBounds: true, detail };
    },
    write: (value) => String(value),
  };
}

/** Bytes per unit; pages are as large as the database has them. */
function unitBytes(unit: string, pageBytes: number): number | undefined {
  switch (unit.toLowerCase()) {
    case '':
    case 'b':
    case 'bytes':
      return 1;
    case 'kb':
      return KB;
    case 'mb':
      return MB;
    case 'gb':
      return GB;
    case 'tb':
      return KB * GB;
    case 'page':
    case 'pages':
      return pageBytes;
    default:
      return undefined;
  }
}

/** With a space before the unit: PostgreSQL's lexer takes `64 kB` for a number and a word, and refuses `64kB`. */
function sizeText(bytes: number): string {
  if (bytes === 0) return '0';
  const [unit, name] = bytes % GB === 0 ? [GB, 'GB'] : bytes % MB === 0 ? [MB, 'MB'] : [KB, 'kB'];
  return `${bytes / unit} ${name}`;
}

/** What a size may look like, for the detail of an error. */
export const SIZE_UNITS = 'Valid units are "B", "kB", "MB", "GB", "TB" and "pages"; a number alone counts bytes.';

/** Bytes of a size with its unit; undefined when it is none. */
export function readSize(text: string, pageBytes: number): number | undefined {
  const match = /^([+-]?\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim());
  const unit = match === null ? undefined : unitBytes(match[2]!, pageBytes);
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function size(name: string, member: SpaceMember, end: number, rule: string): SpaceOption {
  return {
    name,
    member,
    kind: 'size',
    rule,
    read: (text, pageBytes) => {
      const bytes = readSize(text, pageBytes);
      if (bytes === undefined) return { isOutOfBounds: false, detail: SIZE_UNITS };
      if (bytes < 0 || bytes >= end)
        return { isOutOfBounds: true, detail: `Valid values are from "0" to below "${sizeText(end)}".` };
      if (bytes % pageBytes !== 0)
        return { isOutOfBounds: false, detail: `It is no multiple of the page size, ${sizeText(pageBytes)}.` };
      return bytes;
    },
    write: sizeText,
  };
}

const TRUE_WORDS = ['true', 'yes', 'on', '1'];
const FALSE_WORDS = ['false', 'no', 'off', '0'];

/** As PostgreSQL reads booleans: a word, or a beginning of it that only one of the words has. */
function readBoolean(text: string): number | undefined {
  const word = text.trim().toLowerCase();
  if (word === '' || word === 'o') return undefined;
  if (TRUE_WORDS.some((w) => w.startsWith(word))) return 1;
  return FALSE_WORDS.some((w) => w.startsWith(word)) ? 0 : undefined;
}

function flag(name: string, member: SpaceMember): SpaceOption {
  return {
    name,
    member,
    kind: 'boolean',
    rule: `${name} is on or off.`,
    read: (text) => readBoolean(text) ?? WRONG_KIND,
    write: (value) => (value === 1 ? 'true' : 'false'),
  };
}

function scan(): SpaceOption {
  return {
    name: 'scan',
    member: 'scan',
    kind: 'enum',
    rule: 'scan says in which order the rows are mostly read: forward, backward, or none for no particular one.',
    read: (text) =>
      SCANS.get(text.trim().toLowerCase()) ?? {
        isOutOfBounds: false,
        detail: 'Valid values are "forward", "backward", and "none".',
      },
    write: (value) => [...SCANS].find(([, bits]) => bits === value)?.[0] ?? 'none',
  };
}
