import { createRequire } from "node:module";

/** Of kafkajs's queue of requests what is looked at here. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

/**
 * A queue without requests asks itself a thousand times a second whether there is one: kafkajs sets a timer of less than no
 * time (its issue 1604, and Node's TimeoutNegativeWarning). 4 % of a processor for a connection that does nothing, measured.
 * A queue with nothing to check sets none; the next request does.
 */
export function quietQueues(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require("kafkajs/src/network/requestQueue") as { readonly prototype: RequestQueue };
  if (isQuiet.has(prototype)) return;
  isQuiet.add(prototype);
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}

const isQuiet = new WeakSet<object>();
