import type { Isolation } from "../../core/isolation.js";
import type { SandboxLimits } from "../../ports/sandbox.js";
import type { SandboxHost } from "./host.js";
import type { Launch } from "./launch-script.js";
import type { KeeperTask, StandingSandbox } from "./launcher.js";
import type { LimitName } from "./limit-watch.js";
import type { Shape } from "./shape.js";

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
  keeperTask(launch: Launch, shape: Shape): KeeperTask;
  /** The code's exit status, where the engine's own says more or less. @throws Error where the code was never run */
  statusOf?(standing: StandingSandbox, status: number): Promise<number>;
}
