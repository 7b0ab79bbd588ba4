/**
 * Compiles the rooms to `dist/` and bundles the workflows to `dist/workflow-bundle.js`. Does nothing when the sources
 * are the ones that `dist/` was made from. A new `dist/` is moved into place as a whole.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, run, say, seconds, stop, withProjectNode } from "./bootstrap.mjs";

const DIGEST_FILE = ".sources";

/** Builds when needed; needs Node 24 and the dependencies. */
export async function build() {
  const sources = sourceFiles();
  const digest = sourcesDigest(sources);
  const dist = join(root, "dist");
  const built = join(dist, DIGEST_FILE);
  if (existsSync(built) && readFileSync(built, "utf8") === digest) return;
  say("building dist/");
  const startedAt = performance.now();
  // Beside dist/, as the source maps have relative paths.
  const draft = join(root, `dist.draft-${process.pid}`);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  try {
    await compile(draft);
    copyAssets(sources, draft);
    await bundleWorkflows(draft);
    writeFileSync(join(draft, DIGEST_FILE), digest);
    moveIntoPlace(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  say(`built in ${seconds(startedAt)}`);
}

async function compile(draft) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const outputs = ["--outDir", draft, "--tsBuildInfoFile", join(draft, ".tsbuildinfo")];
  const exitCode = await run(process.execPath, [tsc, "-p", "tsconfig.build.json", ...outputs], "stderr");
  if (exitCode !== 0) {
    rmSync(draft, { recursive: true, force: true });
    stop("the build failed: the type errors are above.");
  }
  rmSync(join(draft, ".tsbuildinfo"), { force: true });
}

/** Scripted models, prices and the like: what the compiled files read at run time. */
function copyAssets(sources, draft) {
  for (const file of sources.filter((name) => !name.endsWith(".ts"))) {
    const target = join(draft, file);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, file), target);
  }
}

async function bundleWorkflows(draft) {
  const { buildWorkflowBundle } = await import(join(draft, "workers/workflow-bundle.js"));
  writeFileSync(join(draft, "workflow-bundle.js"), await buildWorkflowBundle(join(draft, "workflows/index.js")));
}

function moveIntoPlace(draft, dist) {
  const old = `${draft}-old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(draft, dist);
  rmSync(old, { recursive: true, force: true });
}

/** Every file of the rooms that tsconfig.build.json names, as paths from the root. */
function sourceFiles() {
  const { include } = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8"));
  const files = [];
  for (const name of include) {
    if (name.endsWith(".ts")) files.push(name);
    else if (existsSync(join(root, name))) {
      for (const entry of readdirSync(join(root, name), { recursive: true, withFileTypes: true })) {
        if (entry.isFile()) files.push(join(entry.parentPath, entry.name).slice(root.length + 1));
      }
    }
  }
  return files.sort();
}

function sourcesDigest(sources) {
  const digest = createHash("sha256");
  for (const file of ["package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.mjs", ...sources]) {
    if (existsSync(join(root, file))) digest.update(`${file}\n`).update(readFileSync(join(root, file)));
  }
  return digest.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await withProjectNode(import.meta.url, build);
