import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageRoot } from "../workers/tool-finder.js";

/* The package as users install it: packed, unpacked beside its dependencies, and each door opened. */

const run = promisify(execFile);
const root = packageRoot();
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-package-"));
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  tarball = join(folder, filename);
  const installed = join(folder, "node_modules/wflo");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
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

test("the package's shape is what tools expect", async () => {
  const publint = await run(process.execPath, [join(root, "node_modules/publint/src/cli.js"), tarball, "--strict"]);
  expect(publint.stdout).toContain("All good!");
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  await run(process.execPath, [attw, tarball, "--profile", "esm-only", "--no-emoji"]);
});
