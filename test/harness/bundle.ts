import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, packageRoot } from "../../workers/tool-finder.js";

const DAY_MS = 86_400_000;

/**
 * The workflow bundle of the sources as they are, as a file; kept by the sources' digest, so that only a change of
 * `core/` or `workflows/` costs the two seconds again. Throws what the bundler says.
 */
export async function buildTestBundle(): Promise<string> {
  const root = packageRoot();
  const entry = join(root, "workflows/index.ts");
  if (!existsSync(entry)) throw new Error("workflows/index.ts is not there, so there is no workflow bundle");
  const folder = join(cacheFolder(), "test-bundles");
  const file = join(folder, `${await sourcesDigest(root)}.js`);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  await dropOldBundles(folder);
  const { buildWorkflowBundle } = await import("../../workers/workflow-bundle.js");
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, await buildWorkflowBundle(entry));
  await rename(draft, file);
  return file;
}

async function sourcesDigest(root: string): Promise<string> {
  const digest = createHash("sha256").update(await readFile(join(root, "package-lock.json")));
  for (const room of ["core", "workflows"]) {
    for (const name of (await readdir(join(root, room))).sort()) {
      if (name.endsWith(".ts")) digest.update(`${room}/${name}\n`).update(await readFile(join(root, room, name)));
    }
  }
  return digest.digest("hex").slice(0, 20);
}

/** Another jest may still use yesterday's sources, not last week's. */
async function dropOldBundles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < Date.now() - DAY_MS) await rm(file, { force: true });
  }
}
