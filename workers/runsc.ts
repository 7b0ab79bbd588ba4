import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder, findOnPath, installOnce, packageRoot } from "./tool-finder.js";

const run = promisify(execFile);

/** The commit's day; the module version and the digests of all it is made of are in `deploy/gvisor`. */
const RUNSC_VERSION = "20260905";

/** gVisor's `runsc` on the PATH or in the cache. */
export function findRunsc(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const onPath = findOnPath("runsc", environment);
  if (onPath !== undefined) return onPath;
  const built = cachedPath(environment);
  return existsSync(built) ? built : undefined;
}

/**
 * The same, built with Go where it is not there: some minutes, once.
 * @throws Error that says what is missing
 */
export async function findOrBuildRunsc(
  environment: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<string> {
  const found = findRunsc(environment);
  if (found !== undefined) return found;
  if (process.platform !== "linux") throw new Error(`gVisor is made for Linux, and this is ${process.platform}`);
  const go = findOnPath("go", environment);
  if (go === undefined) {
    throw new Error(
      "gVisor's runsc is not installed, and there is no Go to build it (https://gvisor.dev/docs/user_guide/install)",
    );
  }
  const path = cachedPath(environment);
  report(`gVisor ${RUNSC_VERSION}: building runsc with Go, about three minutes, once`);
  await installOnce(join(path, ".."), async (draft) => {
    const sources = join(draft, "sources");
    await mkdir(sources);
    for (const name of ["go.mod", "go.sum"]) await cp(join(packageRoot(), "deploy/gvisor", name), join(sources, name));
    const env = { ...environment, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false" };
    const args = ["build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, "runsc"), "gvisor.dev/gvisor/runsc"];
    await run(go, args, { cwd: sources, env, maxBuffer: 64 * 1024 * 1024 });
  });
  return path;
}

function cachedPath(environment: NodeJS.ProcessEnv): string {
  return join(cacheFolder(environment), `runsc@${RUNSC_VERSION}`, "runsc");
}
