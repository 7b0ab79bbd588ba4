import { readConfig } from "../../workers/config.js";
import { startWorkerProcess } from "../../workers/worker-process.js";

/*
 * A real worker process that kills itself (SIGKILL: no handler, no flush) at a named checkpoint.
 *
 *   WFLO_TEST_DIE_AT   checkpoint, such as `model.answered`; unset: it lives
 *   WFLO_TEST_BUNDLE   the workflow bundle
 */
const dieAt = process.env.WFLO_TEST_DIE_AT;

const worker = await startWorkerProcess(readConfig(), {
  ...(process.env.WFLO_TEST_BUNDLE === undefined ? {} : { workflowBundlePath: process.env.WFLO_TEST_BUNDLE }),
  checkpoint: (checkpoint) => {
    if (checkpoint === dieAt) process.kill(process.pid, "SIGKILL");
  },
});
process.once("SIGTERM", () => void worker.stop().then(() => process.exit(0)));
process.stdout.write("the worker is polling\n");
await worker.ended;
