import type { EgressRecord } from "../core/egress.js";
import type { Isolation } from "../core/isolation.js";
import { DEFAULT_SANDBOX_LIMITS, type SandboxLimits } from "../core/sandbox-limits.js";
import type { OpenEgressPolicy } from "./egress.js";

/** The languages that code may be in; `shell` is POSIX sh (bash where there is one). */
export type SandboxLanguage = "python" | "javascript" | "shell";

export { DEFAULT_SANDBOX_LIMITS, type SandboxLimits };

/** A regular file of the workspace; its path is one that `core/workspace-paths.ts` finds nothing wrong with. */
export interface WorkspaceFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

export interface SandboxRequest {
  readonly language: SandboxLanguage;
  readonly code: string;
  /** What is in `/workspace` when the code starts. */
  readonly files: readonly WorkspaceFile[];
  readonly limits: SandboxLimits;
  /** Hosts that the code may speak to by an HTTP proxy. @default no network at all */
  readonly network?: OpenEgressPolicy;
}

export interface SandboxResult {
  /** Of the code; null where a signal or a limit ended it, 127 where the host has no such interpreter. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Ends with a line that names the signal, where one ended the code and no limit. Holds no path of the host. */
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Output was cut at `outputBytes`. */
  readonly truncated: boolean;
  /** The limit that was hit, besides time and output. */
  readonly limit?: "memory" | "processes" | "disk" | "files" | "cpu";
  /**
   * Every regular file that is in `/workspace` afterwards, sorted by path, collected once every process is dead. Links,
   * devices and FIFOs are left out, and names that are no UTF-8 or hold control characters. As many as the limits allow:
   * they are a workspace for the next execution.
   */
  readonly files: readonly WorkspaceFile[];
  readonly durationMs: number;
  /** What the code asked of the network, where it had one. */
  readonly network?: readonly EgressRecord[];
}

/**
 * Runs code that nobody has read: no network but what the request's policy allows, nothing of the host writable, none of the worker's environment; when `run`
 * settles no process of it is left. Aborting kills it within a second.
 */
export interface Sandbox {
  /** `bubblewrap`, `gvisor`. */
  readonly backend: string;
  /** Undefined: nothing that anybody can rely on. */
  readonly isolation?: Isolation;
  /** Why a worker has this one and no stronger one. */
  readonly why?: string;
  /** @throws SandboxUnavailable where the host cannot isolate; SandboxRequestWrong; the signal's reason once it is aborted */
  run(request: SandboxRequest, options: { readonly signal: AbortSignal }): Promise<SandboxResult>;
  /** Live probes of what this host gives; each with a fix where it fails. */
  check(): Promise<readonly SandboxCheck[]>;
  /** Ends what stands by for executions to come. */
  close?(): Promise<void>;
}

export interface SandboxCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

/** Limits out of all proportion, or files that are no workspace: the message names them, and nothing was run. */
export class SandboxRequestWrong extends Error {
  override readonly name = "SandboxRequestWrong";
}

/** This host cannot isolate code; nothing was run. */
export class SandboxUnavailable extends Error {
  override readonly name = "SandboxUnavailable";
}
