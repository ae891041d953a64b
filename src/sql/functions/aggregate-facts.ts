/** Rows of pg_aggregate: oid, name, arguments, result, kind (n, o), direct arguments, variadic element type. */

export const AGGREGATE_FACTS = `

`;
