import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { oneToken } from "../../adapters/access/one-token.js";
import type { Access } from "../../ports/access.js";
import { type HealthServer, startHealthServer } from "../../workers/health-server.js";

const servers: HealthServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start({
  unready = [] as string[],
  coreMetricsUrl = undefined as string | undefined,
  port = 0,
  access = undefined as Access | undefined,
  asked = [] as string[],
} = {}) {
  const server = await startHealthServer(port, {
    metrics: async (format, others) => {
      asked.push(format);
      return { contentType: "text/plain; version=0.0.4", text: `wflo_one 1\n${others}` };
    },
    coreMetricsUrl,
    access,
    unready: () => unready,
  });
  servers.push(server);
  return { port: server.port, get: async (path: string) => await fetch(`http://127.0.0.1:${server.port}${path}`) };
}

describe("the health server", () => {
  test("serves our metrics and the SDK core's on one page", async () => {
    const core = createServer((_request, response) => response.end("temporal_two 2\n"));
    await new Promise<void>((resolve) => core.listen(0, "127.0.0.1", resolve));
    const coreMetricsUrl = `http://127.0.0.1:${(core.address() as AddressInfo).port}/metrics`;
    const answer = await (await start({ coreMetricsUrl })).get("/metrics");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4"]);
    expect(await answer.text()).toBe("wflo_one 1\ntemporal_two 2\n");
    core.closeAllConnections();
    await new Promise<void>((resolve) => core.close(() => resolve()));
    expect(await (await (await start({ coreMetricsUrl })).get("/metrics")).text()).toBe("wflo_one 1\n");
  });

  test("answers in OpenMetrics whoever asks for it", async () => {
    const asked: string[] = [];
    const { port } = await start({ asked });
    const accept =
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1";
    await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
    await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(asked).toEqual(["open-metrics", "prometheus"]);
  });

  test("shows metrics to whoever has a role, where the settings say who has one; health to everybody", async () => {
    const { port, get } = await start({ access: oneToken("t-0123456789", "viewer") });
    const asked = async (authorization?: string) =>
      (await fetch(`http://127.0.0.1:${port}/metrics`, authorization ? { headers: { authorization } } : {})).status;
    expect([await asked(), await asked("Bearer t-012345678"), await asked("Bearer t-0123456789")]).toEqual([
      401, 401, 200,
    ]);
    expect([(await get("/healthz")).status, (await get("/readyz")).status]).toEqual([200, 200]);
  });

  test("is healthy while it answers, and ready while nothing is missing", async () => {
    const ready = await start();
    expect((await ready.get("/healthz")).status).toBe(200);
    expect((await ready.get("/readyz")).status).toBe(200);
    const starting = await start({ unready: ["wflo is not polled"] });
    expect((await starting.get("/healthz")).status).toBe(200);
    const answer = await starting.get("/readyz");
    expect([answer.status, await answer.text()]).toEqual([503, "wflo is not polled\n"]);
  });

  test("says what there is for another path, and takes no other method", async () => {
    const { get, port } = await start();
    expect((await get("/")).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: "POST" })).status).toBe(405);
  });

  test("names a port that is taken, and what to do", async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow(
      `WFLO_HTTP_PORT: port ${port} is taken; set another, 0 for a free one, or off`,
    );
  });
});
