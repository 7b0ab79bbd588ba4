import { createBubblewrapSandbox } from "../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../adapters/sandbox/gvisor.js";
import { kernelHere } from "../adapters/sandbox/kernel.js";
import type { SandboxOptions } from "../adapters/sandbox/sandbox.js";
import { createUnavailableSandbox } from "../adapters/sandbox/unavailable.js";
import { createWasmSandbox } from "../adapters/wasm/sandbox.js";
import type { Egress } from "../ports/egress.js";
import type { Logger } from "../ports/logger.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox, SandboxUnavailable } from "../ports/sandbox.js";
import type { Config } from "./config.js";
import { ownModule } from "./own-module.js";
import { findOrBuildRunsc, findRunsc } from "./runsc.js";
import { findBubblewrap, ToolMissing } from "./tool-finder.js";

/** A pod of gVisor's RuntimeClass: no second kernel is needed between code and host, and none could be started there. */
const WITHIN = "the worker itself runs in gVisor, and bubblewrap stands between it and code";

/** The strongest backend that the settings allow and this host has; where there is none, one that refuses with the reason. */
export async function openSandbox(config: Config, logger: Logger, egress?: Egress): Promise<Sandbox> {
  const refusing = (reason: string) => {
    logger.warn(`code cannot be run here, so tools that run code are refused: ${reason}`);
    return createUnavailableSandbox(reason);
  };
  const report = (line: string) => logger.info(line);
  const options = { egress, standby: config.sandboxStandby };
  switch (config.sandbox) {
    case "none":
      return refusing("WFLO_SANDBOX is none");
    case "wasm":
      return chosen(openWasm(), "WFLO_SANDBOX is wasm");
    case "gvisor":
      try {
        if (kernelHere() === "gvisor") {
          return chosen(
            await standing(await openBubblewrap(config, report, options)),
            `WFLO_SANDBOX is gvisor, and ${WITHIN}`,
          );
        }
        const programPath = await findOrBuildRunsc(config.environment, report);
        return chosen(await standing(createGvisorSandbox({ programPath }, options)), "WFLO_SANDBOX is gvisor");
      } catch (error) {
        return refusing(`WFLO_SANDBOX is gvisor, and ${messageOf(error)}`);
      }
    case "bubblewrap":
      try {
        return chosen(await openBubblewrap(config, report, options), "WFLO_SANDBOX is bubblewrap");
      } catch (error) {
        if (error instanceof ToolMissing) return refusing(error.message);
        throw error;
      }
    case "auto":
      return await strongest(config, logger, options);
  }
}

/** gVisor, else bubblewrap, else WebAssembly: the first that runs something here. */
async function strongest(config: Config, logger: Logger, options: SandboxOptions): Promise<Sandbox> {
  const report = (line: string) => logger.info(line);
  const isWithin = kernelHere() === "gvisor";
  const runsc = isWithin ? undefined : findRunsc(config.environment);
  let missing = isWithin ? WITHIN : "gVisor is not here (no runsc)";
  if (runsc !== undefined) {
    try {
      return chosen(await standing(createGvisorSandbox({ programPath: runsc }, options)), "gVisor is here, and works");
    } catch (error) {
      missing = `gVisor is here, and does not work: ${messageOf(error)}`;
      report(`code runs in bubblewrap, though gVisor is there: ${messageOf(error)}`);
    }
  }
  try {
    const sandbox = await openBubblewrap(config, report, options);
    await standing(sandbox).catch((error: unknown) => {
      // A host that is short of something for the moment has it later.
      if (error instanceof SandboxUnavailable) throw error;
      report(`bubblewrap did not run its first program: ${messageOf(error)}`);
    });
    return chosen(sandbox, missing);
  } catch (error) {
    if (!(error instanceof ToolMissing || error instanceof SandboxUnavailable)) throw error;
    const why = `bubblewrap cannot be had here: ${error.message}`;
    logger.warn(`code runs in WebAssembly, which is JavaScript without files: ${why}`);
    return chosen(openWasm(), `${missing}; ${why}`);
  }
}

/** @throws ToolMissing */
async function openBubblewrap(
  { environment }: Config,
  report: (line: string) => void,
  options: SandboxOptions,
): Promise<Sandbox> {
  const { path } = await findBubblewrap({ environment, report });
  return createBubblewrapSandbox({ programPath: path }, options);
}

function openWasm(): Sandbox {
  return createWasmSandbox(ownModule("wasm-main"));
}

/** In an audit record, in characters. */
const LONGEST_WHY = 300;

function chosen(sandbox: Sandbox, why: string): Sandbox {
  return { ...sandbox, why: why.slice(0, LONGEST_WHY) };
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
