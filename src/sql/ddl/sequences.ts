/** CREATE, ALTER and the making of sequences for serial and identity columns. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid, SequenceObject } from '../../engine/catalog.ts';
import type { AlterSequenceStatement, CreateSequenceStatement, SequenceOption } from '../ast/definitions.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import type { Definer } from './definer.ts';

const LIMITS = new Map<Oid, readonly [bigint, bigint]>([
  [21, [-32768n, 32767n]],
  [23, [-2147483648n, 2147483647n]],
  [20, [-9223372036854775808n, 9223372036854775807n]],
]);
const TYPE_NAME = new Map<Oid, string>([
  [21, 'smallint'],
  [23, 'integer'],
  [20, 'bigint'],
]);

export interface SequenceValues {
  readonly type: Oid;
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly cache: number;
  readonly cycle: boolean;
}

/** What the options mean, over what holds so far. @throws 22023, 42601. */
export function sequenceValues(
  d: Definer,
  options: readonly SequenceOption[],
  type: Oid,
  before: SequenceValues | undefined,
): SequenceValues {
  const seen = new Set<string>();
  const given = new Map<string, SequenceOption>();
  for (const option of options) {
    if (seen.has(option.name)) throw d.error('syntax_error', 'conflicting or redundant options', option.at);
    seen.add(option.name);
    given.set(option.name, option);
  }
  const as = given.get('as');
  const chosen = as?.type == null ? (before?.type ?? type) : lookUpType(d.binding(), as.type).oid;
  const limits = LIMITS.get(chosen);
  if (limits === undefined) throw fail('invalid_parameter_value', 'sequence type must be smallint, integer, or bigint');
  const number = (name: string): bigint | undefined => {
    const value = given.get(name)?.value;
    return value == null ? undefined : BigInt(value);
  };
  const keepsLimits = before !== undefined && before.type === chosen;
  const increment = number('increment') ?? (before === undefined ? 1n : BigInt(before.increment));
  if (increment === 0n) throw fail('invalid_parameter_value', 'INCREMENT must not be zero');
  const ascending = increment > 0n;
  const minimum =
    number('minvalue') ??
    (given.has('minvalue') || !keepsLimits ? (ascending ? 1n : limits[0]) : BigInt(before.minimum));
  const maximum =
    number('maxvalue') ??
    (given.has('maxvalue') || !keepsLimits ? (ascending ? limits[1] : -1n) : BigInt(before.maximum));
  if (maximum > limits[1] || maximum < limits[0])
    throw fail(
      'invalid_parameter_value',
      `MAXVALUE (${maximum}) is out of range for sequence data type ${TYPE_NAME.get(chosen)}`,
    );
  if (minimum < limits[0] || minimum > limits[1])
    throw fail(
      'invalid_parameter_value',
      `MINVALUE (${minimum}) is out of range for sequence data type ${TYPE_NAME.get(chosen)}`,
    );
  if (minimum >= maximum)
    throw fail('invalid_parameter_value', `MINVALUE (${minimum}) must be less than MAXVALUE (${maximum})`);
  const start = number('start') ?? (before === undefined ? (ascending ? minimum : maximum) : BigInt(before.start));
  if (start < minimum)
    throw fail('invalid_parameter_value', `START value (${start}) cannot be less than MINVALUE (${minimum})`);
  if (start > maximum)
    throw fail('invalid_parameter_value', `START value (${start}) cannot be greater than MAXVALUE (${maximum})`);
  const cache = Number(number('cache') ?? BigInt(before?.cache ?? 1));
  if (cache < 1) throw fail('invalid_parameter_value', `CACHE (${cache}) must be greater than zero`);
  const cycle = given.has('cycle') ? given.get('cycle')!.value === 'true' : (before?.cycle ?? false);
  return {
    type: chosen,
    start: String(start),
    increment: String(increment),
    minimum: String(minimum),
    maximum: String(maximum),
    cache,
    cycle,
  };
}

export function* createSequence(d: Definer, s: CreateSequenceStatement): Task<void> {
  if (s.temporary) throw d.unsupported('CREATE TEMPORARY SEQUENCE', s.at);
  const schema = d.targetSchema(s.name);
  if (d.catalog.relationNamed(schema, s.name.name) !== undefined && s.ifNotExists) {
    d.sql.tell(`relation "${s.name.name}" already exists, skipping`, { sqlstate: '42P07' });
    return;
  }
  d.requireFree(schema, s.name.name);
  yield* makeSequence(d, schema, s.name.name, sequenceValues(d, s.options, 20, undefined), ownerOf(d, s.options));
}

function ownerOf(d: Definer, options: readonly SequenceOption[]): SequenceObject['ownedBy'] {
  const owner = options.find((o) => o.name === 'owned by')?.owner;
  if (owner == null || owner.length === 0) return undefined;
  if (owner.length < 2)
    throw d.error('syntax_error', 'invalid OWNED BY option', undefined, {
      hint: 'Specify OWNED BY table.column or OWNED BY NONE.',
    });
  const [column, relation, schema] = [...owner].reverse();
  const table = d.table({ catalog: null, schema: schema?.text ?? null, name: relation!.text, at: relation!.at });
  return { table: table.oid, column: d.column(table, column!).number };
}

/** Makes a sequence object. */
export function* makeSequence(
  d: Definer,
  schema: Oid,
  name: string,
  values: SequenceValues,
  ownedBy: SequenceObject['ownedBy'],
): Task<SequenceObject> {
  const sequence: SequenceObject = {
    kind: 'sequence',
    oid: yield* d.takeOid(),
    name,
    schema,
    owner: d.owner,
    version: 1,
    persistence: 'permanent',
    ...values,
    ...(ownedBy === undefined ? {} : { ownedBy }),
  };
  yield* d.put(sequence);
  return sequence;
}

export function* alterSequence(d: Definer, s: AlterSequenceStatement): Task<void> {
  const found = d.findRelation(s.name);
  if (found === undefined && s.ifExists) {
    d.sql.tell(`relation "${s.name.name}" does not exist, skipping`);
    return;
  }
  const sequence = d.relation(s.name);
  if (sequence.kind !== 'sequence')
    throw d.error('wrong_object_type', `"${sequence.name}" is not a sequence`, undefined);
  yield* changeSequence(d, sequence, s.options);
}

/** RESTART: undone with its transaction, unlike what `nextval` and `setval` do. */
export function* restartSequence(d: Definer, sequence: SequenceObject, value: bigint): Task<void> {
  const { minimum, maximum } = sequence;
  if (value < BigInt(minimum))
    throw fail('invalid_parameter_value', `RESTART value (${value}) cannot be less than MINVALUE (${minimum})`);
  if (value > BigInt(maximum))
    throw fail('invalid_parameter_value', `RESTART value (${value}) cannot be greater than MAXVALUE (${maximum})`);
  const { sequences, catalog } = d.engine.database;
  const committed = catalog.object(sequence.oid);
  const next = sequences.restarted(sequence, committed?.kind === 'sequence' ? committed : undefined);
  yield* d.put(next);
  yield* sequences.set(next, value, false);
}

/** Applies options to a sequence that exists. */
export function* changeSequence(d: Definer, sequence: SequenceObject, options: readonly SequenceOption[]): Task<void> {
  const values = sequenceValues(
    d,
    options.filter((o) => o.name !== 'restart' && o.name !== 'owned by'),
    sequence.type,
    sequence,
  );
  const owned = options.find((o) => o.name === 'owned by');
  const { ownedBy: _before, ...rest } = sequence;
  const ownedBy = owned === undefined ? sequence.ownedBy : ownerOf(d, options);
  const next: SequenceObject = {
    ...rest,
    ...values,
    version: sequence.version + 1,
    ...(ownedBy === undefined ? {} : { ownedBy }),
  };
  yield* d.put(next);
  const restart = options.find((o) => o.name === 'restart');
  if (restart !== undefined) yield* restartSequence(d, next, BigInt(restart.value ?? next.start));
}
