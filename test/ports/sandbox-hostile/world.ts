import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

/** The host around a sandbox, set up so that whatever gets out of it leaves a trace. */
export interface HostileWorld {
  /** In a file that everybody on the host may read, and in the worker's environment. */
  readonly secret: string;
  readonly secretFile: string;
  /** Files that everybody may write to; they hold `untouched`. */
  readonly writableFile: string;
  readonly folder: string;
  /** Listeners of the host, in all the ways that a program has to reach one. */
  readonly port: number;
  readonly addresses: readonly string[];
  readonly socketPath: string;
  readonly abstractName: string;
  /** Who was reached: a line each. */
  readonly contacts: string[];
  /** A process of the worker's user that nobody may harm. */
  readonly victim: number;
  /** Part of the command line of each process that a hostile program leaves behind. */
  readonly marker: string;
  /** What is wrong with the host now; empty where nothing got out. */
  damage(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Names the worker's environment variable with the secret. */
export const SECRET_VARIABLE = "WFLO_CANARY_SECRET";

const CORE_PATTERN = "/proc/sys/kernel/core_pattern";

/** @param uid the user that the worker runs as */
export async function createHostileWorld({ uid }: { readonly uid?: number } = {}): Promise<HostileWorld> {
  const secret = process.env[SECRET_VARIABLE] ?? randomBytes(16).toString("hex");
  process.env[SECRET_VARIABLE] = secret;
  const folder = await mkdtemp(join(tmpdir(), "wflo-world-"));
  await chmod(folder, 0o777);
  const [secretFile, writableFile] = [join(folder, "secret"), join(folder, "writable")];
  await writeFile(secretFile, secret, { mode: 0o644 });
  await writeFile(writableFile, "untouched");
  await chmod(writableFile, 0o666);
  const contacts: string[] = [];
  const abstractName = `wflo-${secret.slice(0, 8)}`;
  const tcp = await listen(contacts, "tcp", (server) => server.listen(0, "0.0.0.0"));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4").on("message", () => contacts.push("udp"));
  udp.bind(port, "0.0.0.0");
  await once(udp, "listening");
  const socketPath = join(folder, "socket");
  const local = await listen(contacts, "unix", (server) =>
    server.listen({ path: socketPath, writableAll: true, readableAll: true }),
  );
  const abstract = await listen(contacts, "abstract", (server) => server.listen({ path: `\0${abstractName}` }));
  const ids = uid === undefined ? {} : { uid, gid: uid };
  const victim = spawn("sleep", ["600"], { stdio: "ignore", ...ids });
  await once(victim, "spawn");
  const corePattern = await coreSetting();
  const marker = `wflo-leftover-${secret.slice(0, 12)}`;
  return {
    ...{ secret, secretFile, writableFile, folder, port, socketPath, abstractName, contacts, marker },
    addresses: hostAddresses(),
    victim: victim.pid ?? -1,
    damage: async () => [
      ...contacts.map((contact) => `a listener was reached by ${contact}`),
      ...(isRunning(victim) ? [] : ["a process of the host was ended"]),
      ...((await readFile(writableFile, "utf8")) === "untouched" ? [] : ["a file of the host was changed"]),
      ...((await coreSetting()) === corePattern ? [] : ["core_pattern was changed"]),
      ...processesWith(marker).map((pid) => `process ${pid} is left`),
      ...(existsSync(join(folder, "made")) ? ["a file was made on the host"] : []),
    ],
    async close() {
      victim.kill("SIGKILL");
      udp.close();
      for (const server of [tcp, local, abstract]) server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** gVisor has no such setting. */
async function coreSetting(): Promise<string> {
  return await readFile(CORE_PATTERN, "utf8").catch(() => "");
}

/** Processes of the host, whatever namespace they are in, whose command line has this text. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function listen(contacts: string[], name: string, start: (server: Server) => void): Promise<Server> {
  const server = createServer((socket) => {
    contacts.push(name);
    socket.on("error", () => undefined).end("hello");
  });
  start(server);
  await once(server, "listening");
  return server;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function hostAddresses(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return [
    "127.0.0.1",
    ...addresses.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address),
  ];
}
