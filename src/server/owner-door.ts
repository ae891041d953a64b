/**
 * The door of a database that a process has open: a local socket, at which other processes of the same user may ask about it.
 *
 *   open a database ── a moment later ──> listen ──> the lock of each open file names the socket
 *   close ──> 57P01 to whoever is inside, and the socket goes
 *
 * Nobody waits for the door, and it keeps no process alive. It opens late, so that a program which is soon done does not even
 * load what it takes to listen. A process that cannot have a socket goes without: then nobody can ask.
 */
import type { Timer } from '../base/clock.ts';
import type { Instance } from '../engine/instance.ts';
import { Server } from './server.ts';

const OPENS_AFTER_MS = 50;

/** Where the door is; `src/io/private-socket.ts` is the real one. */
export interface DoorPlace {
  /** @returns the path for the socket; undefined where there can be none. */
  make(): string | undefined;
  /** Somebody listens at the path now. */
  protect(): void;
  /** Names the socket in the lock of an open database. */
  announce(path: string, database: string): void;
  remove(): void;
}

export class OwnerDoor {
  readonly #instance: Instance;
  readonly #place: DoorPlace;
  readonly #timer: Timer;
  #opening: Promise<Server | undefined> = Promise.resolve(undefined);

  constructor(instance: Instance, place: DoorPlace) {
    this.#instance = instance;
    this.#place = place;
    this.#timer = instance.options.clock.after(OPENS_AFTER_MS, () => {
      this.#opening = this.#open();
    });
  }

  async #open(): Promise<Server | undefined> {
    let server: Server | undefined;
    try {
      const socket = this.#place.make();
      if (socket === undefined) return undefined;
      server = await Server.listen({ instance: this.#instance, socket });
      this.#place.protect();
      this.#instance.watchFiles((path, database) => this.#place.announce(path, database));
      return server;
    } catch {
      // A place without sockets is no fault of the database; whoever asks is told that nobody answers.
      await server?.close();
      this.#place.remove();
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    const server = await this.#opening;
    await server?.close();
    this.#place.remove();
  }
}
