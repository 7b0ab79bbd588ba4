import { EXIT_CODES } from "./exit-codes.js";
import { runCli } from "./program.js";
import { processSurroundings } from "./surroundings.js";

/* The command `wflo`, run when this file is loaded (scripts/wflo.mjs, scripts/start.mjs). */

// A command that does not care about Ctrl-C ends with the code that the contract has for it.
process.on("SIGINT", () => {
  if (process.listenerCount("SIGINT") === 1) process.exit(EXIT_CODES.interrupted);
});
// Whoever reads the answer may have heard enough (`wflo events | head`).
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_CODES.done);
  throw error;
});

const exitCode = await runCli(process.argv.slice(2), processSurroundings());
if (exitCode !== undefined) process.exitCode = exitCode;
// What is left open (a connection that still tries) holds nobody up; what was written goes out first.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
process.exit();
