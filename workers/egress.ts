import { createEgressProcess } from "../adapters/egress/own-process.js";
import type { Egress } from "../ports/egress.js";
import { ownModule } from "./own-module.js";

/** The egress proxy of this worker, in a process of its own that is started when code first needs it. */
export function openEgress(): Egress {
  return createEgressProcess(ownModule("egress-main"));
}
