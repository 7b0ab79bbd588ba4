import { writeFile } from "node:fs/promises";
import type { EgressRecord } from "../../core/egress.js";
import type { Isolation } from "../../core/isolation.js";
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
import type { RunCgroup } from "./cgroups.js";
import { checkHost } from "./checks.js";
import { codeFileName } from "./command.js";
import { notRun, resultOf } from "./execution.js";
import type { SandboxHost } from "./host.js";
import { IN_BASE, type Launch } from "./launch-script.js";
import { type KeeperTask, type StandingSandbox, standUp } from "./launcher.js";
import { type LimitName, watchLimits } from "./limit-watch.js";
import { RELAY, RELAY_MEMORY_BYTES, RELAY_PROCESSES, relayFiles } from "./relay.js";
import { strayDescriptors } from "./stray-descriptors.js";
import { collectWorkspace } from "./workspace-collecting.js";
import { fillWorkspace } from "./workspace-filling.js";
import { brokenLimit } from "./workspace-size.js";

/** What isolates code: everything around it is the same for all. */
export interface Engine {
  /** `bubblewrap`, `gvisor`. */
  readonly backend: string;
  readonly isolation: Isolation;
  /** @throws SandboxUnavailable */
  survey(): Promise<SandboxHost>;
  /** Whom the code is and whose its workspace is; undefined: the worker's user. */
  uid(host: SandboxHost): number | undefined;
  /** Processes and threads of its own, which the code's limit does not count. */
  ownProcesses(limits: SandboxLimits): number;
  /** Limits that were hit, and that nobody outside has seen. */
  limitsTold?(standing: StandingSandbox): Promise<readonly LimitName[]>;
  keeperTask(launch: Launch, request: SandboxRequest): KeeperTask;
  /** The code's exit status, where the engine's own says more or less. @throws Error where the code was never run */
  statusOf?(standing: StandingSandbox, status: number): Promise<number>;
}

/** A sandbox over an engine. How files get in and out, and why so: docs/decisions/010-sandbox-files.md. */
export function createSandbox(egress: Egress | undefined, engine: Engine): Sandbox {
  const { get: host } = lazy(async () => await engine.survey());
  const sandbox: Sandbox = {
    backend: engine.backend,
    isolation: engine.isolation,
    async run(request, { signal }) {
      if (request.network && !egress)
        throw new SandboxUnavailable("this worker has no egress proxy, so code has no network");
      return await run({ ...engine, egress }, await host(), withRoom(request), signal);
    },
    check: async () => await checkHost(host, sandbox),
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

/** An engine, and the way out of its sandboxes. */
type Equipped = Engine & { readonly egress: Egress | undefined };

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
  const cgroup = await host.cgroups?.create({
    memoryBytes: limits.memoryBytes,
    processes: limits.processes + engine.ownProcesses(limits),
  });
  try {
    return await runIn(engine, host, request, cgroup, signal);
  } finally {
    await cgroup?.remove();
  }
}

function tooMuch({ diskBytes, files }: SandboxLimits, limit: "disk" | "files"): string {
  const most = limit === "disk" ? `${diskBytes} bytes` : `${files} files and folders`;
  return `the workspace has more than the limit of ${most} already, so nothing was run`;
}

async function runIn(
  engine: Equipped,
  host: SandboxHost,
  request: SandboxRequest,
  cgroup: RunCgroup | undefined,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const uid = engine.uid(host);
  const codeBytes = Object.values(codeFiles(request)).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const launch: Launch = { host, limits: request.limits, codeBytes, uid, joinFiles: cgroup?.joinFiles ?? [] };
  const strays = strayDescriptors();
  const standing = await standUp(launch, engine.keeperTask(launch, request), { strays, signal });
  const abort = () => standing.kill();
  signal.addEventListener("abort", abort);
  let gate: EgressGate | undefined;
  try {
    gate = request.network && (await engine.egress?.open(socketPath(standing), request.network));
    const result = await execute(engine, standing, request, { cgroup, uid, signal });
    if (!gate) return result;
    const closing = gate;
    gate = undefined;
    return { ...result, network: await closing.close().catch(lostRecords) };
  } finally {
    await gate?.close().catch(() => undefined);
    signal.removeEventListener("abort", abort);
    standing.kill();
    await standing.ended();
    standing.close();
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

interface Surroundings {
  readonly cgroup: RunCgroup | undefined;
  readonly uid: number | undefined;
  readonly signal: AbortSignal;
}

async function execute(
  engine: Engine,
  standing: StandingSandbox,
  request: SandboxRequest,
  { cgroup, uid, signal }: Surroundings,
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
