import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { freePort } from "../../workers/free-port.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { eventually } from "../harness/eventually.js";
import { type StartedProcess, startProcess } from "../harness/processes.js";

/* `wflo dev` as a process of its own, as users start it. */

let folder: string;
let started: StartedProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-dev-"));
  started = [];
});

afterEach(async () => {
  for (const process of started) await process.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function dev(
  port: number,
  uiPort: number,
  more: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<StartedProcess> {
  const process_ = await startProcess({
    command: process.execPath,
    args: [join(packageRoot(), "scripts/wflo.mjs"), "dev", "--port", `${port}`, "--ui-port", `${uiPort}`, ...more],
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      WFLO_HTTP_PORT: "0",
      WFLO_LOG_LEVEL: "warn",
      WFLO_CACHE_DIR: process.env.WFLO_CACHE_DIR ?? join(packageRoot(), ".cache"),
      ...environment,
    },
  });
  started.push(process_);
  return process_;
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

describe("wflo dev", () => {
  test("brings server, Web UI and worker, and leaves nothing when it is told to stop", async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    const session = await dev(port, uiPort);
    const metrics = (await session.line(/^Metrics/)).split(/\s+/)[1] ?? "";
    expect(await (await fetch(metrics)).text()).toContain("temporal_");
    expect((await fetch(`http://127.0.0.1:${uiPort}/`)).status).toBe(200);
    session.child.kill("SIGTERM");
    expect(await session.ended).toBe(0);
    await eventually(async () => expect(await answers(port)).toBe(false));
  });

  test("brings them whatever is said of spans: the server has an OpenTelemetry of its own, that knows less", async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    const session = await dev(port, uiPort, [], { OTEL_TRACES_EXPORTER: "console" });
    await session.line(/^Metrics/);
  });

  test("takes its server along when it is killed", async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    const session = await dev(port, uiPort, ["--no-worker"]);
    await session.line(/^Web UI/);
    expect(await answers(port)).toBe(true);
    await session.stop("SIGKILL");
    await eventually(async () => expect(await answers(port)).toBe(false));
  });

  test("names a port that is taken, with the option for another, and exits with 2", async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    await (await dev(port, uiPort, ["--no-worker"])).line(/^Web UI/);
    const second = await dev(port, await freePort(), ["--no-worker"]);
    expect(await second.ended).toBe(2);
    expect(second.output()).toContain(`port ${port} is taken`);
    expect(second.output()).toContain("--port");
    const third = await dev(await freePort(), uiPort, ["--no-worker"]);
    expect(await third.ended).toBe(2);
    expect(third.output()).toContain(`port ${uiPort} is taken`);
  });

  test.each([
    ["--port", "0x7", /'--port <port>' argument '0x7' is invalid.*is not a port/],
    ["--ui-port", "70000", /'--ui-port <port>' argument '70000' is invalid/],
    ["--db", undefined, /'--db <file>' argument missing/],
    ["--dmeo", undefined, /unknown option '--dmeo'/],
  ])("refuses %s %s by its name, with exit code 2", async (option, value, message) => {
    const args = value === undefined ? [option] : [option, value];
    const session = await startProcess({
      command: process.execPath,
      args: [join(packageRoot(), "scripts/wflo.mjs"), "dev", ...args],
      cwd: folder,
    });
    expect(await session.ended).toBe(2);
    expect(session.output()).toMatch(message);
  });
});
