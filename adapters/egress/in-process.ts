import type { Egress } from "../../ports/egress.js";
import { openProxy, type ProxyOptions } from "./proxy.js";

/** The proxy within this process: for the proxy's own, and for tests. */
export function createEgress(options: ProxyOptions): Egress {
  return {
    open: async (socketPath, policy) => await openProxy(socketPath, policy, options),
    close: async () => {},
  };
}
