/** Compiled patterns, and a bounded cache of them. */
import { Matcher } from './matcher.ts';
import { applyFlags, DEFAULT_OPTIONS } from './options.ts';
import { parseRegex } from './parser.ts';
import { compileRegex } from './program.ts';
import { preference } from './syntax.ts';

export interface Pattern extends Pick<Matcher, 'test' | 'find' | 'testInSlices' | 'findInSlices'> {
  /** Number of capturing groups. */
  readonly groups: number;
}

class CompiledPattern extends Matcher implements Pattern {
  readonly groups: number;

  constructor(text: string, flags: string) {
    const { node, groups } = parseRegex(text, applyFlags(DEFAULT_OPTIONS, flags));
    super(compileRegex(node), preference(node) ?? true, groups);
    this.groups = groups;
  }
}

const PATTERNS_MAX = 256;
const cache = new Map<string, Pattern>();

/**
 * The compiled form of a pattern.
 *
 * @param flags - option letters such as `i`; `g` belongs to the caller.
 * @throws `invalid_regular_expression` (2201B), `invalid_parameter_value` (22023), `feature_not_supported` (0A000).
 */
export function compiledPattern(text: string, flags = ''): Pattern {
  const key = `${flags}/${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const pattern = new CompiledPattern(text, flags);
  if (cache.size >= PATTERNS_MAX) {
    // Maps iterate in order of insertion: the oldest goes.
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  cache.set(key, pattern);
  return pattern;
}

/** A compiled pattern that belongs to the caller alone, who may use it in slices. @throws as {@link compiledPattern} */
export function ownPattern(text: string, flags = ''): Pattern {
  return new CompiledPattern(text, flags);
}
