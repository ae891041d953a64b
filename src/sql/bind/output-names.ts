/** The name of an output column that has no alias: PostgreSQL's rules, by how telling each part of an expression is. */

import type { Expression } from '../ast/expressions.ts';
import type { Query } from '../ast/queries.ts';

/** 0: no name; 1: a type's name, or `case`: weaker than what a cast is applied to; 2: a name. */
type Figured = readonly [name: string, strength: 0 | 1 | 2];

const NONE: Figured = ['?column?', 0];

export function outputName(e: Expression): string {
  return figure(e)[0];
}

function figure(e: Expression): Figured {
  switch (e.kind) {
    case 'column':
      return [e.parts.at(-1)!.text, 2];
    case 'field':
      return [e.field.text, 2];
    case 'subscript':
      return figure(e.operand);
    case 'collate':
      return figure(e.operand);
    case 'call':
      return [e.name.name, 2];
    case 'conditional':
      return [e.name, 2];
    case 'sqlValue':
      return [e.name, 2];
    case 'cast': {
      const inner = figure(e.operand);
      return inner[1] > 1 ? inner : [e.type.name, 1];
    }
    case 'case': {
      const inner = e.otherwise === null ? NONE : figure(e.otherwise);
      return inner[1] > 1 ? inner : ['case', 1];
    }
    case 'array':
    case 'arrayQuery':
      return ['array', 2];
    case 'row':
      return ['row', 2];
    case 'exists':
      return ['exists', 2];
    case 'grouping':
      return ['grouping', 2];
    case 'scalarQuery':
      return queryName(e.query);
    default:
      return NONE;
  }
}

/** A scalar sub-query is named as its one column. */
function queryName(query: Query): Figured {
  const { body } = query;
  if (body.kind === 'setOperation') return queryName(body.left);
  if (body.kind !== 'select' || body.targets.length !== 1) return NONE;
  const { alias, expression } = body.targets[0]!;
  return alias !== null ? [alias.text, 2] : figure(expression);
}
