import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  createS3ObjectStore,
  type S3ObjectStore,
  type S3ObjectStoreOptions,
} from "../../../adapters/s3/object-store.js";
import { freePort } from "../../../workers/free-port.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { temporaryFolders } from "../../harness/folder.js";
import { type LossyProxy, startLossyProxy } from "../../harness/lossy-proxy.js";
import { startProcess } from "../../harness/processes.js";
import { describeWith } from "../../harness/real-part.js";
import { type S3Server, s3Environment, startS3Server } from "../../harness/s3-server.js";
import { objectStoreSuite } from "../../ports/object-store.suite.js";

const folder = temporaryFolders();
const value = new TextEncoder().encode("value");

const opened: S3ObjectStore[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

function open(options: S3ObjectStoreOptions): S3ObjectStore {
  const store = createS3ObjectStore(options);
  opened.push(store);
  return store;
}

describeWith("versitygw", (versitygw) => {
  let server: S3Server;
  let proxy: LossyProxy;
  let data: string;
  beforeAll(async () => {
    data = await folder();
    server = await startS3Server(versitygw, data);
    proxy = await startLossyProxy(server.port);
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });
  const openHere = (options: Partial<S3ObjectStoreOptions> = {}) =>
    open({ bucket: server.bucket, environment: server.environment, ...options });

  objectStoreSuite({ open: async () => openHere({ prefix: "suite/prefix" }) });

  test("two prefixes of a bucket are two stores, and slashes around them make no difference", async () => {
    const [one, two, none] = [openHere({ prefix: "/one/" }), openHere({ prefix: "two" }), openHere()];
    await one.put("folder/key", value);
    expect(await openHere({ prefix: "one" }).get("folder/key")).toEqual(value);
    expect(await two.get("folder/key")).toBeUndefined();
    expect(await none.list("one/")).toEqual(["one/folder/key"]);
    expect(await one.list("folder/")).toEqual(["folder/key"]);
  });

  test("the description names bucket and prefix, and no credential", () => {
    expect(openHere({ prefix: "/a/b/" }).description).toBe(`s3://${server.bucket}/a/b`);
    expect(openHere().description).toBe(`s3://${server.bucket}`);
  });

  test("a list goes over as many pages as there are", async () => {
    const store = openHere({ prefix: "pages" });
    const keys = Array.from({ length: 2_050 }, (_, n) => `many/${String(n).padStart(4, "0")}`);
    await mkdir(join(data, server.bucket, "pages", "many"), { recursive: true });
    for (const key of keys) await writeFile(join(data, server.bucket, "pages", key), value);
    expect(await store.list("many/")).toEqual(keys);
  });

  test("a write whose answer was lost is sent again, and known as one's own", async () => {
    const store = openHere({ prefix: "lost", environment: s3Environment(proxy.port) });
    await store.putIfAbsent("warm/up", value);
    proxy.loseAnswers(/^PUT .*mine/, 1);
    expect(await store.putIfAbsent("folder/mine", value)).toBe(true);
    expect(proxy.requests.filter((line) => line.includes("mine")).map((line) => line.split(" ")[0])).toEqual([
      "PUT",
      "PUT",
      "HEAD",
    ]);
    await store.put("folder/theirs", value);
    proxy.loseAnswers(/^PUT .*theirs/, 1);
    expect(await store.putIfAbsent("folder/theirs", value)).toBe(false);
  });

  test.each(["get", "put", "list", "delete"] as const)("a %s whose answer was lost is sent again", async (name) => {
    const store = openHere({ prefix: "lost", environment: s3Environment(proxy.port) });
    await store.put("again/key", value);
    proxy.loseAnswers(/./, 2);
    const calls = {
      get: async () => expect(await store.get("again/key")).toEqual(value),
      put: async () => await store.put("again/key", value),
      list: async () => expect(await store.list("again/")).toEqual(["again/key"]),
      delete: async () => await store.delete("again/key"),
    };
    await calls[name]();
  });

  test("a store that loses every answer is unavailable", async () => {
    const store = openHere({ environment: s3Environment(proxy.port) });
    proxy.loseAnswers(/./, 1_000);
    await expect(store.get("some/key")).rejects.toMatchObject({ name: "StoreUnavailable" });
    proxy.loseAnswers(/./, 0);
  });

  const wrongKeys = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "wrong-secret-of-nobody" };
  test.each([
    [
      "a bucket that is not there",
      { bucket: "no-such-bucket" },
      {},
      "the bucket no-such-bucket does not exist: create it",
    ],
    ["an unknown key id", {}, wrongKeys, "the credentials are not accepted: check AWS_ACCESS_KEY_ID"],
    [
      "a wrong secret",
      {},
      { AWS_SECRET_ACCESS_KEY: wrongKeys.AWS_SECRET_ACCESS_KEY },
      "the credentials are not accepted: check AWS_ACCESS_KEY_ID",
    ],
  ])("%s is told, and does not pass", async (_case, options, environment, message) => {
    const store = openHere({ ...options, environment: { ...server.environment, ...environment } });
    const calls = [
      async () => await store.get("some/key"),
      async () => await store.put("some/key", value),
      async () => await store.putIfAbsent("some/key", value),
      async () => await store.list("some/"),
    ];
    for (const call of calls) {
      const error = await call().then(
        () => new Error("it went through"),
        (refusal: Error) => refusal,
      );
      expect(error).toMatchObject({ name: "Error", message: expect.stringContaining(message) });
      expect(error.message).toContain(`${store.description}: some/`);
      expect(error.message).not.toContain("wrong-secret");
    }
  });
});

/** A server that answers every request alike. */
async function startServer(answer: (response: ServerResponse) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return { port: (server.address() as AddressInfo).port, server };
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

function s3Error(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>says the store</Message></Error>`);
}

test("a store that ignores the condition of a write is found out before anything rests on it", async () => {
  const { port } = await startServer((response) => response.writeHead(200).end());
  const store = open({ bucket: "careless", environment: s3Environment(port) });
  await expect(store.putIfAbsent("some/key", value)).rejects.toThrow("this store ignores the condition of a write");
});

test.each([
  [500, "InternalError", "StoreUnavailable"],
  [503, "SlowDown", "StoreUnavailable"],
  [429, "TooManyRequests", "StoreUnavailable"],
  [403, "RequestTimeTooSkewed", "StoreUnavailable"],
  [403, "AccessDenied", "Error"],
  [400, "ExpiredToken", "Error"],
  [301, "PermanentRedirect", "Error"],
  [501, "NotImplemented", "Error"],
])("%d %s is a %s with the store's word", async (status, code, name) => {
  const { port } = await startServer((response) => s3Error(response, status, code));
  const store = open({ bucket: "bucket", environment: s3Environment(port) });
  await expect(store.put("some/key", value)).rejects.toMatchObject({ name, message: expect.stringContaining(code) });
});

test("writers that are in each other's way try again, and one that always is gives up for now", async () => {
  let requests = 0;
  const { port } = await startServer((response) => {
    requests += 1;
    s3Error(response, 409, "ConditionalRequestConflict");
  });
  const store = open({ bucket: "bucket", environment: s3Environment(port) });
  await expect(store.putIfAbsent("some/key", value)).rejects.toMatchObject({ name: "StoreUnavailable" });
  expect(requests).toBe(11);
});

test("a store that takes the connection and says nothing, or stops in the middle, is unavailable", async () => {
  const silent = await startServer(() => {});
  const environment = s3Environment(silent.port);
  const store = open({ bucket: "bucket", environment, idleMs: 100 });
  await expect(store.get("some/key")).rejects.toMatchObject({ name: "StoreUnavailable" });
  const stalling = await startServer((response) => response.writeHead(200, { "content-length": 1000 }).write("half"));
  const half = open({ bucket: "bucket", environment: s3Environment(stalling.port), idleMs: 100 });
  await expect(half.get("some/key")).rejects.toMatchObject({ name: "StoreUnavailable" });
});

test("a body that ends early is no value", async () => {
  const { port } = await startServer((response) => {
    response.writeHead(200, { "content-length": 1000 });
    response.write("half", () => response.destroy());
  });
  const store = open({ bucket: "bucket", environment: s3Environment(port) });
  await expect(store.get("some/key")).rejects.toMatchObject({ name: "StoreUnavailable" });
});

test("a store that is not there is unavailable, and nothing of the credentials is told", async () => {
  const environment = s3Environment(await freePort());
  const store = open({ bucket: "bucket", environment });
  const error = (await store.get("some/key").catch((refusal: Error) => refusal)) as Error;
  expect(error).toMatchObject({ name: "StoreUnavailable", message: expect.stringContaining("ECONNREFUSED") });
  expect(error.message).not.toContain(environment.AWS_SECRET_ACCESS_KEY);
});

test.each([
  ["no credentials", s3Environment(1).AWS_ENDPOINT_URL, {}, "there are no AWS credentials: set AWS_ACCESS_KEY_ID"],
  ["no region", undefined, { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" }, "set AWS_REGION"],
])("a process with %s is told which variable to set", async (_case, endpoint, keys, message) => {
  const script = `
    import { createS3ObjectStore } from "./adapters/s3/object-store.ts";
    const error = await createS3ObjectStore({ bucket: "bucket" }).get("some/key").catch((refusal) => refusal);
    process.stdout.write(error.name + ": " + error.message);`;
  const { ended, output } = await startProcess({
    command: process.execPath,
    args: ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", script],
    cwd: packageRoot(),
    // Nothing of this machine's or its user's: no profile, no role.
    env: {
      HOME: await folder(),
      AWS_EC2_METADATA_DISABLED: "true",
      ...(endpoint ? { AWS_ENDPOINT_URL: endpoint } : {}),
      ...keys,
    },
  });
  expect(await ended).toBe(0);
  expect(output()).toMatch(/^Error: s3:\/\/bucket: some\/key cannot be read: /);
  expect(output()).toContain(message);
});

test("an endpoint that is no URL is refused at once, by the variable's name", () => {
  const environment = { AWS_ENDPOINT_URL: "localhost:9000 " };
  expect(() => open({ bucket: "bucket", environment: { AWS_ENDPOINT_URL: "not a url" } })).toThrow("AWS_ENDPOINT_URL");
  expect(() => open({ bucket: "bucket", environment })).toThrow("AWS_ENDPOINT_URL");
});
