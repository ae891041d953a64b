/** Walks over the parts of a key without reading their values. */
import {
  fixedBytes,
  KIND_ARRAY,
  KIND_BPCHAR,
  KIND_BYTES,
  KIND_F32,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_RECORD,
  KIND_TEXT,
  type PhysicalKind,
} from '../../base/physical.ts';
import { NOT_NULL } from './key.ts';

/** First byte behind a part that starts at `at`: how a reader finds the primary key behind an index's columns. */
export function skipKeyPart(
  kind: PhysicalKind,
  nullable: boolean,
  descending: boolean,
  bytes: Uint8Array,
  at: number,
): number {
  let p = at;
  if (nullable) {
    if (bytes[p] !== NOT_NULL) return p + 1;
    p++;
  }
  const flip = descending ? 0xff : 0;
  switch (kind) {
    case KIND_TEXT:
    case KIND_NAME:
    case KIND_BPCHAR:
      while ((bytes[p]! ^ flip) !== 0) p++;
      return p + 1;
    case KIND_BYTES:
    case KIND_RECORD:
    case KIND_ARRAY:
      for (; ; p++) {
        if ((bytes[p]! ^ flip) !== 0) continue;
        if ((bytes[p + 1]! ^ flip) === 0) return p + 2;
        p++;
      }
    case KIND_NUMERIC: {
      const type = bytes[p]! ^ flip;
      p++;
      if (type !== 2 && type !== 4) return p;
      const end = type === 2 ? 0xff ^ flip : flip;
      p += 2;
      while (bytes[p] !== end || bytes[p + 1] !== end) p += 2;
      return p + 2;
    }
    case KIND_F32:
      return p + 8;
    default:
      return p + fixedBytes(kind);
  }
}
