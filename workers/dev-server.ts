import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { type DevServerOptions, devServerArguments } from "./dev-server-flags.js";
import { findTemporalCli } from "./tool-finder.js";

/** The embedded Temporal server while it runs. */
export interface DevServer {
  /** `host:port`. */
  readonly address: string;
  readonly uiUrl: string | undefined;
  /** Settles when the server has ended, by itself or stopped: with its last words where it failed. */
  readonly ended: Promise<string | undefined>;
  stop(): Promise<void>;
}

/** A port that the server should listen on is taken. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
}

/** What a server says when it is up. */
const READY = /^Temporal Server:/m;

/** A server that has not said so by then hangs. In milliseconds. */
const START_PATIENCE_MS = 60_000;

/** A server that does not end by then is killed. In milliseconds. */
const STOP_PATIENCE_MS = 10_000;

const WORDS_KEPT = 4_000;

/**
 * Runs `"$@"` until it ends or standard input closes, which it does when we die, however we die: no server outlives us.
 */
const WATCHED = 'exec 3<&0; "$@" </dev/null & child=$!; (cat <&3 >/dev/null; kill $child 2>/dev/null) & wait $child';

/**
 * Starts the embedded server: the real Temporal server, its database in a file.
 * @throws PortTaken, ToolMissing, or an Error with what the server said
 */
export async function startDevServer(
  options: DevServerOptions,
  report: (line: string) => void = () => {},
): Promise<DevServer> {
  const ip = options.ip ?? "127.0.0.1";
  await assertFree(ip, options.port, "--port");
  if (options.uiPort !== undefined) await assertFree(ip, options.uiPort, "--ui-port");
  const { path } = await findTemporalCli({ report });
  await mkdir(dirname(options.databaseFile), { recursive: true });
  // A group of its own: Ctrl-C in the terminal reaches us, and we stop the server last.
  const args = ["-c", WATCHED, "sh", path, ...devServerArguments(options)];
  const child = spawn("/bin/sh", args, {
    detached: true,
    env: withoutTelemetry(process.env),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let words = "";
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code) => {
      child.stdin.destroy();
      resolve(code === 0 || stopping ? undefined : words.trim() || `exit code ${code}`);
    });
  });
  let stopping = false;
  const isUp = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-WORDS_KEPT);
        if (READY.test(words)) resolve();
      });
    }
  });
  const stop = async () => {
    stopping = true;
    child.stdin.destroy();
    const kill = setTimeout(() => killGroup(child.pid), STOP_PATIENCE_MS);
    await ended;
    clearTimeout(kill);
  };
  const failed = await firstOf(isUp, ended);
  if (failed !== undefined) {
    await stop();
    throw new Error(`the Temporal server did not start: ${failed}`);
  }
  const uiUrl = options.uiPort === undefined ? undefined : `http://localhost:${options.uiPort}`;
  return { address: `${ip}:${options.port}`, uiUrl, ended, stop };
}

/** Why the server is not up; undefined when it is. */
async function firstOf(isUp: Promise<void>, ended: Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no word for ${START_PATIENCE_MS / 1_000} s`), START_PATIENCE_MS);
  });
  try {
    return await Promise.race([isUp.then(() => undefined), ended.then((words) => words ?? "it ended at once"), hangs]);
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

async function assertFree(ip: string, port: number, option: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const words =
        error.code === "EADDRINUSE"
          ? `port ${port} is taken: is another \`wflo dev\` running? Stop it, or choose another with ${option}`
          : `port ${port} cannot be used: ${error.message}; choose another with ${option}`;
      reject(new PortTaken(words));
    });
    probe.listen(port, ip, () => probe.close(() => resolve()));
  });
}

/** The server has an OpenTelemetry of its own, which knows fewer exporters than ours and then does not start. */
function withoutTelemetry(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("OTEL_")));
}
