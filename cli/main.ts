import { runCli } from "./program.js";
import { processSurroundings } from "./surroundings.js";

/* The command `wflo`, run when this file is loaded (scripts/wflo.mjs, scripts/start.mjs). */

const exitCode = await runCli(process.argv.slice(2), processSurroundings());
if (exitCode !== undefined) process.exitCode = exitCode;
// What is left open (a connection that still tries) holds nobody up; what was written goes out first.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
process.exit();
