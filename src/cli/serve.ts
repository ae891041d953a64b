/** `extentdb serve`: a directory of databases on a port, until a signal ends it. */
import { SystemClock } from '../base/clock.ts';
import { DEFAULT_DATABASE, Instance } from '../engine/instance.ts';
import { PrivateSocket } from '../io/private-socket.ts';
import { OwnerDoor } from '../server/owner-door.ts';
import { Server } from '../server/server.ts';
import type { ServeCommand } from './arguments.ts';
import { hostOptions } from './host.ts';

const DEFAULT_PORT = 5432;
const PORTS_TRIED = 100;

/** Serves until SIGINT or SIGTERM. @returns the exit status. */
export async function serve(command: ServeCommand): Promise<number> {
  const options = hostOptions(new SystemClock(), command.cacheBytes, command.shrink);
  const instance = await Instance.openDirectory(command.data, options);
  let server: Server;
  try {
    // A file that someone else holds should be told now, not to the first client.
    await instance.database(
      instance.databaseList().find((d) => d.name === DEFAULT_DATABASE)?.name ?? instance.databaseList()[0]!.name,
    );
    server = await listen(instance, command);
  } catch (error) {
    await instance.close();
    throw error;
  }
  const door = new OwnerDoor(instance, new PrivateSocket());
  const stopped = signalled();
  process.stdout.write(
    `database system is ready to accept connections: psql -h ${server.host} -p ${server.port} -U postgres\n`,
  );
  await stopped;
  await door.close();
  await server.close();
  await instance.close();
  return 0;
}

function listen(instance: Instance, { host, port }: ServeCommand): Promise<Server> {
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  if (port !== undefined) return Server.listen({ instance, host, port, log });
  const tryFrom = async (candidate: number): Promise<Server> => {
    try {
      return await Server.listen({ instance, host, port: candidate, log });
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!taken || candidate === DEFAULT_PORT + PORTS_TRIED) throw error;
      return tryFrom(candidate + 1);
    }
  };
  return tryFrom(DEFAULT_PORT);
}

/** Ends with the first SIGINT or SIGTERM; a second one ends the process at once, and the log will be replayed. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.on('SIGINT', () => process.exit(1));
      process.on('SIGTERM', () => process.exit(1));
      resolve();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
}
