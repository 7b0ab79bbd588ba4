import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { packageRoot } from "../workers/tool-finder.js";

/* The package as users install it: packed, unpacked beside its dependencies, and each door opened. */

const run = promisify(execFile);
const root = packageRoot();
let folder: string;
let tarball: string;

async function unpack(installed: string): Promise<void> {
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-package-"));
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  tarball = join(folder, filename);
  const installed = join(folder, "node_modules/wflo");
  await unpack(installed);
  await symlink(join(root, "node_modules"), join(installed, "node_modules"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("every door of package.json opens, with what its users import", async () => {
  const doors = {
    wflo: ["defineAgent", "defineTool", "python", "askHuman"],
    "wflo/client": ["connect", "RunFailed", "CommandRefused"],
    "wflo/worker": ["startWorkerProcess", "readConfig"],
    "wflo/workflow": ["callAgent", "approval", "budget"],
    "wflo/ports": ["ModelCallFailed", "StoreUnavailable", "SandboxUnavailable"],
    "wflo/testing": ["scriptedModels", "createMemoryObjectStore"],
  };
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { exports: object };
  const listed = Object.keys(exports).filter((door) => door !== "./package.json");
  expect(listed.map((door) => door.replace(/^\./, "wflo"))).toEqual(Object.keys(doors));
  const program = `
    const doors = ${JSON.stringify(doors)};
    for (const [door, names] of Object.entries(doors)) {
      const module = await import(door);
      for (const name of names) if (typeof module[name] === "undefined") throw new Error(door + " has no " + name);
    }
    console.log("all doors open");`;
  await writeFile(join(folder, "doors.mjs"), program);
  expect((await run(process.execPath, [join(folder, "doors.mjs")], { cwd: folder })).stdout).toBe("all doors open\n");
});

describe("a saved history", () => {
  const event = {
    eventId: "1",
    eventType: "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
    workflowExecutionStartedEventAttributes: { workflowType: { name: "agentRun" } },
  };
  /** What the SDK's own function and ours make of it, in a folder with an installed package. */
  const read = async (installed: string) => {
    await writeFile(join(installed, "history.json"), JSON.stringify({ events: [event] }));
    const program = `
      import { createRequire } from "node:module";
      import { readFileSync } from "node:fs";
      import { readHistoryFile } from "./dist/cli/history-file.js";
      const { historyFromJSON } = createRequire(import.meta.url)("@temporalio/common/lib/proto-utils");
      const json = JSON.parse(readFileSync("history.json", "utf8"));
      const words = (read) => Promise.resolve().then(read).then(({ events }) => String(events[0].eventId), String);
      console.log(await words(() => historyFromJSON(json)), "|", await words(() => readHistoryFile("history.json")));`;
    await writeFile(join(installed, "read.mjs"), program);
    return (await run(process.execPath, ["read.mjs"], { cwd: installed })).stdout.trim();
  };

  test("is read by the SDK's own function too where npm installs one protobufjs", async () => {
    expect(await read(join(folder, "node_modules/wflo"))).toBe("1 | 1");
  });

  test("is read where npm nests protobufjs once for each package of the SDK", async () => {
    const installed = join(folder, "nested/wflo");
    await unpack(installed);
    const modules = join(root, "node_modules");
    const ours = join(installed, "node_modules");
    await mkdir(join(ours, "@temporalio"), { recursive: true });
    const nested = ["common", "proto"];
    for (const name of await readdir(modules)) {
      if (name !== "@temporalio") await symlink(join(modules, name), join(ours, name));
    }
    for (const name of nested) {
      await cp(join(modules, "@temporalio", name), join(ours, "@temporalio", name), { recursive: true });
      const copy = join(ours, "@temporalio", name, "node_modules/protobufjs");
      await cp(join(modules, "protobufjs"), copy, { recursive: true });
    }
    // The day on which the SDK's function works here, ours can go.
    expect(await read(installed)).toBe("TypeError: type must be a Type | 1");
  });
});

test("the package's shape is what tools expect", async () => {
  const publint = await run(process.execPath, [join(root, "node_modules/publint/src/cli.js"), tarball, "--strict"]);
  expect(publint.stdout).toContain("All good!");
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  await run(process.execPath, [attw, tarball, "--profile", "esm-only", "--no-emoji"]);
});
