/** What all operators that change rows have in common, for whoever reports what a statement did. */
import { Operator } from './operator.ts';

export abstract class ChangeOperator extends Operator {
  /** Rows that the change affected, as its command tag counts them. */
  abstract readonly affected: number;
}
