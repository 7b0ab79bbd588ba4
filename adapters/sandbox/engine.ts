import { writeFile } from "node:fs/promises";
import type { Isolation } from "../../core/isolation.js";
import { workspaceProblem } from "../../core/workspace-paths.js";
import {
  type Sandbox,
  type SandboxLimits,
  type SandboxRequest,
  SandboxRequestWrong,
  type SandboxResult,
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
import { limitProblem } from "./limits.js";
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
export function createSandbox(engine: Engine): Sandbox {
  let survey: Promise<SandboxHost> | undefined;
  const host = async () => {
    survey ??= engine.survey();
    // What was missing may be there the next time.
    survey.catch(() => {
      survey = undefined;
    });
    return await survey;
  };
  const sandbox: Sandbox = {
    backend: engine.backend,
    isolation: engine.isolation,
    run: async (request, { signal }) => await run(engine, await host(), request, signal),
    check: async () => await checkHost(host, sandbox),
  };
  return sandbox;
}

async function run(
  engine: Engine,
  host: SandboxHost,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { language, limits, files } = request;
  const problem = limitProblem(limits) ?? workspaceProblem(files.map(({ path }) => path));
  if (problem !== undefined) throw new SandboxRequestWrong(problem);
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
  engine: Engine,
  host: SandboxHost,
  request: SandboxRequest,
  cgroup: RunCgroup | undefined,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const uid = engine.uid(host);
  const codeBytes = Buffer.byteLength(request.code);
  const launch: Launch = { host, limits: request.limits, codeBytes, uid, joinFiles: cgroup?.joinFiles ?? [] };
  const strays = strayDescriptors();
  const standing = await standUp(launch, engine.keeperTask(launch, request), { strays, signal });
  const abort = () => standing.kill();
  signal.addEventListener("abort", abort);
  try {
    return await execute(engine, standing, request, { cgroup, uid, signal });
  } finally {
    signal.removeEventListener("abort", abort);
    standing.kill();
    await standing.ended();
    standing.close();
  }
}

interface Surroundings {
  readonly cgroup: RunCgroup | undefined;
  readonly uid: number | undefined;
  readonly signal: AbortSignal;
}

async function execute(
  engine: Engine,
  standing: StandingSandbox,
  { language, code, files, limits }: SandboxRequest,
  { cgroup, uid, signal }: Surroundings,
): Promise<SandboxResult> {
  const output = captureOutput(limits.outputBytes);
  output.read("stdout", standing.stdout);
  output.read("stderr", standing.stderr);
  await fillWorkspace(standing.workspace, files, uid, limits.files);
  await writeFile(`${standing.base}/${IN_BASE.code}/${codeFileName(language)}`, code, { mode: 0o644 });
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
