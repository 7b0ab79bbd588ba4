import { type Command, InvalidArgumentError } from "commander";
import type { DevSession } from "../../workers/dev-session.js";
import { noteDevServer } from "../dev-server-note.js";
import { EXIT_CODES, exitCodeOfStatus } from "../exit-codes.js";

interface DevFlags {
  readonly port: number;
  readonly uiPort: number;
  readonly db?: string;
  readonly worker: boolean;
  readonly demo: boolean;
  readonly once: boolean;
}

/** What a command needs of the process around it. */
interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
}

/** `wflo dev`: server, Web UI, worker and triggers on one machine. `--demo` is what `npm start` asks for. */
export function registerDev(program: Command, { environment }: Surroundings): void {
  program
    .command("dev")
    .description("start the Temporal server, its Web UI, a worker and triggers on this machine")
    .option("--port <port>", "port of the server", readPort, 7233)
    .option("--ui-port <port>", "port of the Web UI", readPort, 8233)
    .option("--db <file>", "database file (default: .wflo/temporal.db)")
    .option("--no-worker", "the server and its Web UI alone")
    .option("--demo", "run the demo agent once the worker is there", false)
    .option("--once", "with --demo: end after it, with the run's exit code", false)
    .action(async (flags: DevFlags) => {
      process.exitCode = await dev(flags, environment);
    });
}

async function dev(flags: DevFlags, environment: NodeJS.ProcessEnv): Promise<number> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const report = (line: string) => void process.stderr.write(`wflo: ${line}\n`);
  const asked = interruption();
  const { startDevSession } = await import("../../workers/dev-session.js");
  const session = await startDevSession({
    environment: quietByDefault(environment, flags),
    port: flags.port,
    uiPort: flags.uiPort,
    ...(flags.db === undefined ? {} : { databaseFile: flags.db }),
    worker: flags.worker,
    report,
  });
  const { address, uiUrl } = session.server;
  const forget = uiUrl === undefined ? undefined : await noteDevServer(session.config.stateFolder, { address, uiUrl });
  try {
    say(`Temporal   ${address}`);
    say(`Web UI     ${uiUrl ?? "none"}`);
    if (session.worker?.httpPort !== undefined) say(`Metrics    http://localhost:${session.worker.httpPort}/metrics`);
    return await untilEnd(session, flags, { say, report, asked });
  } finally {
    await forget?.();
    await session.stop();
  }
}

async function untilEnd(
  session: DevSession,
  flags: DevFlags,
  {
    say,
    report,
    asked,
  }: { say: (line: string) => void; report: (line: string) => void; asked: Promise<"interrupted"> },
): Promise<number> {
  const { agentsModule } = session.config;
  if (flags.demo && agentsModule !== undefined) {
    say(`WFLO_AGENTS is ${agentsModule}, so the demo's own agent is not here: run one of yours with npx wflo run.`);
    if (flags.once) return EXIT_CODES.done;
  } else if (flags.demo) {
    const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const { runDemo } = await import("../demo.js");
    const demo = runDemo({ config: session.config, uiUrl: session.server.uiUrl, interactive, say });
    const first = await Promise.race([demo, asked, session.failed]);
    if (first === "interrupted") return 130;
    if (typeof first === "string") return failed(first, report);
    if (flags.once) return exitCodeOfStatus(first.status);
    say("");
    say(
      'Next, in another terminal: npx wflo run assistant "…" · npx wflo runs · npx wflo --help. Ctrl-C ends all this.',
    );
  }
  const end = await Promise.race([asked, session.failed]);
  return end === "interrupted" ? 0 : failed(end, report);
}

function failed(reason: string, report: (line: string) => void): number {
  report(reason);
  return 1;
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
async function interruption(): Promise<"interrupted"> {
  return await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve("interrupted");
      });
    }
  });
}

/** A newcomer reads the demo, not the worker's log; its metrics take any port, so that a second Wflo disturbs nobody. */
function quietByDefault(environment: NodeJS.ProcessEnv, flags: DevFlags): NodeJS.ProcessEnv {
  if (!flags.demo) return environment;
  return { ...environment, WFLO_LOG_LEVEL: environment.WFLO_LOG_LEVEL || "warn" };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a port: a whole number from 1 to 65535.`);
}
