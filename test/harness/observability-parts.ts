import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder, findOnPath, installOnce } from "../../workers/tool-finder.js";
import type { PartSearch } from "./parts.js";

const run = promisify(execFile);

const JAEGER = "github.com/jaegertracing/jaeger";
const JAEGER_VERSION = "1.76.0";

/** Jaeger 2, a receiver of spans that can be asked what it has. Its module is not to be installed as it is: it replaces others. */
export async function findJaeger({ make, report }: PartSearch): Promise<string> {
  const onPath = findOnPath("jaeger");
  if (onPath !== undefined) return onPath;
  const folder = join(cacheFolder(), `jaeger@${JAEGER_VERSION}`);
  const path = join(folder, "jaeger");
  if (existsSync(path)) return path;
  if (!make) throw new Error("Jaeger is not built yet: `npm test` builds it");
  if (findOnPath("go") === undefined) throw new Error("Jaeger is not installed, and there is no Go to build it");
  report(`Jaeger ${JAEGER_VERSION}: building it with Go, about four minutes, once`);
  await installOnce(folder, async (draft) => {
    const source = join(draft, "source");
    await mkdir(source);
    const go = async (...args: readonly string[]) =>
      await run("go", args, {
        cwd: source,
        env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
        maxBuffer: 64 * 1024 * 1024,
      });
    const { stdout } = await go("mod", "download", "-json", `${JAEGER}@v${JAEGER_VERSION}`);
    const { Dir, GoMod } = JSON.parse(stdout) as { Dir: string; GoMod: string };
    const own = (await readFile(GoMod, "utf8")).replace(/^module .*/m, "module wflo-jaeger");
    await writeFile(join(source, "go.mod"), own);
    await writeFile(join(source, "go.sum"), await readFile(join(Dir, "go.sum")));
    await go("mod", "edit", "-require", `${JAEGER}@v${JAEGER_VERSION}`);
    await go(
      "build",
      "-mod=mod",
      "-trimpath",
      "-ldflags",
      "-s -w",
      "-o",
      join(draft, "jaeger"),
      `${JAEGER}/cmd/jaeger`,
    );
  });
  return path;
}

/** The version that Debian 12 has; another Debian's is as good. */
const PACKAGES = ["prometheus", "prometheus-alertmanager"];

/**
 * Debian's Prometheus, promtool, Alertmanager and amtool, taken out of their packages: nothing is installed. The folder with
 * the programs. apt checks what it downloads against Debian's signatures.
 */
export async function findPrometheus({ report }: PartSearch): Promise<string> {
  const folder = join(cacheFolder(), "prometheus@debian");
  const programs = join(folder, "usr/bin");
  if (existsSync(programs)) return programs;
  const installed = findOnPath("promtool");
  if (installed !== undefined && findOnPath("prometheus-alertmanager") !== undefined) return join(installed, "..");
  if (findOnPath("apt-get") === undefined)
    throw new Error("Prometheus comes from Debian's packages, and there is no apt");
  report("Prometheus: fetching Debian's packages, 30 MB, once");
  await installOnce(folder, async (draft) => {
    const state = await ownLists(draft);
    await run("apt-get", [...state, "download", ...PACKAGES], { cwd: draft });
    const { stdout } = await run("find", [draft, "-maxdepth", "1", "-name", "*.deb"]);
    for (const deb of stdout.trim().split("\n")) await run("dpkg-deb", ["-x", deb, draft]);
    await run("find", [draft, "-maxdepth", "1", "-name", "*.deb", "-delete"]);
  });
  return programs;
}

/** Options of apt for lists of its own, where this machine's are missing; none where they are there. */
async function ownLists(draft: string): Promise<readonly string[]> {
  const known = await run("apt-cache", ["show", "prometheus-alertmanager"]).then(
    () => true,
    () => false,
  );
  if (known) return [];
  const lists = join(draft, "lists");
  await mkdir(join(lists, "partial"), { recursive: true });
  const status = join(draft, "status");
  await copyFile("/var/lib/dpkg/status", status);
  const options = [
    ...["-o", `Dir::State::lists=${lists}`, "-o", `Dir::State::status=${status}`],
    ...["-o", `Dir::Cache=${draft}/cache`, "-o", "Debug::NoLocking=1"],
  ];
  await run("apt-get", [...options, "update"]);
  return options;
}
