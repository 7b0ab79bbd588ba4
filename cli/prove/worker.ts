import { readConfig } from "../../workers/config.js";
import { startWorkerProcess } from "../../workers/worker-process.js";

/*
 * A real worker process of `wflo prove`, which kills itself (SIGKILL: no handler, no flush) at the checkpoint that is its
 * argument. It ends when its standard input closes, which it does when `wflo prove` dies, however that dies.
 */
const [, , dieAt] = process.argv;

const worker = await startWorkerProcess(readConfig(), {
  checkpoint: (checkpoint) => {
    if (checkpoint === dieAt) process.kill(process.pid, "SIGKILL");
  },
});
process.stdin.once("end", () => void worker.stop().then(() => process.exit(0)));
process.stdin.resume();
process.stdout.write("the worker is polling\n");
await worker.ended;
