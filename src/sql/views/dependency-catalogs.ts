/**
 * pg_depend, pg_rewrite and pg_extension: what must be there before what, as pg_dump asks.
 *
 *   sequence    of a serial or identity column           a, i    on the column
 *   default     that draws from a sequence               n       on the sequence;  a  on its column
 *   view        is a rule of its relation                i       on the view;      n  on what its query names
 *   constraint                                           a       on its columns;  P on that of the parent;  n on what a foreign key refers to
 *   index                                                i       on its constraint, or a on its columns;    P on that of the parent
 *   partition                                            a       on its parent
 *   schemas sys and extentdb, with all in them           e       on the extension "extentdb", which is part of every database
 */
import type {
  CatalogObject,
  ConstraintObject,
  IndexObject,
  Oid,
  TableObject,
  ViewObject,
} from '../../engine/catalog.ts';
import { sequenceOfDefault } from '../ddl/drop.ts';
import { registry } from '../types/registry.ts';
import { viewsOf } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewDefinition, ViewSource } from './definition.ts';
import { defaultOid } from './object-catalogs.ts';

const PG_CLASS = 1259;
const PG_CONSTRAINT = 2606;
const PG_PROC = 1255;
const PG_REWRITE = 2618;
const PG_ATTRDEF = 2604;
const PG_NAMESPACE = 2615;
const PG_EXTENSION = 3079;
/** Below 16,384, where PostgreSQL's dump program takes things for built in. */
const EXTENSION_OID = 13_900;
export const OWN_EXTENSION = 'extentdb';
const OWN_SCHEMAS: readonly string[] = ['extentdb', 'sys'];
const PG_CATALOG = 11;

/** A row of pg_depend: (class, object, sub-object) on (class, object, sub-object). */
function depends(
  [classid, objid, objsubid]: readonly [Oid, Oid, number],
  [refclassid, refobjid, refobjsubid]: readonly [Oid, Oid, number],
  deptype: string,
): NamedRow {
  return { classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype };
}

/** The rule that a view is, of which no object of ours is: a number of its own that is stable. */
function ruleOid(view: ViewObject): Oid {
  return 0x30000000 + (view.oid % 0x0fffffff);
}

function* ofObject(source: ViewSource, o: CatalogObject): Iterable<NamedRow> {
  if (o.kind === 'sequence' && o.ownedBy !== undefined) {
    const { table, column } = o.ownedBy;
    const isIdentity = source.catalog.table(table).columns.find((c) => c.number === column)?.identity !== undefined;
    yield depends([PG_CLASS, o.oid, 0], [PG_CLASS, table, column], isIdentity ? 'i' : 'a');
  } else if (o.kind === 'table') {
    yield* ofDefaults(source, o);
    if (o.partition !== undefined) yield depends([PG_CLASS, o.oid, 0], [PG_CLASS, o.partition.parent, 0], 'a');
  } else if (o.kind === 'constraint') yield* ofConstraint(o);
  else if (o.kind === 'index') yield* ofIndex(source, o);
  else if (o.kind === 'view') {
    const rule = [PG_REWRITE, ruleOid(o), 0] as const;
    yield depends(rule, [PG_CLASS, o.oid, 0], 'i');
    for (const used of o.uses) yield depends(rule, [PG_CLASS, used, 0], 'n');
  }
}

function* ofConstraint({ oid, table, columns, parent, foreign, index }: ConstraintObject): Iterable<NamedRow> {
  const self = [PG_CONSTRAINT, oid, 0] as const;
  for (const column of columns) yield depends(self, [PG_CLASS, table, column], 'a');
  if (parent !== undefined) yield depends(self, [PG_CONSTRAINT, parent, 0], 'P');
  if (foreign === undefined) return;
  for (const column of foreign.columns) yield depends(self, [PG_CLASS, foreign.table, column], 'n');
  if (index !== 0) yield depends(self, [PG_CLASS, index, 0], 'n');
}

function* ofIndex({ catalog }: ViewSource, { oid, table, columns, parent }: IndexObject): Iterable<NamedRow> {
  const self = [PG_CLASS, oid, 0] as const;
  const constraint = catalog.constraintsOf(table).find((c) => c.index === oid && c.type !== 'foreign');
  if (constraint !== undefined) yield depends(self, [PG_CONSTRAINT, constraint.oid, 0], 'i');
  else for (const { column } of columns) if (column > 0) yield depends(self, [PG_CLASS, table, column], 'a');
  if (parent !== undefined) yield depends(self, [PG_CLASS, parent, 0], 'P');
}

function* ofDefaults({ session }: ViewSource, table: TableObject): Iterable<NamedRow> {
  for (const column of table.columns) {
    if (column.dropped || column.defaultSql === undefined || column.identity !== undefined) continue;
    const self = [PG_ATTRDEF, defaultOid(table.oid, column.number), 0] as const;
    yield depends(self, [PG_CLASS, table.oid, column.number], 'a');
    const sequence = sequenceOfDefault(column.defaultSql);
    if (sequence !== undefined) yield depends(self, [PG_CLASS, session.context.relationOid(sequence), 0], 'n');
  }
}

function* ofExtension({ catalog }: ViewSource, views: readonly ViewDefinition[]): Iterable<NamedRow> {
  const extension = [PG_EXTENSION, EXTENSION_OID, 0] as const;
  for (const name of OWN_SCHEMAS) {
    const schema = catalog.schemaNamed(name);
    if (schema !== undefined) yield depends([PG_NAMESPACE, schema.oid, 0], extension, 'e');
  }
  for (const view of views)
    if (OWN_SCHEMAS.includes(view.schema)) yield depends([PG_CLASS, view.oid, 0], extension, 'e');
  for (const f of registry.functions())
    if (OWN_SCHEMAS.includes(f.schema)) yield depends([PG_PROC, f.oid, 0], extension, 'e');
}

/** Makers by relation. `views` gives the catalog relations themselves. */
export function dependencyCatalogs(views: () => readonly ViewDefinition[]): [string, RowMaker][] {
  return [
    [
      'pg_catalog.pg_depend',
      function* (source) {
        for (const o of source.catalog.objects()) yield* ofObject(source, o);
        yield* ofExtension(source, views());
      },
    ],
    [
      'pg_catalog.pg_rewrite',
      function* ({ catalog }) {
        for (const view of viewsOf(catalog))
          yield {
            oid: ruleOid(view),
            rulename: '_RETURN',
            ev_class: view.oid,
            ev_type: '1',
            ev_enabled: 'O',
            is_instead: true,
          };
      },
    ],
    [
      'pg_catalog.pg_extension',
      () => [
        {
          oid: EXTENSION_OID,
          extname: OWN_EXTENSION,
          extowner: 10,
          extnamespace: PG_CATALOG,
          extrelocatable: false,
          extversion: '1.0',
        },
      ],
    ],
  ];
}
