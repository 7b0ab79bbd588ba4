import type { RunCgroup } from "./cgroups.js";
import type { Engine } from "./engine.js";
import type { SandboxHost } from "./host.js";
import { type StandingSandbox, standUp } from "./launcher.js";
import type { Shape } from "./shape.js";
import { strayDescriptors } from "./stray-descriptors.js";

/** A sandbox that is set up for one execution, with all that belongs to it. */
export interface Stood {
  readonly standing: StandingSandbox;
  readonly cgroup: RunCgroup | undefined;
  /** Whom the code is; undefined: the worker's user. */
  readonly uid: number | undefined;
  /** Ends it, and gives up all that was its. */
  release(): Promise<void>;
}

/** @throws SandboxUnavailable where this host can't; the signal's reason; an Error where the host is only short of something */
export async function stand(
  engine: Engine,
  { host, shape, codeBytes }: { readonly host: SandboxHost; readonly shape: Shape; readonly codeBytes: number },
  signal: AbortSignal,
): Promise<Stood> {
  const { limits } = shape;
  const cgroup = await host.cgroups?.create({
    memoryBytes: limits.memoryBytes,
    processes: limits.processes + engine.ownProcesses(limits),
  });
  try {
    const uid = engine.uid(host);
    const launch = { host, limits, codeBytes, uid, joinFiles: cgroup?.joinFiles ?? [] };
    const standing = await standUp(launch, engine.keeperTask(launch, shape), { strays: strayDescriptors(), signal });
    return {
      standing,
      cgroup,
      uid,
      async release() {
        try {
          standing.kill();
          await standing.ended();
        } finally {
          standing.close();
          await cgroup?.remove();
        }
      },
    };
  } catch (error) {
    await cgroup?.remove();
    throw error;
  }
}
