import { createBubblewrapSandbox } from "../adapters/sandbox/bubblewrap.js";
import { createUnavailableSandbox } from "../adapters/sandbox/unavailable.js";
import type { Logger } from "../ports/logger.js";
import type { Sandbox } from "../ports/sandbox.js";
import type { Config } from "./config.js";
import { findBubblewrap, ToolMissing } from "./tool-finder.js";

/** The strongest backend that the settings allow and this host has; where there is none, one that refuses with the reason. */
export async function openSandbox(config: Config, logger: Logger): Promise<Sandbox> {
  const refusing = (reason: string) => {
    logger.warn(`code cannot be run here, so tools that run code are refused: ${reason}`);
    return createUnavailableSandbox(reason);
  };
  if (config.sandbox === "none") return refusing("WFLO_SANDBOX is none");
  if (config.sandbox === "gvisor") {
    return refusing(
      "WFLO_SANDBOX is gvisor, which this version of Wflo does not have yet; set it to bubblewrap or auto",
    );
  }
  try {
    const { path } = await findBubblewrap({ environment: config.environment, report: (line) => logger.info(line) });
    return createBubblewrapSandbox({ bwrapPath: path });
  } catch (error) {
    if (error instanceof ToolMissing) return refusing(error.message);
    throw error;
  }
}
