/** PARTITION BY: what a table is divided by. */
import type { TableObject } from '../../engine/catalog.ts';
import type { Partitioning, PartitionKey } from '../../engine/partitioning.ts';
import type { IndexKey, PartitionSpec } from '../ast/definitions.ts';
import { bindTableExpression, storedText } from '../bind/table-rules.ts';
import { typeEntry } from '../exec/values.ts';
import { requireOrder } from './constraints.ts';
import type { Definer } from './definer.ts';

const KEYS_MAX = 32;

/** @throws 22023, 42P17, 42703, 42704, 54011, 0A000 */
export function readPartitioning(d: Definer, table: TableObject, spec: PartitionSpec): Partitioning {
  const strategy = spec.strategy.toLowerCase();
  if (strategy !== 'range' && strategy !== 'list' && strategy !== 'hash')
    throw d.error('invalid_parameter_value', `unrecognized partitioning strategy "${spec.strategy}"`, undefined);
  if (strategy === 'list' && spec.keys.length > 1)
    throw invalid(d, 'cannot use "list" partition strategy with more than one column');
  if (spec.keys.length > KEYS_MAX)
    throw d.error('too_many_columns', `cannot partition using more than ${KEYS_MAX} columns`, undefined);
  return { strategy, keys: spec.keys.map((key) => readKey(d, table, key)) };
}

function readKey(d: Definer, table: TableObject, key: IndexKey): PartitionKey {
  if (key.collation !== null && !['C', 'POSIX', 'default', 'C.UTF-8', 'ucs_basic'].includes(key.collation.name))
    throw d.unsupported(`a partition key with collation "${key.collation.name}"`, key.collation.at);
  if (key.opclass !== null) throw d.unsupported('an operator class of a partition key', key.opclass.at);
  if (key.expression.kind === 'column' && key.expression.parts.length === 1) {
    const name = key.expression.parts[0]!;
    const column = table.columns.find((c) => !c.dropped && c.name === name.text);
    if (column === undefined)
      throw d.error('undefined_column', `column "${name.text}" named in partition key does not exist`, name.at);
    if (column.generatedSql !== undefined)
      throw d.error('invalid_object_definition', 'cannot use generated column in partition key', name.at, {
        detail: `Column "${column.name}" is a generated column.`,
      });
    requireOrder(d, column.type, name.at);
    return { column: column.number, type: column.type, typmod: column.typmod, physical: column.physical };
  }
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, key.text, key.expression, d.text, undefined, 'index');
  if (bound.volatile) throw invalid(d, 'functions in partition key expression must be marked IMMUTABLE');
  if (bound.columns.length === 0) throw invalid(d, 'cannot use constant expression as partition key');
  requireOrder(d, bound.type, key.expression.at);
  const physical = typeEntry(bound.type).physical(bound.typmod);
  if (physical === undefined)
    throw d.unsupported(`a partition key of type ${typeEntry(bound.type).displayName}`, key.expression.at);
  const expression = storedText(context, table, bound, key.text, undefined, 'index');
  return { column: 0, expression, type: bound.type, typmod: bound.typmod, physical };
}

function invalid(d: Definer, message: string): Error {
  return d.error('invalid_object_definition', message, undefined);
}
