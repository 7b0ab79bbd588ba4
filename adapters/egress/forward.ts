import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as plainRequest, type ServerResponse } from "node:http";
import { request as secureRequest } from "node:https";
import type { Socket } from "node:net";
import { type Admitted, NotPassed, refusal, type Target } from "./admission.js";
import type { Passage } from "./passage.js";
import { IDLE_MS } from "./tunnel.js";

const PLAIN_PORT = 80;
const TLS_PORT = 443;

/** Of one hop, not of a message (RFC 9110, 7.6.1), and what tells a proxy something. */
const HOP_HEADERS = [
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
];

/**
 * A plain request in absolute form (RFC 9112, 3.2.2), or of a tunnel to `host`.
 * @param ca roots in place of the system's
 */
export async function forward(
  passage: Passage,
  message: IncomingMessage,
  response: ServerResponse,
  { ca, host }: { readonly ca: string | undefined; readonly host?: Target | undefined },
): Promise<void> {
  const url = urlOf(message, host);
  const asked = { host: url?.hostname ?? "", port: Number(url?.port || PLAIN_PORT) };
  try {
    if (url?.protocol !== "http:") throw new NotPassed(asked, "wants http://HOST/… or CONNECT");
    const admitted = await passage.admit(asked.host, asked.port);
    const target = { host: admitted.host, port: admitted.port };
    passage.tally.count({ ...target, outcome: "allowed" });
    const upstream = passedOn(message, url, admitted, ca);
    // Also once the answer has begun: an error that nobody hears of would end the proxy, and every other execution's way out.
    upstream.on("error", () => response.headersSent && response.destroy());
    upstream.on("timeout", () => upstream.destroy(new Error("it did not answer in time")));
    upstream.on("socket", (socket: Socket) => passage.hold(socket));
    passage.meter(message, target, "sent");
    message.pipe(upstream);
    response.once("close", () => upstream.destroy());
    const [answer] = (await once(upstream, "response")) as [IncomingMessage];
    passage.meter(answer, target, "received");
    response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    answer.on("error", () => response.destroy()).pipe(response);
  } catch (error) {
    const { status, words } = refusal(error, asked, passage.tally);
    if (response.headersSent) return void response.destroy();
    response.writeHead(status, { "content-type": "text/plain" });
    response.end(words);
  }
}

/** The request as it goes on: to the address that was looked at, by the name that was asked for, with the host's credential. */
function passedOn(
  message: IncomingMessage,
  url: URL,
  { address, host, port, rule }: Admitted,
  ca: string | undefined,
): ClientRequest {
  const { credential, upstream = credential ? "https" : "http" } = rule;
  const headers: Record<string, string | string[]> = { ...withoutHops(message.headers), host: url.host };
  if (credential) headers[credential.header] = credential.value;
  const path = `${url.pathname}${url.search}`;
  const options = { host: address, method: message.method, path, headers, timeout: IDLE_MS, agent: false };
  if (upstream === "http") return plainRequest({ ...options, port });
  const tls = { servername: host, ...(ca === undefined ? {} : { ca }) };
  return secureRequest({ ...options, port: port === PLAIN_PORT ? TLS_PORT : port, ...tls });
}

/** In a tunnel the path alone is taken, whatever else stands there. */
function urlOf({ url = "" }: IncomingMessage, host: Target | undefined): URL | undefined {
  const text = host ? `http://${host.host}:${host.port}${url.startsWith("/") ? url : "/"}` : url;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function withoutHops(headers: IncomingMessage["headers"]): Record<string, string | string[]> {
  const named = String(headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const dropped = new Set([...HOP_HEADERS, ...named]);
  const kept = Object.entries(headers).filter(([name, value]) => value !== undefined && !dropped.has(name));
  return Object.fromEntries(kept) as Record<string, string | string[]>;
}
