import type { Duplex } from "node:stream";
import type { OpenEgressPolicy } from "../../ports/egress.js";
import type { Admit, Target } from "./admission.js";
import type { Tally } from "./tally.js";

/** What the ways through a proxy share: its rules, its books, and the sockets that end with it. */
export interface Passage {
  readonly admit: Admit;
  readonly tally: Tally;
  /** Ends the socket with the proxy; its errors are its own. */
  hold<T extends Duplex>(socket: T): T;
  /** Counts what a stream brings; above the policy's bytes everything ends. */
  meter(stream: NodeJS.ReadableStream, target: Target, way: "sent" | "received"): void;
  moved(target: Target, way: "sent" | "received", bytes: number): void;
  /** Takes what comes on a socket as plain requests to one host. */
  serve(socket: Duplex, target: Target): void;
  closeAll(): void;
}

export function createPassage(
  policy: OpenEgressPolicy,
  { tally, admit, serve }: Pick<Passage, "tally" | "admit" | "serve">,
): Passage {
  const sockets = new Set<Duplex>();
  const closeAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const moved = (target: Target, way: "sent" | "received", bytes: number) => {
    tally.moved(target, { [way]: bytes });
    if (tally.bytes() > policy.bytes) closeAll();
  };
  return {
    admit,
    tally,
    serve,
    hold(socket) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
      return socket;
    },
    meter: (stream, target, way) => void stream.on("data", (piece: Buffer) => moved(target, way, piece.length)),
    moved,
    closeAll,
  };
}
