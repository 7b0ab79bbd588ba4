/**
 * `npm run screenshots`: pictures of runs in Temporal's Web UI for the docs, taken by a headless Chromium that is on this machine
 * (CHROMIUM_PATH, else `chromium` on the PATH) from a server, a worker and runs of its own.
 */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { root, say, stop, withProjectNode } from "./bootstrap.mjs";
import { build } from "./build.mjs";

const IMAGES = join(root, "docs/images");
const VIEWPORT = { width: 1500, height: 1400 };

const usage = { inputTokens: 1_204, outputTokens: 310 };
const python = { toolCalls: [{ name: "python", args: { code: "print(sum(range(1_000)))" } }], usage };
const shell = { toolCalls: [{ name: "shell", args: { command: "rm -r /workspace/old-reports" } }], usage };
const answer = { text: "499,500. The old reports are gone.", usage };
const SCRIPTS = {
  simple: { turns: [python, answer] },
  gate: { turns: [python, shell, answer] },
  paused: { turns: [python, { ...answer, delayMs: 600_000 }] },
  failed: { turns: [python, { text: "", finishReason: "content-filter", usage }] },
};

await withProjectNode(import.meta.url, async () => {
  const chromium = process.env.CHROMIUM_PATH ?? (await onPath("chromium"));
  if (!chromium) stop("there is no chromium here: install it, or set CHROMIUM_PATH", 2);
  await build();
  const folder = await mkdtemp(join(tmpdir(), "wflo-screenshots-"));
  const [port, uiPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
    WFLO_SCRIPTS: folder,
    WFLO_STATE: join(folder, "state"),
    WFLO_BLOBS: `file:${join(folder, "blobs")}`,
    WFLO_HTTP_PORT: String(httpPort),
  };
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ model: "openai/gpt-4.1-mini", ...script }));
  }
  const program = join(root, "scripts/wflo.mjs");
  const wflo = async (...args) =>
    (await promisify(execFile)(process.execPath, [program, ...args], { env, cwd: folder })).stdout;
  const dev = spawn(process.execPath, [program, "dev", "--port", port, "--ui-port", uiPort], { env, cwd: folder });
  try {
    await printed(dev, /Web UI/);
    const run = async (name, agent) => {
      const id = `report-${name}`;
      await wflo(
        "run",
        agent,
        "Add up the numbers, then clean up.",
        ...["--model", `scripted/${name}`, "--id", id, "--budget", "0.50", "--detach"],
      );
      return id;
    };
    const ids = {
      run: await run("simple", "analyst"),
      gate: await run("gate", "analyst"),
      paused: await run("paused", "analyst"),
      failed: await run("failed", "analyst"),
    };
    await until(async () => JSON.parse(await wflo("show", ids.gate, "--json")).status.state === "awaiting_approval");
    await until(async () => JSON.parse(await wflo("show", ids.paused, "--json")).status.turn === 1);
    await wflo("pause", ids.paused, "--by", "ann");
    for (const [id, state] of [
      [ids.run, "completed"],
      [ids.paused, "paused"],
      [ids.failed, "failed"],
    ]) {
      await until(async () => JSON.parse(await wflo("show", id, "--json")).status.state === state);
    }
    await takePictures(chromium, `http://localhost:${uiPort}`, ids);
  } finally {
    dev.kill("SIGTERM");
    await new Promise((resolve) => dev.once("close", resolve));
    await rm(folder, { recursive: true, force: true });
  }
});

async function takePictures(executablePath, uiUrl, ids) {
  const { chromium } = await import("playwright-core");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const tabs = {
      // What waits says what for on the page that it keeps of itself.
      gate: "User Metadata",
      paused: "User Metadata",
      memo: "Memo",
    };
    for (const [name, id] of Object.entries({ ...ids, memo: ids.run })) {
      const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: "light" });
      await page.goto(`${uiUrl}/namespaces/default/workflows/${id}`, { waitUntil: "load" });
      await page.getByText("callModel").first().waitFor({ timeout: 20_000 });
      if (tabs[name]) await page.getByText(tabs[name]).first().click();
      // The page of a run that goes on is never idle: long polls are open.
      await page.waitForTimeout(3_000);
      await page.screenshot({ path: join(IMAGES, `web-ui-${name}.png`) });
      say(`docs/images/web-ui-${name}.png`);
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

async function until(isSo) {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await isSo().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("it did not come to that within half a minute");
}

async function printed(child, wanted) {
  let output = "";
  await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (wanted.test(output)) resolve();
      });
    }
    child.once("exit", () => reject(new Error(`wflo dev ended:\n${output}`)));
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function onPath(name) {
  const { access } = await import("node:fs/promises");
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}
