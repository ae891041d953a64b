/**
 * Kill cycles: a real server, eight writing clients, kill -9, a new start, the audit, a clean stop, the structure check.
 *
 *   start (random options) → clients work ──moment──► kill → [start, kill inside recovery]* → start → audit
 *     → stop → `extentdb check` → start → audit → stop → next cycle
 *
 * The moments: any time at all; a few milliseconds after CHECKPOINT, DROP TABLE or CREATE TABLE was sent, so inside or just
 * behind it; and when the log's directory changes, which is a generation being made, begun or recycled.
 */
import { cpSync, existsSync, type FSWatcher, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Prng } from '../../src/base/prng.ts';
import { audit, type Findings } from './audit.ts';
import { BankClient, connect, foundBank, type Kind } from './bank.ts';
import { runProgram, type ServerOptions, ServerProcess } from './server-process.ts';

const CLIENTS = 8;
const LONGEST_RUN_MS = 2500;
/** A moment that has not come by then is taken as it is. */
const PATIENCE_MS = 6000;
const RECOVERY_KILL_CHANCE = 0.3;

export const MOMENTS = ['random', 'checkpoint', 'generation', 'drop', 'create'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface CycleReport {
  readonly moment: Moment;
  readonly commits: number;
  /** Kills inside recovery before the start that was audited. */
  readonly recoveryKills: number;
  readonly synchronousCommit: boolean;
  readonly cacheMebibytes: number;
  readonly problems: readonly string[];
}

export class KillCampaign {
  readonly #data: string;
  readonly #prng: Prng;
  readonly #clients: BankClient[];

  constructor(data: string, prng: Prng) {
    this.#data = data;
    this.#prng = prng;
    this.#clients = Array.from({ length: CLIENTS }, (_, i) => new BankClient(i + 1, prng));
  }

  /** Makes the bank; call once, on an empty directory. */
  async found(): Promise<void> {
    const server = await ServerProcess.start({ data: this.#data, cacheMebibytes: 64 });
    await foundBank(server.port);
    await server.stop();
  }

  async cycle(): Promise<CycleReport> {
    const prng = this.#prng;
    const options = { data: this.#data, cacheMebibytes: prng.pick([1, 4, 16, 128]) };
    const synchronousCommit = !prng.chance(0.2);
    const moment = prng.pick(MOMENTS);
    const before = this.#commits();
    const server = await ServerProcess.start(options);
    await this.#workUntilKilled(server, moment, synchronousCommit);
    this.#keepEvidence();
    let recoveryKills = 0;
    for (; prng.chance(RECOVERY_KILL_CHANCE); recoveryKills++)
      await ServerProcess.startAndKill(options, 50 + prng.below(400));
    const problems = await this.#examine(options, synchronousCommit);
    const commits = this.#commits() - before;
    return { moment, commits, recoveryKills, synchronousCommit, cacheMebibytes: options.cacheMebibytes, problems };
  }

  /** The directory as the last kill left it, before any recovery; a failure is replayed from it. */
  get evidence(): string {
    return `${this.#data}-killed`;
  }

  #keepEvidence(): void {
    rmSync(this.evidence, { recursive: true, force: true });
    cpSync(this.#data, this.evidence, { recursive: true });
  }

  #commits(): number {
    return this.#clients.reduce((sum, c) => sum + c.commits, 0);
  }

  /**
   * Restarts, audits and stops, twice: what recovery made must also be what the clean file holds. In between the structure
   * check. The clients take what survived as their past.
   */
  async #examine(options: ServerOptions, synchronousCommit: boolean): Promise<string[]> {
    const recovered = await this.#auditAndStop(options, !synchronousCommit);
    for (const client of this.#clients) client.resume(recovered.ledger.get(client.id) ?? []);
    const { status, output } = runProgram(['check', join(this.#data, 'postgres.extent')]);
    const clean = await this.#auditAndStop(options, false);
    return [
      ...recovered.problems,
      ...(status === 0 ? [] : [`check ended with ${status}: ${output}`]),
      ...clean.problems.map((problem) => `after the clean stop: ${problem}`),
    ];
  }

  async #auditAndStop(options: ServerOptions, lossAllowed: boolean): Promise<Findings> {
    const server = await ServerProcess.start(options);
    const findings = await audit(server.port, this.#clients, lossAllowed);
    await server.stop();
    return findings;
  }

  async #workUntilKilled(server: ServerProcess, moment: Moment, synchronousCommit: boolean): Promise<void> {
    const arrival = new Arrival(moment, this.#prng, this.#data, server.port);
    const work = this.#clients.map((c) => c.work(server.port, synchronousCommit, arrival.announce));
    try {
      // A client that fails ends the wait: its error is the finding.
      await Promise.race([arrival.wait(), Promise.all(work)]);
    } finally {
      await server.kill();
      await arrival.close();
    }
    await Promise.all(work);
  }
}

/** Waits for the moment to kill. */
class Arrival {
  readonly #moment: Moment;
  readonly #prng: Prng;
  readonly #data: string;
  readonly #port: number;
  #watcher: FSWatcher | undefined;
  #arrive: () => void = () => {};
  /** Set once the clients have worked a while: a moment that comes earlier is let pass. */
  #armed = false;
  #issued: Promise<void> = Promise.resolve();

  constructor(moment: Moment, prng: Prng, data: string, port: number) {
    this.#moment = moment;
    this.#prng = prng;
    this.#data = data;
    this.#port = port;
  }

  /** Clients tell here what they are about to commit. */
  readonly announce = (kind: Kind): void => {
    if (this.#armed && kind === this.#moment) setTimeout(this.#arrive, this.#prng.below(12));
  };

  async wait(): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.#arrive = resolve;
    });
    await pause(100 + this.#prng.below(LONGEST_RUN_MS));
    this.#armed = true;
    if (this.#moment === 'random') return;
    if (this.#moment === 'checkpoint') return this.#inCheckpoint();
    if (this.#moment === 'generation') this.#watchLog();
    await Promise.race([come, pause(PATIENCE_MS)]);
  }

  async #inCheckpoint(): Promise<void> {
    const db = connect(this.#port);
    await db.connect();
    this.#issued = db.query('checkpoint').then(
      () => db.end(),
      () => db.end().catch(() => {}),
    );
    await pause(this.#prng.below(60));
  }

  #watchLog(): void {
    const directory = join(this.#data, 'postgres.extent-log');
    if (!existsSync(directory)) throw new Error(`${directory} is not there`);
    this.#watcher = watch(directory, (event) => {
      if (event === 'rename') setTimeout(this.#arrive, this.#prng.below(20));
    });
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    await this.#issued;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
