import { Agent, fetch } from "undici";

/** What has gone over the wire for one attempt: what can be said of its bill rests on this. */
export interface Wire {
  /** Sends the attempt's one request; a second one is refused, as one reservation pays for one. */
  readonly fetch: typeof globalThis.fetch;
  /** The request may have reached the provider. */
  readonly sent: boolean;
  /** Status of the answer's head, once there is one. */
  readonly status: number | undefined;
  readonly headers: Headers | undefined;
}

/**
 * Connections that wait for a silent model: Node's own give up after 300 s, when the answer is being billed already.
 * @param silenceMs a connection on which nothing comes for so long is closed, so that no call hangs for ever
 */
export function createConnections(silenceMs: number): Agent {
  // A connection of its own for each call: one that breaks takes no other call along, and closing it ends the call.
  return new Agent({ headersTimeout: silenceMs, bodyTimeout: silenceMs, allowH2: false });
}

/** The wire of one attempt. */
export function createWire(connections: Agent): Wire {
  const wire: { -readonly [Key in keyof Wire]: Wire[Key] } = {
    sent: false,
    status: undefined,
    headers: undefined,
    async fetch(url, init) {
      if (wire.sent)
        throw new Error("the provider library wanted a second request, which nobody has reserved money for");
      wire.sent = true;
      // A redirect would carry the key to whom the provider's variables do not name.
      const request = { ...init, redirect: "manual", dispatcher: connections };
      const response = (await fetch(url as string, request as never)) as unknown as Response;
      wire.status = response.status;
      wire.headers = response.headers;
      return response;
    },
  };
  return wire;
}
