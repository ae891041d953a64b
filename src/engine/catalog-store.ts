/**
 * The catalog on disk: one versioned row per object in the catalog tree.
 *
 *   key     oid u32 big-endian, part number u16 big-endian
 *   record  the object's JSON as UTF-8, cut into parts that fit a page
 *
 * Because the tree is versioned like any other, DDL commits and rolls back with the transaction that did it. The highest oid
 * given is remembered in the row of oid 0, written outside transactions, so that no oid is ever used twice. What stands under the
 * last oid is history (`history.ts`) and is not read here.
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { CATALOG_TREE, EXISTS, type Snapshot, type Store, type Transaction } from '../storage/contracts.ts';
import { attempt, emptyRow, insertRecord, visitRows } from './attempt.ts';
import { type CatalogObject, FIRST_USER_OID, type Oid } from './catalog.ts';
import { HISTORY_OID } from './history.ts';
import { SEQUENCE_STATE_PARTS } from './sequences.ts';

const KEY_BYTES = 6;
/** Oids reserved at a time: a crash loses at most these. */
const OID_BATCH = 64;
const PARTS_MAX = SEQUENCE_STATE_PARTS - 1;

function objectKey(oid: Oid, part: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setUint32(0, oid);
  view.setUint16(4, part);
  return key;
}

/** Reads all objects that a snapshot sees. */
export function* readCatalog(store: Store, snapshot: Snapshot): Task<CatalogObject[]> {
  const texts = new Map<Oid, Uint8Array[]>();
  yield* visitRows(
    store,
    CATALOG_TREE,
    undefined,
    { key: objectKey(HISTORY_OID, 0), length: KEY_BYTES, inclusive: false },
    snapshot,
    () => undefined,
    (key, _keyLength, bytes, _view, start, length) => {
      const oid = new DataView(key.buffer, key.byteOffset).getUint32(0);
      if (oid === 0 || new DataView(key.buffer, key.byteOffset).getUint16(4) >= SEQUENCE_STATE_PARTS) return;
      const parts = texts.get(oid);
      const part = bytes.slice(start, start + length);
      if (parts === undefined) texts.set(oid, [part]);
      else parts.push(part);
    },
  );
  const objects: CatalogObject[] = [];
  for (const [oid, parts] of texts) {
    try {
      objects.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as CatalogObject);
    } catch (cause) {
      throw fail('data_corrupted', `catalog entry ${oid} cannot be read`, { cause });
    }
  }
  return objects;
}

/** Writes an object that was not there before, or takes the place of its older state. */
export function* writeObject(store: Store, t: Transaction, object: CatalogObject): Task<void> {
  yield* removeObject(store, t, object.oid);
  const json = encodeUtf8(JSON.stringify(object));
  for (let part = 0, at = 0; at < json.length; part++, at += store.recordBytesMax) {
    if (part > PARTS_MAX) throw fail('program_limit_exceeded', `description of "${object.name}" is too long`);
    const length = Math.min(store.recordBytesMax, json.length - at);
    const status = yield* insertRecord(
      store,
      t,
      CATALOG_TREE,
      objectKey(object.oid, part),
      KEY_BYTES,
      json,
      at,
      length,
    );
    if (status === EXISTS)
      throw fail('serialization_failure', 'could not serialize access due to concurrent update of the catalog');
  }
}

export function* removeObject(store: Store, t: Transaction, oid: Oid): Task<void> {
  let parts = 0;
  const snapshot = t.snapshot();
  const from = { key: objectKey(oid, 0), length: KEY_BYTES, inclusive: true };
  const to = { key: objectKey(oid, PARTS_MAX), length: KEY_BYTES, inclusive: true };
  // The command's own changes count too: an object may change twice in one statement.
  const own: Snapshot = {
    commitSeq: snapshot.commitSeq,
    oldestOpen: snapshot.oldestOpen,
    transaction: t,
    command: Number.MAX_SAFE_INTEGER,
  };
  yield* visitRows(
    store,
    CATALOG_TREE,
    from,
    to,
    own,
    () => undefined,
    () => {
      parts++;
    },
  );
  t.release(snapshot);
  for (let part = 0; part < parts; part++) {
    const key = objectKey(oid, part);
    yield* attempt(store, () => store.remove(t, CATALOG_TREE, key, KEY_BYTES, undefined));
  }
}

/** Gives out oids, each once in a database's life. */
export class OidSource {
  readonly #store: Store;
  #next = 0;
  #reserved = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  *load(snapshot: Snapshot): Task<void> {
    const key = objectKey(0, 0);
    const row = emptyRow();
    const found = yield* attempt(this.#store, () => this.#store.find(CATALOG_TREE, key, KEY_BYTES, snapshot, row));
    this.#next = found === 1 ? row.view.getUint32(row.start, true) : FIRST_USER_OID;
    this.#reserved = this.#next;
  }

  *take(): Task<Oid> {
    if (this.#next === this.#reserved) {
      const reserved = this.#next + OID_BATCH;
      const record = new Uint8Array(4);
      new DataView(record.buffer).setUint32(0, reserved, true);
      const key = objectKey(0, 0);
      yield* attempt(this.#store, () => this.#store.putNow(CATALOG_TREE, key, KEY_BYTES, record, 0, 4));
      this.#reserved = reserved;
    }
    return this.#next++;
  }
}
