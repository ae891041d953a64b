/**
 * What the operating system can do and Node does not offer: reserve space, punch holes, list data ranges, lock a file.
 *
 * On Linux they are libc calls through `koffi`, an optional dependency that is loaded at first use. Where it is missing,
 * every call answers "not possible" and its caller takes the way that works everywhere: writing zeros, cutting the tail,
 * a lock file. Correctness never depends on a hole.
 */
import { createRequire } from 'node:module';

export interface HostCalls {
  /** Backs a byte range with space, growing the file; false where the host or file system cannot. */
  allocate(fd: number, offset: number, length: number): boolean;
  punch(fd: number, offset: number, length: number): boolean;
  /** As `punch`, on another thread. A failure is only "not possible": the caller learns the reason from `punch`. */
  punchAsync(fd: number, offset: number, length: number, done: (punched: boolean) => void): void;
  dataRanges(fd: number, size: number): number[] | undefined;
  /** `locked`, `busy` (held by someone else) or `unknown` (cannot lock here). */
  flock(fd: number): 'locked' | 'busy' | 'unknown';
}

const NONE: HostCalls = {
  allocate: () => false,
  punch: () => false,
  punchAsync: (_fd, _offset, _length, done) => {
    setImmediate(() => done(false));
  },
  dataRanges: () => undefined,
  flock: () => 'unknown',
};

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const LOCK_EX_NB = 2 | 4;
const EAGAIN = 11;
const EINTR = 4;
const ENOSPC = 28;
const EDQUOT = 122;

/** The libc functions used, as koffi declares them; numbers because every offset is below 2^53. */
interface Libc {
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  fallocateAsync(
    fd: number,
    mode: number,
    offset: number,
    length: number,
    done: (error: unknown, result: number) => void,
  ): void;
  lseek(fd: number, offset: number, whence: number): number | bigint;
  flock(fd: number, operation: number): number;
  errno(): number;
}

let cached: HostCalls | undefined;

/** The calls of this host; made once. */
export function hostCalls(): HostCalls {
  cached ??= build();
  return cached;
}

function build(): HostCalls {
  const libc = process.platform === 'linux' ? loadLibc() : undefined;
  return libc === undefined ? NONE : linuxCalls(libc);
}

function loadLibc(): Libc | undefined {
  try {
    const koffi = loadKoffi();
    const libc = koffi.load('libc.so.6');
    const fallocate = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t len)');
    return {
      fallocate,
      fallocateAsync: fallocate.async,
      lseek: libc.func('int64_t lseek(int fd, int64_t offset, int whence)'),
      flock: libc.func('int flock(int fd, int operation)'),
      errno: () => koffi.errno(),
    };
  } catch {
    // The package is optional: its absence, or a libc that it cannot load (musl), only takes abilities away.
    return undefined;
  }
}

/** The addon alone loads in half the time of the package around it, which finds it for any host and wraps old names. */
function loadKoffi() {
  const require = createRequire(import.meta.url);
  try {
    return require(`@koromix/koffi-linux-${process.arch}`);
  } catch {
    return createRequire(import.meta.url)('koffi');
  }
}

function linuxCalls(libc: Libc): HostCalls {
  const fallocate = (fd: number, mode: number, offset: number, length: number): boolean => {
    while (libc.fallocate(fd, mode, offset, length) !== 0) {
      const errno = libc.errno();
      if (errno === ENOSPC || errno === EDQUOT) {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      }
      if (errno !== EINTR) return false;
    }
    return true;
  };
  return {
    allocate: (fd, offset, length) => fallocate(fd, 0, offset, length),
    punch: (fd, offset, length) => fallocate(fd, KEEP_SIZE | PUNCH_HOLE, offset, length),
    punchAsync: (fd, offset, length, done) => {
      libc.fallocateAsync(fd, KEEP_SIZE | PUNCH_HOLE, offset, length, (error, result) =>
        done((error === null || error === undefined) && result === 0),
      );
    },
    dataRanges: (fd, size) => {
      const ranges: number[] = [];
      for (let at = 0; at < size; ) {
        const data = Number(libc.lseek(fd, at, SEEK_DATA));
        if (data < 0) break;
        const hole = Number(libc.lseek(fd, data, SEEK_HOLE));
        ranges.push(data, hole - data);
        at = hole;
      }
      return ranges;
    },
    flock: (fd) => (libc.flock(fd, LOCK_EX_NB) === 0 ? 'locked' : libc.errno() === EAGAIN ? 'busy' : 'unknown'),
  };
}
