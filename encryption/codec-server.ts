import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Payload, PayloadCodec } from "@temporalio/common";
import { mayActAs } from "../core/roles.js";
import { createWrongAttempts, type WrongAttempts } from "../core/wrong-attempts.js";
import type { Access } from "../ports/access.js";
import { Undecipherable } from "./cipher.js";
import { LOGIN_PAGE } from "./codec-login-page.js";

/** How a codec server is reached, and by whom. */
export interface CodecServerOptions {
  readonly codec: PayloadCodec;
  /** A viewer may have decrypted, an approver encrypted too. */
  readonly access: Access;
  /** Pages that may ask from a browser, such as `http://localhost:8233`. */
  readonly origins: readonly string[];
  /** 0 takes a free one. */
  readonly port: number;
  readonly host: string;
}

export interface CodecServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A page of a history has a few MiB of payloads. */
const MOST_BYTES = 16 * 1024 * 1024;
const PATIENCE_MS = 60_000;
const COOKIE = "wflo_codec";

/**
 * Serves Temporal's codec protocol (`POST /decode`, `POST /encode`, also below a namespace), so that the Web UI and the
 * `temporal` command show what is encrypted to whoever has the token: as `Authorization: Bearer`, or as the cookie that the
 * page at `/` sets.
 * @throws the system's error where the port is taken
 */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const wrong = createWrongAttempts();
  const server = createServer((request, response) => {
    void handle(options, wrong, request, response).catch(() => answer(response, 500, "something went wrong here"));
  });
  server.requestTimeout = PATIENCE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function handle(
  options: CodecServerOptions,
  wrong: WrongAttempts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { origin } = request.headers;
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  response.setHeader("cache-control", "no-store").setHeader("vary", "origin");
  if (origin !== undefined && options.origins.includes(origin)) {
    response
      .setHeader("access-control-allow-origin", origin)
      .setHeader("access-control-allow-credentials", "true")
      .setHeader("access-control-allow-methods", "POST")
      .setHeader("access-control-allow-headers", "authorization, content-type, x-namespace")
      .setHeader("access-control-max-age", "600");
  } else if (origin !== undefined && pathname !== "/") {
    return answer(response, 403, `pages of ${origin} may not ask here; name it with --origin`);
  }
  if (request.method === "OPTIONS") return answer(response, 204, "");
  if (pathname === "/") return await login(options, wrong, request, response);
  const direction = /^(?:\/[^/]+)?\/(encode|decode)$/.exec(pathname)?.[1] as "encode" | "decode" | undefined;
  if (!direction) return answer(response, 404, "there are /decode and /encode");
  if (request.method !== "POST") return answer(response, 405, "only POST");
  if (!wrong.isHeard(addressOf(request), Date.now()))
    return answer(response, 429, "too many wrong tokens; wait a minute");
  const caller = await options.access.identify(tokenOf(request));
  if (!caller) {
    wrong.note(addressOf(request), Date.now());
    return answer(response, 401, "the token is missing or wrong: send it as Authorization: Bearer, or log in at /");
  }
  if (!mayActAs(caller.role, direction === "decode" ? "viewer" : "approver")) {
    return answer(response, 403, `${caller.name} is a ${caller.role}: an approver may have things encrypted`);
  }
  await transcode(options.codec, direction, request, response);
}

async function transcode(
  codec: PayloadCodec,
  direction: "encode" | "decode",
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const payloads = payloadsOf(await textOf(request));
  if ("problem" in payloads) return answer(response, payloads.status, payloads.problem);
  try {
    const done = await codec[direction]([...payloads.read]);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ payloads: done.map(asJson) }));
  } catch (error) {
    if (!(error instanceof Undecipherable)) throw error;
    answer(response, 400, error.message);
  }
}

/** The page asks for the token, and its form sends it back. */
async function login(
  { access }: CodecServerOptions,
  wrong: WrongAttempts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
  response.setHeader("x-frame-options", "DENY");
  if (request.method === "GET") return answer(response, 200, LOGIN_PAGE, "text/html; charset=utf-8");
  if (request.method !== "POST") return answer(response, 405, "only GET and POST");
  if (!wrong.isHeard(addressOf(request), Date.now()))
    return answer(response, 429, "too many wrong tokens; wait a minute");
  const given = new URLSearchParams((await textOf(request)) ?? "").get("token") ?? "";
  if (!(await access.identify(given))) {
    wrong.note(addressOf(request), Date.now());
    return answer(response, 401, "this is not the token");
  }
  // Strict goes along from other ports of the same host, and from other hosts of the same site.
  response.setHeader("set-cookie", `${COOKIE}=${encodeURIComponent(given)}; HttpOnly; SameSite=Strict; Path=/`);
  answer(response, 200, "This browser may read now. Close this page, and load the Web UI anew.");
}

function tokenOf({ headers }: IncomingMessage): string {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? "")?.[1];
  const cookie = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]*)`).exec(headers.cookie ?? "")?.[1];
  return bearer ?? decoded(cookie ?? "");
}

function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? "";
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Undefined: it is too long. */
async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += (piece as Buffer).length;
    if (bytes > MOST_BYTES) return undefined;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString();
}

function payloadsOf(
  text: string | undefined,
): { readonly read: readonly Payload[] } | { readonly status: number; readonly problem: string } {
  if (text === undefined) return { status: 413, problem: `at most ${MOST_BYTES} bytes` };
  const wanted = {
    status: 400,
    problem: 'the body has to be JSON such as {"payloads":[{"metadata":{},"data":"base64"}]}',
  };
  try {
    const { payloads } = JSON.parse(text) as { readonly payloads?: unknown };
    if (!Array.isArray(payloads)) return wanted;
    return { read: payloads.map(fromJson) };
  } catch {
    return wanted;
  }
}

/** @throws TypeError for what is no payload in protobuf's JSON */
function fromJson(value: unknown): Payload {
  const { metadata = {}, data = "" } = value as { readonly metadata?: Record<string, string>; readonly data?: string };
  return {
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, Buffer.from(text, "base64")])),
    data: Buffer.from(data, "base64"),
  };
}

function asJson({ metadata, data }: Payload): object {
  const texts = Object.entries(metadata ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
  return { metadata: Object.fromEntries(texts), data: Buffer.from(data ?? []).toString("base64") };
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" });
  response.end(text === "" || type.startsWith("text/html") ? text : `${text}\n`);
}
