/** What an open space manager is made of; its parts stand side by side, the allocator puts them together. */
import type { DroppedSpace } from './dropped-space.ts';
import type { ExtentSource } from './extent-source.ts';
import type { SpaceMap } from './space-map.ts';
import type { SpaceParts } from './tree-space.ts';
import type { Trimmer } from './trimmer.ts';
import type { Upward } from './upward.ts';

export interface OpenSpace {
  readonly parts: SpaceParts;
  readonly map: SpaceMap;
  readonly source: ExtentSource;
  readonly upward: Upward;
  readonly dropped: DroppedSpace;
  /** Undefined until the space of the database root is open. */
  trimmer: Trimmer | undefined;
}
