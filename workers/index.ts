/**
 * `wflo/worker`: starts a worker in a process of one's own.
 * @module
 */

export type { Queue } from "./agent-worker.js";
export { type Config, readConfig, WrongSettings } from "./config.js";
export { ServerUnreachable } from "./connection.js";
export { startWorkerProcess, type WorkerProcess, type WorkerProcessOptions } from "./worker-process.js";
