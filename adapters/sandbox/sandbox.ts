import { writeFile } from "node:fs/promises";
import type { EgressRecord } from "../../core/egress.js";
import { lazy } from "../../core/lazy.js";
import { limitProblems } from "../../core/sandbox-limits.js";
import { workspaceProblem } from "../../core/workspace-paths.js";
import type { Egress, EgressGate } from "../../ports/egress.js";
import {
  type Sandbox,
  type SandboxLimits,
  type SandboxRequest,
  SandboxRequestWrong,
  type SandboxResult,
  SandboxUnavailable,
} from "../../ports/sandbox.js";
import { captureOutput } from "./captured-output.js";
import { checkHost } from "./checks.js";
import { codeFileName } from "./command.js";
import type { Engine } from "./engine.js";
import { notRun, resultOf } from "./execution.js";
import type { SandboxHost } from "./host.js";
import { IN_BASE } from "./launch-script.js";
import type { StandingSandbox } from "./launcher.js";
import { type LimitName, watchLimits } from "./limit-watch.js";
import { RELAY, RELAY_MEMORY_BYTES, RELAY_PROCESSES, relayFiles } from "./relay.js";
import type { Shape } from "./shape.js";
import { createStandby, STANDBY_CODE_BYTES, type Standby } from "./standby.js";
import { type Stood, stand } from "./stood.js";
import { collectWorkspace } from "./workspace-collecting.js";
import { fillWorkspace } from "./workspace-filling.js";
import { brokenLimit } from "./workspace-size.js";

export interface SandboxOptions {
  /** The way out for requests with a network. @default none: such requests are refused */
  readonly egress?: Egress | undefined;
  /** How many sandboxes stand by for the next execution of a shape that was there before. @default 0 */
  readonly standby?: number;
}

/** A sandbox over an engine. How files get in and out, and why so: docs/decisions/010-sandbox-files.md. */
export function createSandbox({ egress, standby: most = 0 }: SandboxOptions, engine: Engine): Sandbox {
  const { get: host } = lazy(async () => await engine.survey());
  const standby = createStandby(most, async (shape, signal) => {
    return await stand(engine, { host: await host(), shape, codeBytes: STANDBY_CODE_BYTES }, signal);
  });
  const sandbox: Sandbox = {
    backend: engine.backend,
    isolation: engine.isolation,
    async run(request, { signal }) {
      if (request.network && !egress)
        throw new SandboxUnavailable("this worker has no egress proxy, so code has no network");
      return await run({ ...engine, egress, standby }, await host(), withRoom(request), signal);
    },
    check: async () => await checkHost(host, sandbox),
    close: async () => await standby.close(),
  };
  return sandbox;
}

/** The way to the network takes room of its own. */
function withRoom(request: SandboxRequest): SandboxRequest {
  if (!request.network) return request;
  const { processes, memoryBytes } = request.limits;
  const room = { processes: processes + RELAY_PROCESSES, memoryBytes: memoryBytes + RELAY_MEMORY_BYTES };
  return { ...request, limits: { ...request.limits, ...room } };
}

/** An engine, the way out of its sandboxes, and those that stand by. */
type Equipped = Engine & { readonly egress: Egress | undefined; readonly standby: Standby };

async function run(
  engine: Equipped,
  host: SandboxHost,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { language, limits, files } = request;
  const unfit = workspaceProblem(files.map(({ path }) => path));
  const problems = [...limitProblems(limits), ...(unfit === undefined ? [] : [unfit])];
  if (problems.length > 0) throw new SandboxRequestWrong(problems.join("; "));
  signal.throwIfAborted();
  if (host.interpreters[language] === undefined) {
    return notRun(request, `there is no ${language} on this host; use another language, or install it for the worker`);
  }
  const broken = brokenLimit(files, limits);
  if (broken !== undefined) return notRun(request, tooMuch(limits, broken), broken);
  const shape: Shape = { language, limits, hasNetwork: request.network !== undefined };
  const codeBytes = Object.values(codeFiles(request)).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const ready = codeBytes > STANDBY_CODE_BYTES ? undefined : await engine.standby.take(shape);
  const stood = ready ?? (await stand(engine, { host, shape, codeBytes }, signal));
  try {
    return await runIn(engine, stood, request, signal);
  } finally {
    await stood.release();
    engine.standby.prepare(shape);
  }
}

function tooMuch({ diskBytes, files }: SandboxLimits, limit: "disk" | "files"): string {
  const most = limit === "disk" ? `${diskBytes} bytes` : `${files} files and folders`;
  return `the workspace has more than the limit of ${most} already, so nothing was run`;
}

async function runIn(
  engine: Equipped,
  stood: Stood,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { standing } = stood;
  const abort = () => standing.kill();
  signal.addEventListener("abort", abort);
  let gate: EgressGate | undefined;
  try {
    gate = request.network && (await engine.egress?.open(socketPath(standing), request.network));
    const result = await execute(engine, stood, request, signal);
    if (!gate) return result;
    const closing = gate;
    gate = undefined;
    return { ...result, network: await closing.close().catch(lostRecords) };
  } finally {
    await gate?.close().catch(() => undefined);
    signal.removeEventListener("abort", abort);
  }
}

/** What is in the code's folder when it starts. */
function codeFiles({ language, code, network }: SandboxRequest): Readonly<Record<string, string>> {
  return { [codeFileName(language)]: code, ...(network ? relayFiles() : {}) };
}

/** The proxy is another process: it reaches the folder through the descriptor that this one holds. */
function socketPath({ base }: StandingSandbox): string {
  return `${base.replace("/self/", `/${process.pid}/`)}/${IN_BASE.code}/${RELAY.socket}`;
}

function lostRecords(error: Error): readonly EgressRecord[] {
  return [
    { host: "(unknown)", port: 0, outcome: "failed", why: error.message, requests: 0, bytesSent: 0, bytesReceived: 0 },
  ];
}

async function execute(
  engine: Engine,
  { standing, cgroup, uid }: Stood,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { files, limits } = request;
  const output = captureOutput(limits.outputBytes);
  output.read("stdout", standing.stdout);
  output.read("stderr", standing.stderr);
  await fillWorkspace(standing.workspace, files, uid, limits.files);
  for (const [name, text] of Object.entries(codeFiles(request))) {
    await writeFile(`${standing.base}/${IN_BASE.code}/${name}`, text, { mode: 0o644 });
  }
  signal.throwIfAborted();
  const startedAt = performance.now();
  const watch = watchLimits(standing, limits, cgroup);
  standing.go();
  const ended = await standing.ended();
  const durationMs = performance.now() - startedAt;
  watch.stop();
  await output.ended();
  signal.throwIfAborted();
  const wasKilled = watch.timedOut || watch.limit !== undefined;
  const status = wasKilled || !engine.statusOf ? ended : await engine.statusOf(standing, ended);
  const left = await collectWorkspace(standing.workspace, limits);
  const told = (await engine.limitsTold?.(standing)) ?? [];
  const limit: LimitName | undefined = watch.limit ?? told[0] ?? left.limit;
  const { timedOut } = watch;
  return resultOf({ status, output, timedOut, limit, counted: cgroup !== undefined, files: left.files, durationMs });
}
