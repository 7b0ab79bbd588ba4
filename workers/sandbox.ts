import { createBubblewrapSandbox } from "../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../adapters/sandbox/gvisor.js";
import { createUnavailableSandbox } from "../adapters/sandbox/unavailable.js";
import { createWasmSandbox } from "../adapters/wasm/sandbox.js";
import type { Egress } from "../ports/egress.js";
import type { Logger } from "../ports/logger.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox, SandboxUnavailable } from "../ports/sandbox.js";
import type { Config } from "./config.js";
import { ownModule } from "./own-module.js";
import { findOrBuildRunsc, findRunsc } from "./runsc.js";
import { findBubblewrap, ToolMissing } from "./tool-finder.js";

/** The strongest backend that the settings allow and this host has; where there is none, one that refuses with the reason. */
export async function openSandbox(config: Config, logger: Logger, egress?: Egress): Promise<Sandbox> {
  const refusing = (reason: string) => {
    logger.warn(`code cannot be run here, so tools that run code are refused: ${reason}`);
    return createUnavailableSandbox(reason);
  };
  const report = (line: string) => logger.info(line);
  if (config.sandbox === "wasm") return createWasmSandbox(ownModule("wasm-main"));
  if (config.sandbox === "none") return refusing("WFLO_SANDBOX is none");
  if (config.sandbox === "gvisor") {
    try {
      return await standing(
        createGvisorSandbox({ programPath: await findOrBuildRunsc(config.environment, report) }, egress),
      );
    } catch (error) {
      return refusing(`WFLO_SANDBOX is gvisor, and ${messageOf(error)}`);
    }
  }
  const runsc = config.sandbox === "auto" ? findRunsc(config.environment) : undefined;
  if (runsc !== undefined) {
    try {
      return await standing(createGvisorSandbox({ programPath: runsc }, egress));
    } catch (error) {
      report(`code runs in bubblewrap, though gVisor is there: ${messageOf(error)}`);
    }
  }
  try {
    const { path } = await findBubblewrap({ environment: config.environment, report });
    const sandbox = createBubblewrapSandbox({ programPath: path }, egress);
    return config.sandbox === "auto" ? await standing(sandbox) : sandbox;
  } catch (error) {
    if (!(error instanceof ToolMissing || error instanceof SandboxUnavailable)) throw error;
    if (config.sandbox !== "auto") return refusing(error.message);
    logger.warn(
      `code runs in WebAssembly, which is JavaScript without files: bubblewrap cannot be had here: ${error.message}`,
    );
    return createWasmSandbox(ownModule("wasm-main"));
  }
}

/** The same sandbox, once it has run something. @throws what keeps it from that */
async function standing(sandbox: Sandbox): Promise<Sandbox> {
  const request = { language: "shell", code: "true", files: [], limits: DEFAULT_SANDBOX_LIMITS } as const;
  await sandbox.run(request, { signal: new AbortController().signal });
  return sandbox;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
