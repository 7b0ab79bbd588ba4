#!/usr/bin/env node
/**
 * The command `wflo`: runs the compiled command line on Node 24, from any folder, in a clone as in an installed
 * package. On an older Node it starts the one that the package `node` brought.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const PROJECT_NODE = 24;
const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));

if (Number(process.versions.node.split(".")[0]) >= PROJECT_NODE) {
  await runHere();
} else {
  runOn(packagedNode());
}

async function runHere() {
  const main = join(root, "dist/cli/main.js");
  if (!existsSync(main)) {
    process.stderr.write(`wflo: ${root} is not built yet: run \`npm start\` or \`npm run build\` there first.\n`);
    process.exit(1);
  }
  await import(pathToFileURL(main).href);
}

/** The parent only waits: signals are handed on, so that whoever ends it ends the command. */
function runOn(node) {
  const child = spawn(node, [...process.execArgv, here, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  process.on("SIGINT", () => undefined);
  child.once("error", (error) => {
    process.stderr.write(`wflo: ${error.message}\n`);
    process.exit(1);
  });
  child.once("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

function packagedNode() {
  try {
    return join(dirname(createRequire(here).resolve("node/package.json")), "bin/node");
  } catch {
    process.stderr.write(
      "wflo: Node 24 is needed, and the package `node` that brings it is not installed: run `npm ci`.\n",
    );
    process.exit(1);
  }
}
