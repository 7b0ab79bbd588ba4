import type { EgressRecord } from "../core/egress.js";
import { type Isolation, isAtLeast } from "../core/isolation.js";
import type { BlobAddress } from "../core/transcript.js";
import type { OpenEgressPolicy } from "../ports/egress.js";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxLanguage,
  type SandboxLimits,
  type SandboxRequest,
  SandboxRequestWrong,
  type SandboxResult,
  SandboxUnavailable,
} from "../ports/sandbox.js";
import { RunRefused } from "./refusals.js";
import type { Workspaces } from "./workspace.js";

/** Code to run in a run's workspace. */
export interface CodeRequest {
  readonly language: SandboxLanguage;
  readonly code: string;
  /** The snapshot that it starts from. */
  readonly workspace?: BlobAddress;
  /** The tool's own limits; the worker's ceiling caps them. */
  readonly limits?: Partial<SandboxLimits>;
  /** The agent's: nothing weaker runs it. */
  readonly minIsolation?: Isolation;
  /** Hosts that the code may speak to. @default none */
  readonly network?: OpenEgressPolicy;
}

/** What a sandbox tool answers (CONTRACT 'Built-in agents'); `files` are the names below `/workspace/out`. */
export interface CodeResult extends Omit<SandboxResult, "files" | "network"> {
  readonly backend: string;
  readonly files: readonly string[];
}

export interface CodeRan {
  readonly result: CodeResult;
  /** The snapshot after the execution. */
  readonly workspace: BlobAddress;
  /** The run's files so far, by name. */
  readonly out: Readonly<Record<string, BlobAddress>>;
  /** Why it ran in this backend. */
  readonly why?: string;
  /** What the code asked of the network, where it had one. */
  readonly egress?: readonly EgressRecord[];
}

/**
 * Runs code from a snapshot to the next one.
 * @throws SandboxUnavailable, BlobMissing, BlobCorrupt, StoreUnavailable; RunRefused `ToolFailed` for limits that are none
 */
export type CodeTool = (request: CodeRequest, options: { readonly signal: AbortSignal }) => Promise<CodeRan>;

export interface CodePorts {
  readonly sandbox: Sandbox;
  readonly workspaces: Workspaces;
  /** The most that any agent's tool may have on this worker. @default DEFAULT_SANDBOX_LIMITS */
  readonly ceiling?: SandboxLimits;
}

export function createCodeTool({ sandbox, workspaces, ceiling = DEFAULT_SANDBOX_LIMITS }: CodePorts): CodeTool {
  return async ({ language, code, workspace, limits = {}, minIsolation, network }, { signal }) => {
    if (minIsolation !== undefined && !isAtLeast(sandbox.isolation, minIsolation)) throw tooWeak(sandbox, minIsolation);
    const files = await workspaces.load(workspace);
    const request = { language, code, files, limits: capped(limits, ceiling), ...(network ? { network } : {}) };
    const { files: left, network: egress, ...ran } = await runIn(sandbox, request, signal);
    const snapshot = await workspaces.save(left);
    const out = await workspaces.out(snapshot);
    return {
      result: { ...ran, backend: sandbox.backend, files: Object.keys(out) },
      workspace: snapshot,
      out,
      ...(sandbox.why === undefined ? {} : { why: sandbox.why }),
      ...(egress ? { egress } : {}),
    };
  };
}

function tooWeak({ backend, isolation }: Sandbox, wanted: Isolation): SandboxUnavailable {
  const has = isolation === undefined ? backend : `${backend} (${isolation})`;
  return new SandboxUnavailable(`the agent wants ${wanted} or stronger, and this worker has ${has}`);
}

/** What is wrong with the request is wrong in the tool's definition, and would be the next time. */
async function runIn(sandbox: Sandbox, request: SandboxRequest, signal: AbortSignal): Promise<SandboxResult> {
  try {
    return await sandbox.run(request, { signal });
  } catch (error) {
    if (error instanceof SandboxRequestWrong) throw new RunRefused("ToolFailed", `the sandbox tool: ${error.message}`);
    throw error;
  }
}

/** What the tool wants, or the defaults; no more than the ceiling. */
function capped(wanted: Partial<SandboxLimits>, ceiling: SandboxLimits): SandboxLimits {
  const names = Object.keys(DEFAULT_SANDBOX_LIMITS) as (keyof SandboxLimits)[];
  const limits = names.map((name) => [name, Math.min(wanted[name] ?? DEFAULT_SANDBOX_LIMITS[name], ceiling[name])]);
  return Object.fromEntries(limits) as unknown as SandboxLimits;
}
