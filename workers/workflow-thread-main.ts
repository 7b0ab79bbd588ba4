import { limitActivations } from "./workflow-thread.js";

// A thread for workflow code: `workers/workflow-worker.ts` starts it.
limitActivations();
await import("@temporalio/worker/lib/workflow/workflow-worker-thread.js");
