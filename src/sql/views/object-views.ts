/** pg_namespace and its kin: schemas, relations, columns. */
import { columnsFrom, type ViewDefinition } from './definition.ts';

export const OBJECT_VIEWS: readonly ViewDefinition[] = [
  {
    oid: 2615,
    schema: 'pg_catalog',
    name: 'pg_namespace',
    kind: 'r',
    columns: columnsFrom('oid oid, nspname name, nspowner oid, nspacl text[]'),
    *rows({ catalog }) {
      for (const o of catalog.objects()) if (o.kind === 'schema') yield [o.oid, o.name, o.owner, null];
    },
  },
];
