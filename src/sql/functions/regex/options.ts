/** Options of a regular expression: what they are, and the letters that stand for them. */
import { fail, unsupported } from '../../../base/errors.ts';

/** How a pattern is read, from flags such as `i` and from embedded options `(?i)`. */
export interface RegexOptions {
  readonly ignoreCase: boolean;
  /** ^ and $ also match at line ends. */
  readonly lineAnchors: boolean;
  /** `.` and negated sets do not match newlines. */
  readonly dotStopsAtNewline: boolean;
  /** Blanks and comments in the pattern are ignored. */
  readonly expanded: boolean;
  /** The pattern is a plain string. */
  readonly literal: boolean;
}

export const DEFAULT_OPTIONS: RegexOptions = {
  ignoreCase: false,
  lineAnchors: false,
  dotStopsAtNewline: false,
  expanded: false,
  literal: false,
};

/** Applies option letters. @throws `invalid_parameter_value` (22023) for an unknown one, `feature_not_supported` for b, e. */
export function applyFlags(options: RegexOptions, flags: string): RegexOptions {
  let result = options;
  for (const flag of flags) {
    switch (flag) {
      case 'i':
        result = { ...result, ignoreCase: true };
        break;
      case 'c':
        result = { ...result, ignoreCase: false };
        break;
      case 'm':
      case 'n':
        result = { ...result, lineAnchors: true, dotStopsAtNewline: true };
        break;
      case 'p':
        result = { ...result, lineAnchors: false, dotStopsAtNewline: true };
        break;
      case 's':
        result = { ...result, lineAnchors: false, dotStopsAtNewline: false };
        break;
      case 'w':
        result = { ...result, lineAnchors: true, dotStopsAtNewline: false };
        break;
      case 'x':
        result = { ...result, expanded: true };
        break;
      case 't':
        result = { ...result, expanded: false };
        break;
      case 'q':
        result = { ...result, literal: true };
        break;
      case 'b':
      case 'e':
        throw unsupported(`regular expression option "${flag}"`);
      default:
        throw fail('invalid_parameter_value', `invalid regular expression option: "${flag}"`);
    }
  }
  return result;
}
