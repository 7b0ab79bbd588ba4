import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devServerArguments } from "../../workers/dev-server-flags.js";
import { freePort } from "../../workers/free-port.js";
import { findTemporalCli } from "../../workers/tool-finder.js";
import { buildTestBundle } from "./bundle.js";
import { findTestParts, PART_VARIABLES, type PartName } from "./parts.js";
import { type StartedProcess, startProcess } from "./processes.js";

/*
 * What all suites share: one real Temporal dev server, one workflow bundle, and the paths of the real parts that some
 * suites need. It is handed on in the environment, so that jest's worker processes see it:
 *
 *   TEMPORAL_ADDRESS   host:port of the server          WFLO_TEST_UI_URL   its Web UI
 *   WFLO_TEST_BUNDLE   file with the workflow bundle    WFLO_TEST_PARTS    JSON: each part of parts.ts or why it is missing
 *   WFLO_TEST_BWRAP, WFLO_TEST_VERSITYGW, WFLO_TEST_LLMOCK, WFLO_TEST_TIME_SKIPPING_SERVER   programs, where found
 *   WFLO_TEST_PROBLEMS JSON: why one of the first two is missing; harness/environment.ts throws it at who needs it
 */

/** A port can be taken between finding it free and listening on it. */
const START_ATTEMPTS = 3;

let server: StartedProcess | undefined;
let databaseFolder: string | undefined;

export async function setUpServers(): Promise<void> {
  const problems: Record<string, string> = {};
  const [, bundle, parts] = await Promise.all([
    startTemporalServer().catch((error: Error) => {
      problems.TEMPORAL_ADDRESS = error.message;
    }),
    buildTestBundle().catch((error: Error) => {
      problems.WFLO_TEST_BUNDLE = error.message;
      return undefined;
    }),
    findTestParts({ make: process.env.WFLO_TEST_MAKE === "all", report: say }),
  ]);
  if (bundle !== undefined) process.env.WFLO_TEST_BUNDLE = bundle;
  process.env.WFLO_TEST_PARTS = JSON.stringify(parts);
  for (const [name, part] of Object.entries(parts)) {
    if ("path" in part) process.env[PART_VARIABLES[name as PartName]] = part.path;
  }
  process.env.WFLO_TEST_PROBLEMS = JSON.stringify(problems);
  for (const [name, problem] of Object.entries(problems)) say(`no ${name}: ${problem}`);
}

export async function tearDownServers(): Promise<void> {
  await server?.stop();
  if (databaseFolder !== undefined) await rm(databaseFolder, { recursive: true, force: true });
}

async function startTemporalServer(): Promise<void> {
  const cli = await findTemporalCli({ report: say });
  databaseFolder = await mkdtemp(join(tmpdir(), "wflo-test-temporal-"));
  for (let attempt = 1; ; attempt += 1) {
    const [port, uiPort] = [await freePort(), await freePort()];
    const args = devServerArguments({ port, uiPort, databaseFile: join(databaseFolder, `${attempt}.db`) });
    try {
      server = await startProcess({ command: cli.path, args, ready: /^Temporal Server:/ });
      process.once("exit", () => server?.child.kill("SIGKILL"));
      process.env.TEMPORAL_ADDRESS = `127.0.0.1:${port}`;
      process.env.WFLO_TEST_UI_URL = `http://127.0.0.1:${uiPort}`;
      return;
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

function say(line: string): void {
  process.stderr.write(`test set-up: ${line}\n`);
}
