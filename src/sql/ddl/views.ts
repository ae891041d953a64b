/** CREATE VIEW. The body is kept as text; what it mentions is noted, so that it cannot vanish underneath. */
import type { Task } from '../../base/task.ts';
import type { ViewObject } from '../../engine/catalog.ts';
import type { CreateViewStatement } from '../ast/definitions.ts';
import { relationsNamed } from '../bind/kept-text.ts';
import { qualifiedText } from '../bind/qualify.ts';
import { typeEntry } from '../exec/values.ts';
import { splitInto } from '../session/select-into.ts';
import type { Definer } from './definer.ts';

export function* createView(d: Definer, s: CreateViewStatement): Task<void> {
  if (s.temporary) throw d.unsupported('CREATE TEMPORARY VIEW', s.at);
  if (s.recursive) throw d.unsupported('CREATE RECURSIVE VIEW', s.at);
  if (s.checkOption !== null) throw d.unsupported('WITH CHECK OPTION', s.at);
  for (const option of s.options)
    throw d.error('invalid_parameter_value', `unrecognized parameter "${option.name}"`, option.at);
  if (splitInto(s.query) !== undefined)
    throw d.error('feature_not_supported', 'views must not contain SELECT INTO', undefined);
  const schema = d.targetSchema(s.name);
  const before = d.catalog.relationNamed(schema, s.name.name);
  if (before !== undefined && !s.orReplace) d.requireFree(schema, s.name.name);
  if (before !== undefined && before.kind !== 'view')
    throw d.error('wrong_object_type', `"${before.name}" is not a view`, undefined);
  const planned = d.sql.planner.planStatement(s.query, d.text, 0, [], []);
  if (s.columns.length > planned.columns.length)
    throw d.error('syntax_error', 'CREATE VIEW specifies more column names than columns', undefined);
  const columns = planned.columns.map((c, i) => ({
    name: s.columns[i]?.text ?? c.name,
    type: c.type === 705 ? 25 : c.type,
    typmod: c.typmod,
  }));
  const seen = new Set<string>();
  for (const c of columns) {
    if (seen.has(c.name)) throw d.error('duplicate_column', `column "${c.name}" specified more than once`, undefined);
    seen.add(c.name);
  }
  if (before !== undefined) checkReplacement(d, before, columns);
  const start = d.text.indexOf(s.text, s.at);
  const sql = qualifiedText(d.text, start, start + s.text.length, planned.bound.references);
  const view: ViewObject = {
    kind: 'view',
    oid: before?.oid ?? (yield* d.takeOid()),
    name: s.name.name,
    schema,
    owner: d.owner,
    version: (before?.version ?? 0) + 1,
    columns,
    sql,
    options: [],
    // Not what those are made of: a view may outlive a partition of its table.
    uses: relationsNamed(d.sql.bindContext(), sql),
    rowType: before?.rowType ?? (yield* d.takeOid()),
    persistence: 'permanent',
  };
  yield* d.put(view);
}

/** OR REPLACE may add columns behind, nothing else. */
function checkReplacement(d: Definer, before: ViewObject, columns: ViewObject['columns']): void {
  if (columns.length < before.columns.length)
    throw d.error('invalid_table_definition', 'cannot drop columns from view', undefined);
  before.columns.forEach((old, i) => {
    const now = columns[i]!;
    if (now.name !== old.name) {
      throw d.error(
        'invalid_table_definition',
        `cannot change name of view column "${old.name}" to "${now.name}"`,
        undefined,
        { hint: 'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.' },
      );
    }
    if (now.type !== old.type) {
      throw d.error(
        'invalid_table_definition',
        `cannot change data type of view column "${old.name}" from ${typeEntry(old.type).displayName} to ${typeEntry(now.type).displayName}`,
        undefined,
      );
    }
  });
}
