/** A folder of a test's own, removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Folder {
  readonly path: string;

  /** @param name - shows in the folder's name. */
  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `extentdb-${name}-`));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
