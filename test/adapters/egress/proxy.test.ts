import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import {
  createServer as createPlain,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecure } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { openProxy } from "../../../adapters/egress/proxy.js";
import { rangeOf } from "../../../adapters/egress/resolve.js";
import { DEFAULT_EGRESS } from "../../../core/egress.js";
import type { EgressGate, OpenEgressPolicy } from "../../../ports/egress.js";

/* The proxy between a sandbox and the network, asked over its local socket as code would ask it. */

let folder: string;
let upstream: Server;
let port = 0;
let gate: EgressGate | undefined;
const seen: IncomingMessage[] = [];
/** Names and what they resolve to, one answer a question. */
let names: Record<string, readonly (readonly string[])[]> = {};
const asked: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-egress-"));
  upstream = createPlain(answering);
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  port = (upstream.address() as AddressInfo).port;
});
afterAll(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await gate?.close();
  gate = undefined;
  seen.length = 0;
  asked.length = 0;
  names = {};
});

function answering(message: IncomingMessage, response: ServerResponse) {
  seen.push(message);
  message.resume().on("end", () => {
    response.setHeader("connection", "x-private");
    response.setHeader("x-private", "of one hop");
    if (message.url === "/large") response.end(Buffer.alloc(1_000_000));
    else response.end(`${message.method} ${message.url}`);
  });
}

const socketPath = () => join(folder, "gate.sock");

async function open(policy: Partial<OpenEgressPolicy>, ca?: string): Promise<EgressGate> {
  const resolve = async (name: string) => {
    asked.push(name);
    const answers = names[name] ?? [];
    return answers[Math.min(asked.filter((one) => one === name).length, answers.length) - 1] ?? [];
  };
  gate = await openProxy(socketPath(), { hosts: [], ...DEFAULT_EGRESS, ...policy }, { resolve, ...(ca ? { ca } : {}) });
  return gate;
}

/** One's own service: the policy names its address. */
const own = (host = "api.example.com") => ({ host, ports: [port], address: "127.0.0.1" });

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body = "" } = options;
    const sent = request({ socketPath: socketPath(), path: url, method, headers, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (piece) => (text += piece)).on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
    });
    sent.on("error", reject).end(body);
  });
}

/** Bytes as they are, to the end of the connection or the first answer. */
async function say(text: string): Promise<string> {
  return await new Promise((resolve) => {
    let answer = "";
    const socket = connect(socketPath(), () => socket.write(text));
    socket.on("data", (piece) => {
      answer += piece;
      socket.end();
    });
    socket.on("error", () => undefined).on("close", () => resolve(answer));
  });
}

describe("a host of the policy", () => {
  test("is asked in plain HTTP, and what it moved is counted", async () => {
    const gate = await open({ hosts: [own()] });
    const url = `http://api.example.com:${port}/a?b=c`;
    const answer = await ask(url, {
      method: "POST",
      body: "hello",
      headers: { "proxy-connection": "keep-alive", "x-own": "1" },
    });
    expect(answer).toMatchObject({ status: 200, text: "POST /a?b=c" });
    expect(answer.headers).not.toHaveProperty("x-private");
    expect(seen[0]?.headers).toMatchObject({ host: `api.example.com:${port}`, "x-own": "1" });
    expect(seen[0]?.headers).not.toHaveProperty("proxy-connection");
    const bytes = { bytesSent: 5, bytesReceived: "POST /a?b=c".length };
    expect(await gate.close()).toEqual([{ host: "api.example.com", port, outcome: "allowed", requests: 1, ...bytes }]);
  });

  test("is tunnelled to by CONNECT", async () => {
    const gate = await open({ hosts: [own("*.example.com")] });
    const answer = await say(`CONNECT api.example.com:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(await gate.close()).toMatchObject([{ host: "api.example.com", port, outcome: "allowed", requests: 1 }]);
  });

  test("that the message's own Host header names instead is not asked", async () => {
    await open({ hosts: [own()] });
    await ask(`http://api.example.com:${port}/`, { headers: { host: "internal.example.com" } });
    expect(seen[0]?.headers.host).toBe(`api.example.com:${port}`);
  });

  test("gets a credential by TLS, which the code never has", async () => {
    const { key, cert } = await certificate();
    const secure = createSecure({ key, cert }, answering);
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const tlsPort = (secure.address() as AddressInfo).port;
    try {
      const credential = { header: "authorization", value: "Bearer s3cret" };
      await open({ hosts: [{ ...own(), ports: [tlsPort], credential }] }, cert);
      const url = `http://api.example.com:${tlsPort}/orders`;
      expect(await ask(url, { headers: { authorization: "mine" } })).toMatchObject({
        status: 200,
        text: "GET /orders",
      });
      expect(seen.map(({ headers, socket }) => [headers.authorization, "encrypted" in socket])).toEqual([
        ["Bearer s3cret", true],
      ]);
      // Whoever is not what the name says gets nothing.
      await gate?.close();
      await open({ hosts: [{ ...own("other.example.com"), ports: [tlsPort], credential }] }, cert);
      expect(await ask(url.replace("api.", "other."))).toMatchObject({
        status: 502,
        text: expect.stringMatching(/altnames/),
      });
      expect(seen).toHaveLength(1);
    } finally {
      secure.close();
      secure.closeAllConnections();
    }
  });
});

describe("refused, and told by name:", () => {
  test.each([
    ["another host", "http://other.example.com/", "other.example.com:80 is not allowed; allowed are api.example.com"],
    ["another port", "http://api.example.com:81/", "api.example.com:81 is not allowed"],
    ["an address", "http://127.0.0.1/", "is no name of a host: addresses are not allowed"],
    ["an address of IPv6", "http://[::1]/", "is no name of a host"],
    ["an address as one number", "http://2130706433/", "is no name of a host"],
    ["what clouds tell of their machines", "http://169.254.169.254/latest/meta-data", "is no name of a host"],
    ["another protocol", "ftp://api.example.com/", "wants http://HOST/… or CONNECT"],
    ["a path alone", "/etc/passwd", "wants http://HOST/… or CONNECT"],
    ["https in plain", "https://api.example.com/", "wants http://HOST/… or CONNECT"],
    ["a name that only begins like it", "http://api.example.com.evil.test/", "is not allowed"],
    [
      "a name with somebody before it",
      "http://api.example.com@evil.example.net/",
      "evil.example.net:80 is not allowed",
    ],
  ])("%s", async (_what, url, words) => {
    const gate = await open({ hosts: [own()] });
    expect(await ask(url)).toMatchObject({ status: 403, text: expect.stringContaining(words) });
    expect(seen).toEqual([]);
    expect(asked).toEqual([]);
    expect(await gate.close()).toMatchObject([{ outcome: "refused", requests: 1, bytesSent: 0 }]);
  });

  test.each([
    "10.1.2.3",
    "127.0.0.1",
    "169.254.169.254",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
  ])("an allowed name that leads to %s", async (address) => {
    names = { "api.example.com": [["93.184.215.14", address]] };
    const gate = await open({ hosts: [{ host: "api.example.com" }] });
    const words = `api.example.com leads to ${address}, which is not public`;
    expect(await ask("http://api.example.com/")).toMatchObject({ status: 403, text: expect.stringContaining(words) });
    const tunnel = await say("CONNECT api.example.com:443 HTTP/1.1\r\n\r\n");
    expect(tunnel).toMatch(/^HTTP\/1\.1 403 Forbidden[\s\S]*not public/);
    expect(await gate.close()).toMatchObject([
      { outcome: "refused", requests: 1 },
      { outcome: "refused", requests: 1 },
    ]);
  });

  test("a name is resolved once for a request, so that another answer later changes nothing", async () => {
    // The second answer would be this machine; nothing listens at the first.
    names = { "api.example.com": [["192.0.2.1"], ["127.0.0.1"]] };
    expect(rangeOf("192.0.2.1")).not.toBe("unicast");
    await open({ hosts: [{ host: "api.example.com", ports: [port] }] });
    expect((await ask(`http://api.example.com:${port}/`)).status).toBe(403);
    expect(asked).toEqual(["api.example.com"]);
  });

  test("a name without an address", async () => {
    const gate = await open({ hosts: [{ host: "gone.example.com" }] });
    expect(await ask("http://gone.example.com/")).toMatchObject({
      status: 502,
      text: expect.stringContaining("has no address"),
    });
    expect(await gate.close()).toMatchObject([{ host: "gone.example.com", outcome: "failed" }]);
  });

  test.each([
    ["CONNECT with an address", "CONNECT 127.0.0.1:80 HTTP/1.1\r\n\r\n"],
    ["CONNECT without a port", "CONNECT api.example.com HTTP/1.1\r\n\r\n"],
    ["CONNECT with a path", "CONNECT http://api.example.com:80/ HTTP/1.1\r\n\r\n"],
    ["a name with a NUL", "CONNECT api.example.com\0.evil.test:80 HTTP/1.1\r\n\r\n"],
    ["two lengths", "POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
    [
      "a length and pieces",
      "POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["headers without end", `GET http://api.example.com/ HTTP/1.1\r\nX: ${"x".repeat(200_000)}\r\n\r\n`],
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.9\r\n"],
    [
      "another protocol by an upgrade",
      "GET http://api.example.com/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
  ])("%s reaches nobody", async (_what, text) => {
    await open({ hosts: [own(), { host: "api.example.com" }] });
    expect(await say(text)).not.toMatch(/^HTTP\/1\.1 [12]/);
    expect(seen).toEqual([]);
  });
});

describe("limits", () => {
  test("so many requests, and no more", async () => {
    const gate = await open({ hosts: [own()], requests: 2 });
    const url = `http://api.example.com:${port}/`;
    expect([(await ask(url)).status, (await ask(url)).status]).toEqual([200, 200]);
    expect(await ask(url)).toMatchObject({ status: 403, text: expect.stringContaining("after 2 requests") });
    expect(await gate.close()).toMatchObject([
      { outcome: "allowed", requests: 2 },
      { outcome: "refused", requests: 1 },
    ]);
  });

  test("so many bytes, both ways: the connection ends, and none follows", async () => {
    await open({ hosts: [own()], bytes: 300_000 });
    await expect(ask(`http://api.example.com:${port}/large`)).rejects.toThrow();
    expect((await ask(`http://api.example.com:${port}/`)).text).toContain("after 300000 bytes");
  });

  test("a program that asks for a new name each time is told of in so many records", async () => {
    const gate = await open({ hosts: [own()] });
    for (let number = 0; number < 60; number += 1) await ask(`http://n${number}.evil.test/`);
    const records = await gate.close();
    expect(records.length).toBeLessThanOrEqual(17);
    expect(records.reduce((sum, { requests }) => sum + requests, 0)).toBe(60);
  });

  test("what is still open when the gate closes is ended", async () => {
    const gate = await open({ hosts: [own()] });
    const closed = new Promise<void>((resolve) => {
      const socket = connect(socketPath(), () => socket.write(`CONNECT api.example.com:${port} HTTP/1.1\r\n\r\n`));
      socket.once("data", () => void gate.close());
      socket.on("error", () => undefined).once("close", () => resolve());
    });
    await closed;
  });
});

async function certificate() {
  const [keyPath, certPath] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const options = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const name = ["-subj", "/CN=api.example.com", "-addext", "subjectAltName=DNS:api.example.com"];
  execFileSync("openssl", [...options, "-keyout", keyPath, "-out", certPath, ...name], { stdio: "ignore" });
  return { key: await readFile(keyPath, "utf8"), cert: await readFile(certPath, "utf8") };
}

test("a host that breaks off in the middle of its answer ends that request, and no other", async () => {
  const breaking = createPlain((_message, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half");
    setImmediate(() => response.socket?.resetAndDestroy());
  });
  await new Promise<void>((resolve) => breaking.listen(0, "127.0.0.1", resolve));
  const broken = (breaking.address() as AddressInfo).port;
  try {
    await open({ hosts: [own(), { ...own("broken.example.com"), ports: [broken] }] });
    await expect(ask(`http://broken.example.com:${broken}/`)).rejects.toThrow();
    expect(await ask(`http://api.example.com:${port}/`)).toMatchObject({ status: 200 });
  } finally {
    breaking.close();
    breaking.closeAllConnections();
  }
});
