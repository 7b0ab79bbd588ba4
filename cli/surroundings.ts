import type { Readable, Writable } from "node:stream";
import type { Config } from "../workers/config.js";
import type { CliPorts } from "./ports.js";

/** A stream that may be a terminal. */
export type TerminalOut = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** What the command line needs of the process around it; tests hand in their own. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** What was asked for, and nothing else. */
  readonly stdout: TerminalOut;
  /** Progress, questions, problems. */
  readonly stderr: TerminalOut;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Opens the stores that the settings name. */
  readonly openPorts: (config: Config) => Promise<CliPorts>;
  /** Calls the listener at each Ctrl-C until the returned function is called. */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** Those of this process. */
export function processSurroundings(): Surroundings {
  return {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    folder: process.cwd(),
    openPorts: async (config) => (await import("./ports.js")).openPorts(config),
    onInterrupt(listener) {
      process.on("SIGINT", listener);
      return () => void process.off("SIGINT", listener);
    },
  };
}

/** People can be asked: both ends are a terminal. */
export function canAsk({ stdin, stderr }: Surroundings): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}
