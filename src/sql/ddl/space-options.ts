/**
 * Storage options of tables and indexes: what they are called, what they may be, and how they become space hints.
 *
 *   WITH (growth = 150, lob.initial_size = '1MB')     options, with positions
 *        │  readSpaceOptions                          each judged alone, then all together
 *        ▼
 *   ['growth=150', 'lob.initial_size=1 MB']           reloptions: what the catalogs show, and what WITH takes back
 *        │  spaceOf
 *        ▼
 *   { fillPercent, hints }                            what a tree's row holds
 *
 * The rules are those of the JET_SPACEHINTS document (`docs/SPACE.md`). A text is made of checked values only, so reading one
 * back cannot fail.
 */
import { broken } from '../../base/assert.ts';
import type { ExtentError } from '../../base/errors.ts';
import { NO_SPACE_HINTS, type SpaceHints } from '../../engine/record-port.ts';
import type { Option } from '../ast/definitions.ts';
import type { Definer } from './definer.ts';
import {
  FLAGS,
  isFault,
  optionNamed,
  POSTGRES_ONLY,
  type SpaceMember,
  type SpaceOption,
} from './space-option-table.ts';

/** How full a tree's leaves get, and how its space grows. */
export interface Space {
  readonly fillPercent: number;
  readonly hints: SpaceHints;
}

/** Tables have long values of their own, and so have indexes that include columns. */
export type SpaceTarget = 'table' | 'index' | 'covering index';

type Values = ReadonlyMap<SpaceMember, number>;

/** Prefix of the options for long values, as `toast.` is PostgreSQL's. */
const LONG = 'lob.';
const SEQUENTIAL: readonly SpaceMember[] = ['append', 'hotpoint'];
const SIZES: readonly SpaceMember[] = ['growth', 'minimum', 'maximum'];

/** An option of a statement, found in the table. */
interface Given {
  readonly source: Option;
  readonly prefix: string;
  readonly option: SpaceOption;
}

/**
 * Reads WITH (…) or SET (…). @param before - options that stand already.
 * @returns all options as reloptions texts: those from before that were not named, then the new ones.
 * @throws 22023 with position and rule, 0A000 for what only PostgreSQL has.
 */
export function readSpaceOptions(
  d: Definer,
  options: readonly Option[],
  target: SpaceTarget,
  before: readonly string[],
): string[] {
  const { pageBytes } = d.engine.store;
  const named = findOptions(d, options, target);
  const texts = named.map(({ source, prefix, option }) => {
    const value = option.read(source.value?.text ?? 'true', pageBytes);
    const isScalar = source.value === null || (source.value.kind !== 'list' && source.value.kind !== 'star');
    if (isScalar && !isFault(value)) return `${prefix}${option.name}=${option.write(value)}`;
    const shown = `${prefix}${option.name}`;
    const fault = isScalar && isFault(value) ? value : { isOutOfBounds: false, detail: undefined };
    const message = fault.isOutOfBounds
      ? `value ${source.value?.text} out of bounds for option "${shown}"`
      : `invalid value for ${option.kind} option "${shown}": ${isScalar ? (source.value?.text ?? 'true') : 'a list'}`;
    throw invalid(d, message, source.value?.at ?? source.at, option.rule, fault.detail);
  });
  const all = [...without(before, named), ...texts];
  judgeTogether(d, all, options);
  return all;
}

/** Reads RESET (…). @returns the options that are left. @throws 42601 for a value, 22023 for an unknown name. */
export function resetSpaceOptions(
  d: Definer,
  options: readonly Option[],
  target: SpaceTarget,
  before: readonly string[],
): string[] {
  for (const { value } of options)
    if (value !== null) throw d.error('syntax_error', 'RESET must not include values for parameters', value.at);
  const left = without(before, findOptions(d, options, target));
  judgeTogether(d, left, options);
  return left;
}

/** What the tree of a relation with these options gets. A later option counts more than an earlier one. */
export function spaceOf(texts: readonly string[], fillPercent: number, pageBytes: number): Space {
  return toSpace(valuesOf(texts, '', pageBytes), fillPercent, pageBytes);
}

/** The same for the tree of long values; undefined when no option speaks of them. */
export function longSpaceOf(texts: readonly string[], fillPercent: number, pageBytes: number): Space | undefined {
  const values = valuesOf(texts, LONG, pageBytes);
  return values.size === 0 ? undefined : toSpace(values, fillPercent, pageBytes);
}

/**
 * A primary key's index is the table's own tree, so both speak of one tree: the index's density counts more than the table's,
 * and any other hint may stand in one place only.
 *
 * @returns the options of that tree. @throws 22023.
 */
export function primarySpaceOptions(
  d: Definer,
  table: readonly string[],
  primary: readonly string[],
  options: readonly Option[],
): string[] {
  const { pageBytes } = d.engine.store;
  const ofTable = valuesOf(table, '', pageBytes);
  const ofPrimary = valuesOf(primary, '', pageBytes);
  for (const text of primary) {
    const { option } = split(text);
    if (option.member === 'density') continue;
    const sequential = SEQUENTIAL.find((member) => ofTable.get(member) === 1);
    if (!ofTable.has(option.member) && sequential === undefined) continue;
    throw invalid(
      d,
      `parameter "${option.name}" of the primary key conflicts with the parameters of its table`,
      (options.find((o) => optionNamed(o.name)?.member === option.member) ?? options[0])?.at,
      'Give the space hints of a table and its primary key in one place.',
      'The rows of a table lie in its primary key.',
    );
  }
  const all = [...table, ...primary];
  if (ofPrimary.size > 0) judgeTogether(d, all, options);
  return all;
}

/** Tells what stands in the options but has no effect because another hint is missing. */
export function tellIdleOptions(d: Definer, texts: readonly string[]): void {
  for (const prefix of ['', LONG]) {
    const values = valuesOf(texts, prefix, d.engine.store.pageBytes);
    const on = (member: SpaceMember): boolean => (values.get(member) ?? 0) !== 0;
    if (SIZES.some(on) && !SEQUENTIAL.some(on))
      d.sql.tell('growth, min_extent and max_extent have no effect yet', {
        hint: `They rule sequential growth: set ${prefix}append_sequential or ${prefix}hotpoint_sequential.`,
      });
    if (on('maintenance') && !on('scan'))
      d.sql.tell('maintenance_density has no effect yet', {
        hint: `It starts maintenance of what is scanned in order: set ${prefix}scan to forward or backward.`,
      });
  }
}

/** Looks the names up. @throws 22023 for an unknown one or one named twice, 0A000. */
function findOptions(d: Definer, options: readonly Option[], target: SpaceTarget): Given[] {
  const seen = new Map<string, string>();
  return options.map((source) => {
    const { namespace, name, at } = source;
    const shown = namespace === null ? name : `${namespace}.${name}`;
    if (
      namespace === 'toast' ||
      (namespace === null && POSTGRES_ONLY[target === 'table' ? 'table' : 'index'].has(name))
    )
      throw d.error('feature_not_supported', `storage parameter "${shown}" is not supported`, at, {
        ...(namespace === 'toast' ? { hint: 'Options for long values have the prefix "lob.".' } : {}),
      });
    if (namespace !== null && (namespace !== 'lob' || target === 'index'))
      throw invalid(d, `unrecognized parameter namespace "${namespace}"`, at, prefixHint(target, namespace));
    const option = optionNamed(name);
    if (option === undefined) throw invalid(d, `unrecognized parameter "${shown}"`, at, undefined);
    const prefix = namespace === null ? '' : LONG;
    const first = seen.get(prefix + option.member);
    if (first !== undefined)
      throw invalid(
        d,
        `parameter "${shown}" specified more than once`,
        at,
        undefined,
        first === name ? undefined : `"${first}" and "${name}" set the same value.`,
      );
    seen.set(prefix + option.member, name);
    return { source, prefix, option };
  });
}

function prefixHint(target: SpaceTarget, namespace: string): string {
  if (target !== 'index') return 'Options for long values have the prefix "lob.".';
  if (namespace !== 'lob') return 'Options of indexes have no prefix.';
  return 'Only tables, and indexes that INCLUDE columns, have long values.';
}

/** Options that are right alone can be wrong together. @throws 22023. */
function judgeTogether(d: Definer, texts: readonly string[], options: readonly Option[]): void {
  for (const prefix of ['', LONG]) {
    const values = valuesOf(texts, prefix, d.engine.store.pageBytes);
    const [minimum, maximum] = [values.get('minimum') ?? 0, values.get('maximum') ?? 0];
    const blame = (...members: SpaceMember[]): number | undefined => {
      for (const member of members)
        for (const o of options)
          if ((o.namespace === null ? '' : LONG) === prefix && optionNamed(o.name)?.member === member)
            return o.value?.at ?? o.at;
      return options[0]?.at;
    };
    if (maximum === 0) continue;
    if (minimum > maximum)
      throw invalid(
        d,
        `"${prefix}min_extent" is more than "${prefix}max_extent"`,
        blame('minimum', 'maximum'),
        'The smallest extent must not be larger than the largest one; max_extent 0 sets no limit.',
      );
    if (minimum !== maximum && (values.get('growth') ?? 0) === 0 && (values.get('initial') ?? 0) < maximum)
      throw invalid(
        d,
        `extents can never grow to "${prefix}max_extent"`,
        blame('maximum', 'growth', 'minimum', 'initial'),
        'Give growth as well, or a min_extent or initial_size as large as max_extent.',
      );
  }
}

function invalid(
  d: Definer,
  message: string,
  at: number | undefined,
  hint: string | undefined,
  detail?: string,
): ExtentError {
  return d.error('invalid_parameter_value', message, at, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Texts whose values the named options do not set. */
function without(texts: readonly string[], named: readonly Given[]): string[] {
  return texts.filter((text) => {
    const { prefix, option } = split(text);
    return !named.some((n) => n.prefix === prefix && n.option.member === option.member);
  });
}

/** Takes a reloptions text apart. */
function split(text: string): { prefix: string; option: SpaceOption; value: string } {
  const prefix = text.startsWith(LONG) ? LONG : '';
  const equals = text.indexOf('=');
  const option = optionNamed(text.slice(prefix.length, equals));
  if (option === undefined) return broken(`storage option ${text} is in the catalog`);
  return { prefix, option, value: text.slice(equals + 1) };
}

function valuesOf(texts: readonly string[], prefix: string, pageBytes: number): Values {
  const values = new Map<SpaceMember, number>();
  for (const text of texts) {
    const found = split(text);
    if (found.prefix !== prefix) continue;
    const value = found.option.read(found.value, pageBytes);
    if (isFault(value)) return broken(`storage option ${text} is in the catalog`);
    values.set(found.option.member, value);
  }
  return values;
}

function toSpace(values: Values, fillPercent: number, pageBytes: number): Space {
  let { flags } = NO_SPACE_HINTS;
  for (const [member, bit] of FLAGS) if (values.get(member) === 1) flags |= bit;
  return {
    fillPercent: values.get('density') ?? fillPercent,
    hints: {
      initialPages: (values.get('initial') ?? 0) / pageBytes,
      growthPercent: values.get('growth') ?? 0,
      extentPagesMin: (values.get('minimum') ?? 0) / pageBytes,
      extentPagesMax: (values.get('maximum') ?? 0) / pageBytes,
      maintenancePercent: values.get('maintenance') ?? 0,
      flags: flags | (values.get('scan') ?? 0),
    },
  };
}
