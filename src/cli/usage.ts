/** What the program says about itself. */
import { createRequire } from 'node:module';

/** The package's version. */
export function version(): string {
  const manifest: unknown = createRequire(import.meta.url)('../../package.json');
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return known ? String(manifest.version) : '0.0.0';
}

export const USAGE = `ExtentDB: Postgres-speaking SQL in one file.

Usage:
  extentdb serve [--data DIR] [--port N] [--host H] [--cache MIB] [--shrink MODE]
                                                      serve a directory of databases to any Postgres client
  extentdb run FILE.extent SCRIPT.sql                 run a script on one database file ("-" reads standard input)
  extentdb shell FILE.extent                          type statements against one database file
  extentdb check FILE.extent                          prove that a database file is sound
  extentdb space FILE.extent [--json]                 show what takes the file's space, as a tree or as JSON
  extentdb map FILE.extent [--fill] [--width N]       draw the file: whose its pages are, or how full
  extentdb backup SRC.extent DST.extent               copy a database into one closed file, whoever has it open
  extentdb compact SRC.extent DST.extent              write a file that nobody has open anew, in its best layout
  extentdb defrag FILE.extent [--passes N] [--seconds N] [--target T] | --stop
                                                      pack it in place, whoever has it open; stop what packs it
  extentdb trim FILE.extent                           give the disk space of free extents back, by holes
  extentdb --help | --version

Options of serve:
  --data DIR    the directory; made when it is missing (default ./extentdb-data)
  --port N      TCP port; without it 5432, or the next free one
  --host H      address to listen on (default 127.0.0.1); only connections from this machine are let in
  --cache MIB   page cache, in mebibytes (default 128)
  --shrink MODE when free space goes back to the file system: off, on (when asked), realtime (default where the file
                system knows holes)

Options of defrag (without limits: one pass):
  --passes N    passes over the file
  --seconds N   no further step begins after so many seconds
  --target T    a table or index, which is also put in order; or "space trees"; all trees by default

Exit status: 0 done, 1 failed, 2 wrong usage.
`;
