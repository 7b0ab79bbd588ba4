/**
 * Makes a fresh clone ready: installs the dependencies when they are missing or the lock file changed, and goes on
 * under the project's own Node 24. Plain JavaScript for Node 20 and later, as nothing is installed yet.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;
/** What the dependencies need; `node` among them brings it. */
const PROJECT_NODE = 24;

/** The project's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** One line of progress, on stderr: stdout belongs to what the command prints. */
export function say(line) {
  process.stderr.write(`wflo: ${line}\n`);
}

/** Ends the process with one line that says what to do. */
export function stop(line, exitCode = 1) {
  say(line);
  process.exit(exitCode);
}

/**
 * Installs what is missing, then runs `main` under Node 24: in this process when it is one already, else the calling
 * script is started again with its arguments and this process ends with its exit code.
 * @param {string} script `import.meta.url` of the calling script
 * @param {() => Promise<void>} main
 */
export async function withProjectNode(script, main) {
  await installDependencies();
  if (nodeMajor() >= PROJECT_NODE) {
    process.env.PATH = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
    await main();
  } else {
    process.exitCode = await run(projectNode(), [...process.execArgv, fileURLToPath(script), ...process.argv.slice(2)]);
  }
}

/** Runs `npm ci` unless what is installed is what the lock file says. */
export async function installDependencies() {
  if (nodeMajor() < OLDEST_NODE)
    stop(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or later.`, 2);
  const reason = installReason();
  if (reason === undefined) return;
  say(`installing the dependencies with npm ci (${reason})`);
  const startedAt = performance.now();
  const exitCode = await run(...npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]), "stderr");
  if (exitCode !== 0) stop(`npm ci failed with exit code ${exitCode}; its own message is above.`);
  say(`dependencies installed in ${seconds(startedAt)}`);
}

/** Why an installation is needed: compares the lock file with npm's own record of what lies in node_modules. */
function installReason() {
  const record = join(root, "node_modules/.package-lock.json");
  if (!existsSync(record)) return "there is no node_modules";
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  for (const [path, { version, optional, link }] of Object.entries(locked)) {
    if (path === "" || optional || link) continue;
    if (installed[path]?.version !== version)
      return `${path.replace(/^node_modules\//, "")} ${version} is not installed`;
  }
  return undefined;
}

/** The Node that the package `node` brought. */
export function projectNode() {
  const path = join(root, "node_modules/node/bin/node");
  if (!existsSync(path)) stop("Node 24 is missing in node_modules: run `npm ci` with install scripts allowed.");
  return path;
}

/** npm as it called us, else the one on the PATH. */
function npm(args) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith(".js") ? [process.execPath, [cli, ...args]] : ["npm", args];
}

/**
 * Runs a program to its end, with our terminal, and answers its exit code. Ctrl-C reaches it by itself; a SIGTERM to us
 * is handed on.
 * @param {"inherit" | "stderr"} [output] "stderr" keeps its words out of our stdout
 */
export async function run(command, args, output = "inherit", env = process.env) {
  const child = spawn(command, args, {
    cwd: root,
    env,
    stdio: ["inherit", output === "stderr" ? 2 : "inherit", "inherit"],
  });
  const handOn = () => child.kill("SIGTERM");
  const waitForChild = () => undefined;
  process.on("SIGTERM", handOn).on("SIGINT", waitForChild);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
    });
  } finally {
    process.off("SIGTERM", handOn).off("SIGINT", waitForChild);
  }
}

/** Time since, as `1.2 s`. */
export function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

function nodeMajor() {
  return Number(process.versions.node.split(".")[0]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await installDependencies();
