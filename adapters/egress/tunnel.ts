import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { type Admitted, refusal } from "./admission.js";
import type { Passage } from "./passage.js";

/** Nothing moves for so long: the connection is over. In milliseconds. */
export const IDLE_MS = 60_000;
const CONNECT_MS = 15_000;

const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";
const TLS_PORT = 443;

/** Some clients (Node's fetch) tunnel plain requests too: they get the credential all the same. */
function isPlainWithCredential({ rule, port }: Admitted): boolean {
  return rule.credential !== undefined && port !== TLS_PORT;
}

/** CONNECT (RFC 9110, 9.3.6): bytes both ways, until one side ends. */
export async function tunnel(
  passage: Passage,
  { url = "" }: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  const [, text = "", digits = ""] = /^([^:]*):(\d{1,5})$/.exec(url) ?? [];
  const asked = { host: text || url.slice(0, 253), port: Number(digits) };
  try {
    const admitted = await passage.admit(asked.host, asked.port);
    const { address, host, port } = admitted;
    const target = { host, port };
    if (isPlainWithCredential(admitted)) {
      client.write(ESTABLISHED);
      if (head.length > 0) client.unshift(head);
      return passage.serve(client, target);
    }
    const upstream = passage.hold(connect({ host: address, port, timeout: CONNECT_MS }));
    upstream.once("timeout", () => upstream.destroy(new Error("it did not answer in time")));
    await once(upstream, "connect");
    upstream.setTimeout(IDLE_MS);
    passage.tally.count({ ...target, outcome: "allowed" });
    passage.meter(client, target, "sent");
    passage.meter(upstream, target, "received");
    client.write(ESTABLISHED);
    if (head.length > 0) {
      passage.moved(target, "sent", head.length);
      upstream.write(head);
    }
    client.pipe(upstream).pipe(client);
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => client.destroy());
  } catch (error) {
    const { status, words } = refusal(error, asked, passage.tally);
    const lines = [
      `HTTP/1.1 ${status} ${status === 403 ? "Forbidden" : "Bad Gateway"}`,
      ...["Content-Type: text/plain", `Content-Length: ${Buffer.byteLength(words)}`, "Connection: close"],
    ];
    client.end(`${lines.join("\r\n")}\r\n\r\n${words}`);
  }
}
