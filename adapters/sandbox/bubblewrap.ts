import { writeFile } from "node:fs/promises";
import { workspaceProblem } from "../../core/workspace-paths.js";
import {
  type Sandbox,
  type SandboxLimits,
  type SandboxRequest,
  SandboxRequestWrong,
  type SandboxResult,
} from "../../ports/sandbox.js";
import { bwrapArguments, codeFileName } from "./bwrap-arguments.js";
import { captureOutput } from "./captured-output.js";
import type { RunCgroup } from "./cgroups.js";
import { checkHost } from "./checks.js";
import { notRun, resultOf } from "./execution.js";
import { type SandboxHost, type SandboxPrograms, surveyHost } from "./host.js";
import { IN_BASE, type Launch } from "./launch-script.js";
import { type StandingSandbox, standUp } from "./launcher.js";
import { type LimitName, watchLimits } from "./limit-watch.js";
import { limitProblem } from "./limits.js";
import { OWN_PROCESSES } from "./resource-limits.js";
import { strayDescriptors } from "./stray-descriptors.js";
import { collectWorkspace } from "./workspace-collecting.js";
import { fillWorkspace } from "./workspace-filling.js";
import { brokenLimit } from "./workspace-size.js";

/**
 * Sandboxes made by bubblewrap: namespaces of their own, a system call filter, no capability, nothing of the host but
 * its programs, read-only. As root each run has a uid and a cgroup of its own. How files get in and out, and why so:
 * docs/decisions/010-sandbox-files.md.
 */
export function createBubblewrapSandbox(programs: SandboxPrograms): Sandbox {
  let survey: Promise<SandboxHost> | undefined;
  const host = async () => {
    survey ??= surveyHost(programs);
    // What was missing may be there the next time.
    survey.catch(() => {
      survey = undefined;
    });
    return await survey;
  };
  const sandbox: Sandbox = {
    backend: "bubblewrap",
    run: async (request, { signal }) => await run(await host(), request, signal),
    check: async () => await checkHost(host, sandbox),
  };
  return sandbox;
}

async function run(host: SandboxHost, request: SandboxRequest, signal: AbortSignal): Promise<SandboxResult> {
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
    processes: limits.processes + OWN_PROCESSES,
  });
  try {
    return await runIn(host, request, cgroup, signal);
  } finally {
    await cgroup?.remove();
  }
}

function tooMuch({ diskBytes, files }: SandboxLimits, limit: "disk" | "files"): string {
  const most = limit === "disk" ? `${diskBytes} bytes` : `${files} files and folders`;
  return `the workspace has more than the limit of ${most} already, so nothing was run`;
}

async function runIn(
  host: SandboxHost,
  request: SandboxRequest,
  cgroup: RunCgroup | undefined,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { language, limits } = request;
  const uid = host.identity.kind === "fresh" ? host.identity.choose() : undefined;
  const codeBytes = Buffer.byteLength(request.code);
  const launch: Launch = { host, limits, codeBytes, uid, joinFiles: cgroup?.joinFiles ?? [] };
  const standing = await standUp(launch, bwrapArguments(host, language, limits), {
    strays: strayDescriptors(),
    signal,
  });
  const abort = () => standing.kill();
  signal.addEventListener("abort", abort);
  try {
    return await execute(standing, request, { cgroup, uid, signal });
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
  const status = await standing.ended();
  const durationMs = performance.now() - startedAt;
  watch.stop();
  await output.ended();
  signal.throwIfAborted();
  const left = await collectWorkspace(standing.workspace, limits);
  const limit: LimitName | undefined = watch.limit ?? left.limit;
  const { timedOut } = watch;
  return resultOf({ status, output, timedOut, limit, counted: cgroup !== undefined, files: left.files, durationMs });
}
