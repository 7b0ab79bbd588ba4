import { type Sandbox, SandboxUnavailable } from "../../ports/sandbox.js";

/** Stands where this host has no sandbox: refuses everything with the reason, and runs nothing. */
export function createUnavailableSandbox(reason: string, fix?: string): Sandbox {
  return {
    backend: "none",
    run: async () => await Promise.reject(new SandboxUnavailable(`code cannot be run here: ${reason}`)),
    check: async () => [{ name: "sandbox", ok: false, detail: reason, ...(fix === undefined ? {} : { fix }) }],
  };
}
