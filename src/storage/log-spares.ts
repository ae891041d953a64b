/**
 * Log generations made ahead, so that changing to the next one never waits.
 *
 *   file       new, or recycled from a generation that nobody needs; sizes double from 1 MiB up to 32 MiB
 *   spare      its header is written; *ready* when that is durable. Spares become ready, and are used, in order.
 *
 * The last ready one is kept for rollback, checkpoint and shutdown: see `Log.room`.
 */
import type { Clock } from '../base/clock.ts';
import type { Vfs, VfsFile } from '../io/vfs.ts';
import { type Generation, writeGenerationHeader } from './log-generation.ts';

const GENERATION_BYTES_MIN = 1 << 20;
const GENERATION_BYTES_MAX = 32 << 20;
const RECYCLED_MAX = 2;

type Done = (error?: unknown) => void;
type Spare = { readonly generation: Generation; ready: boolean; readonly waiters: Done[] };

export class LogSpares {
  readonly #vfs: Vfs;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #fileId: Uint8Array;
  readonly #onFailure: (error: unknown) => void;
  readonly #spares: Spare[] = [];
  readonly #recycled: VfsFile[] = [];
  #nextBytes = GENERATION_BYTES_MIN;
  #nextSlot = 1;
  /** Number and first position of the next generation to be made. */
  #nextNumber = 1;
  #nextStart = 0;
  #closed = false;

  /** @param onFailure - told when a sync failed, which is fatal to the log. */
  constructor(vfs: Vfs, clock: Clock, directory: string, fileId: Uint8Array, onFailure: (error: unknown) => void) {
    this.#vfs = vfs;
    this.#clock = clock;
    this.#directory = directory;
    this.#fileId = fileId;
    this.#onFailure = onFailure;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  get nextStart(): number {
    return this.#nextStart;
  }

  /** Spares that can be used. */
  get ready(): number {
    const pending = this.#spares.findIndex((s) => !s.ready);
    return pending < 0 ? this.#spares.length : pending;
  }

  /** Begins a log directory: the first generation, durable, and one spare. */
  open(number: number, start: number): Generation {
    this.#vfs.makeDirectory(this.#directory);
    const slots = this.#vfs.list(this.#directory).map((name) => Number.parseInt(name, 10) || 0);
    this.#nextSlot = 1 + Math.max(0, ...slots);
    this.#nextNumber = number;
    this.#nextStart = start;
    const first = this.#make();
    this.#vfs.syncDirectory(this.#directory);
    first.file.syncData();
    this.add();
    return first;
  }

  /** The next generation, if one is ready. */
  take(): Generation | undefined {
    return this.ready === 0 ? undefined : this.#spares.shift()?.generation;
  }

  /** Makes one more spare ready, on the spot. @throws `disk_full` (53100). */
  add(): void {
    let spare = this.#spares.find((s) => !s.ready);
    if (spare === undefined) {
      spare = { generation: this.#make(), ready: false, waiters: [] };
      this.#spares.push(spare);
    }
    this.#vfs.syncDirectory(this.#directory);
    spare.generation.file.syncData();
    this.#makeReady(spare);
  }

  /** As `add`; calls `done` in a later turn. */
  start(done: Done): void {
    const pending = this.#spares.find((s) => !s.ready);
    if (pending !== undefined) {
      pending.waiters.push(done);
      return;
    }
    let spare: Spare;
    try {
      spare = { generation: this.#make(), ready: false, waiters: [done] };
    } catch (error) {
      done(error);
      return;
    }
    this.#spares.push(spare);
    const failed = (error: unknown): void => {
      this.#onFailure(error);
      for (const waiter of spare.waiters.splice(0)) waiter(error);
    };
    this.#vfs.syncDirectoryAsync(this.#directory, (problem) => {
      // `add` was faster: the file may be in use, or gone again. So it may be when all was closed meanwhile.
      if (spare.ready || this.#closed) return;
      if (problem !== undefined) failed(problem);
      else
        spare.generation.file.syncDataAsync((error) => (error === undefined ? this.#makeReady(spare) : failed(error)));
    });
  }

  /** A generation that nobody needs any more: its file is used again or goes. */
  recycle(old: Generation): void {
    if (this.#recycled.length < RECYCLED_MAX && old.bytes >= this.#nextBytes) this.#recycled.push(old.file);
    else old.file.discard();
  }

  close(): void {
    this.#closed = true;
    for (const spare of this.#spares.splice(0)) spare.generation.file.close();
    for (const file of this.#recycled.splice(0)) file.close();
  }

  #makeReady(spare: Spare): void {
    spare.ready = true;
    for (const waiter of spare.waiters.splice(0)) this.#clock.soon(() => waiter());
  }

  /** Makes the next generation's file; the caller syncs it and the directory. */
  #make(): Generation {
    const reused = this.#recycled.pop();
    const file = reused ?? this.#vfs.open(`${this.#directory}/${this.#nextSlot}.log`, 'new');
    if (reused === undefined) this.#nextSlot++;
    const bytes = reused === undefined ? this.#nextBytes : reused.size();
    const generation: Generation = { number: this.#nextNumber, start: this.#nextStart, bytes, file };
    try {
      if (reused === undefined) file.allocate(0, bytes);
      writeGenerationHeader(generation, this.#fileId);
    } catch (error) {
      file.discard();
      throw error;
    }
    this.#nextNumber++;
    this.#nextStart += bytes;
    this.#nextBytes = Math.min(this.#nextBytes * 2, GENERATION_BYTES_MAX);
    return generation;
  }
}
