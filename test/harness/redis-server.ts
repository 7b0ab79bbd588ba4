import { freePort } from "../../workers/free-port.js";
import { type StartedProcess, startProcess } from "./processes.js";

/** A real Redis server, of a test's own. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly stop: StartedProcess["stop"];
  /** Again on its port, after `stop`; with what is in its folder. */
  readonly restart: () => Promise<void>;
}

/** @param program `redis-server` @param folder for its snapshots @param settings more of its arguments */
export async function startRedisServer(
  program: string,
  folder: string,
  { port = 0, settings = [] }: { readonly port?: number; readonly settings?: readonly string[] } = {},
): Promise<RedisServer> {
  const own = port === 0 ? await freePort() : port;
  const start = async () =>
    await startProcess({
      command: program,
      args: ["--port", String(own), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...settings],
      ready: /Ready to accept connections/,
    });
  let running = await start();
  return {
    port: own,
    url: `redis://127.0.0.1:${own}`,
    get pid() {
      return running.pid;
    },
    stop: async (signal) => await running.stop(signal),
    async restart() {
      running = await start();
    },
  };
}
