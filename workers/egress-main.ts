import { serveEgress } from "../adapters/egress/serve.js";

// The egress proxy's own process: `workers/egress.ts` starts it.
serveEgress();
