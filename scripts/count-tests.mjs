/** Last step of CI: reads jest's JSON results and prints `N passed, N failed, N skipped`; no test run is a failure too. */
import { existsSync, readFileSync } from "node:fs";

const [file = ""] = process.argv.slice(2);
const results = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const passed = results.numPassedTests ?? 0;
// A suite that could not even be loaded counts as one failure.
const failed = (results.numFailedTests ?? 0) + (results.numRuntimeErrorTestSuites ?? 0);
const skipped = (results.numPendingTests ?? 0) + (results.numTodoTests ?? 0);

process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
