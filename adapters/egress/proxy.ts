import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import type { EgressGate, OpenEgressPolicy } from "../../ports/egress.js";
import { createAdmission, type Target } from "./admission.js";
import { forward } from "./forward.js";
import { createPassage } from "./passage.js";
import type { Resolve } from "./resolve.js";
import { createTally } from "./tally.js";
import { tunnel } from "./tunnel.js";

export interface ProxyOptions {
  readonly resolve: Resolve;
  /** Other roots than the system's, in PEM, for the TLS that the proxy itself begins. */
  readonly ca?: string;
}

/** Connections of one execution at a time. */
const MOST_CONNECTIONS = 64;

/**
 * An HTTP proxy for one execution, on a local socket: CONNECT, and plain requests in absolute form. Nothing but the policy's
 * hosts and ports is spoken to, whatever the request says in its headers.
 */
export async function openProxy(
  socketPath: string,
  policy: OpenEgressPolicy,
  { resolve, ca }: ProxyOptions,
): Promise<EgressGate> {
  const tally = createTally();
  const tunnelled = new WeakMap<Duplex, Target>();
  const passage = createPassage(policy, {
    tally,
    admit: createAdmission(policy, tally, resolve),
    serve(socket, target) {
      tunnelled.set(socket, target);
      server.emit("connection", socket);
    },
  });
  const server = createServer({ maxHeaderSize: 32 * 1024 }, (message, response) => {
    void forward(passage, message, response, { ca, host: tunnelled.get(message.socket) });
  });
  server.on("connect", (message, client, head) => void tunnel(passage, message, passage.hold(client), head));
  server.on("connection", (socket) => passage.hold(socket));
  server.on("clientError", (_error, socket) => socket.destroy());
  // Nothing else than HTTP's own requests is passed on.
  server.on("upgrade", (_message, socket) => socket.destroy());
  server.maxConnections = MOST_CONNECTIONS;
  server.listen(socketPath);
  await once(server, "listening");
  // Whoever the code is: it alone can get to the folder.
  await chmod(socketPath, 0o666);
  return {
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      passage.closeAll();
      await closed;
      return tally.records();
    },
  };
}
