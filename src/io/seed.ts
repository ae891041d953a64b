/** Where chance comes from: the seed of a program's one Prng. */
import * as fs from 'node:fs';

const SEED_BYTES = 4;

/** An integer of 32 bits that the system drew. */
export function drawSeed(): number {
  const bytes = Buffer.alloc(SEED_BYTES);
  try {
    const device = fs.openSync('/dev/urandom', 'r');
    try {
      if (fs.readSync(device, bytes) === SEED_BYTES) return bytes.readUInt32LE(0);
    } finally {
      fs.closeSync(device);
    }
  } catch {
    // Not every system has the device; Node's own module asks each in its way, and takes 4 ms to load.
  }
  return process.getBuiltinModule('node:crypto').randomBytes(SEED_BYTES).readUInt32LE(0);
}
