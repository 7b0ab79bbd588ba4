import { describe, expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createCodeTool } from "../../activities/run-code.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { createBubblewrapSandbox } from "../../adapters/sandbox/bubblewrap.js";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxRequest,
  SandboxRequestWrong,
  type SandboxResult,
  SandboxUnavailable,
} from "../../ports/sandbox.js";
import { describeWith } from "../harness/real-part.js";

const idle = { signal: new AbortController().signal };
const DONE: SandboxResult = {
  exitCode: 0,
  stdout: "done",
  stderr: "",
  timedOut: false,
  truncated: false,
  files: [],
  durationMs: 5,
};

/** A sandbox that records what it is asked, and answers as told. */
function recordingSandbox(answer: (request: SandboxRequest) => SandboxResult | Promise<SandboxResult> = () => DONE) {
  const requests: SandboxRequest[] = [];
  const sandbox: Sandbox = {
    backend: "recording",
    check: async () => [],
    async run(request, { signal }) {
      signal.throwIfAborted();
      requests.push(request);
      return await answer(request);
    },
  };
  const workspaces = createWorkspaces(createBlobs(createMemoryObjectStore()));
  return { sandbox, requests, workspaces };
}

test.each([
  ["gvisor", "gvisor", "runs"],
  ["gvisor", "namespace", "runs"],
  ["namespace", "wasm", "runs"],
  ["namespace", "gvisor", "is refused"],
  ["gvisor", "vm", "is refused"],
  [undefined, "wasm", "is refused"],
] as const)("in a sandbox of isolation %s an agent that wants %s %s", async (isolation, minIsolation, outcome) => {
  const { requests, sandbox, workspaces } = recordingSandbox();
  const code = createCodeTool({ sandbox: { ...sandbox, ...(isolation ? { isolation } : {}) }, workspaces });
  const ran = code({ language: "shell", code: "true", minIsolation }, idle);
  if (outcome === "runs") await ran;
  else await expect(ran).rejects.toThrow(`the agent wants ${minIsolation} or stronger, and this worker has recording`);
  expect(requests).toHaveLength(outcome === "runs" ? 1 : 0);
});

describe("limits of a tool", () => {
  test.each([
    ["that names none are the defaults", undefined, DEFAULT_SANDBOX_LIMITS],
    ["below the worker's are its own", { wallMs: 1_000, files: 5 }, { wallMs: 1_000, files: 5 }],
    ["above the worker's are the worker's", { wallMs: 1e9, memoryBytes: 2 ** 40 }, DEFAULT_SANDBOX_LIMITS],
  ])("%s", async (_case, limits, expected) => {
    const { requests, ...ports } = recordingSandbox();
    await createCodeTool(ports)({ language: "shell", code: "true", ...(limits ? { limits } : {}) }, idle);
    expect(requests[0]?.limits).toEqual({ ...DEFAULT_SANDBOX_LIMITS, ...expected });
  });

  test("go up to the worker's ceiling, where that is above the defaults", async () => {
    const { requests, ...ports } = recordingSandbox();
    const code = createCodeTool({ ...ports, ceiling: { ...DEFAULT_SANDBOX_LIMITS, wallMs: 600_000 } });
    await code({ language: "shell", code: "true", limits: { wallMs: 300_000 } }, idle);
    await code({ language: "shell", code: "true" }, idle);
    expect(requests.map(({ limits }) => limits.wallMs)).toEqual([300_000, 60_000]);
  });

  test("that are none end the run: they would be wrong the next time too", async () => {
    const ports = recordingSandbox(() => {
      throw new SandboxRequestWrong("wallMs must be a whole number");
    });
    await expect(createCodeTool(ports)({ language: "shell", code: "true" }, idle)).rejects.toMatchObject({
      name: "RunRefused",
      type: "ToolFailed",
      message: "the sandbox tool: wallMs must be a whole number",
    });
  });
});

test("a host that can't isolate is told as it is, and no snapshot is made", async () => {
  const ports = recordingSandbox(() => {
    throw new SandboxUnavailable("no namespaces");
  });
  await expect(createCodeTool(ports)({ language: "shell", code: "true" }, idle)).rejects.toMatchObject({
    name: "SandboxUnavailable",
  });
});

test("an abort reaches the sandbox", async () => {
  const signal = AbortSignal.abort(new Error("cancelled"));
  const { requests, ...ports } = recordingSandbox();
  await expect(createCodeTool(ports)({ language: "shell", code: "true" }, { signal })).rejects.toThrow("cancelled");
  expect(requests).toEqual([]);
});

test("the answer has what the contract says, and not the contents of files", async () => {
  const files = [
    { path: "out/a.txt", content: Buffer.from("a") },
    { path: "notes", content: Buffer.from("b") },
  ];
  const ports = recordingSandbox(() => ({ ...DONE, limit: "disk", files }));
  const { result } = await createCodeTool(ports)({ language: "python", code: "1" }, idle);
  expect(result).toEqual({
    exitCode: 0,
    stdout: "done",
    stderr: "",
    timedOut: false,
    truncated: false,
    limit: "disk",
    files: ["a.txt"],
    backend: "recording",
    durationMs: 5,
  });
});

describeWith("bubblewrap", (bwrapPath) => {
  const open = () => {
    const blobs = createBlobs(createMemoryObjectStore());
    const workspaces = createWorkspaces(blobs);
    return {
      blobs,
      workspaces,
      code: createCodeTool({ sandbox: createBubblewrapSandbox({ programPath: bwrapPath }), workspaces }),
    };
  };

  test("files last from call to call, over languages, and those in out/ are the run's", async () => {
    const { blobs, workspaces, code } = open();
    const workspace = await workspaces.fromInput({ "data.csv": "a,b\n1,2\n3,4\n" });
    const python =
      "import csv\nrows = list(csv.reader(open('data.csv')))\nopen('sum.txt', 'w').write(str(sum(int(a) + int(b) for a, b in rows[1:])))";
    const first = await code({ language: "python", code: python, workspace }, idle);
    expect(first.result).toMatchObject({ exitCode: 0, backend: "bubblewrap", files: [] });
    const javascript =
      "require('fs').writeFileSync('out/twice.txt', String(2 * require('fs').readFileSync('sum.txt')))";
    const second = await code({ language: "javascript", code: javascript, workspace: first.workspace }, idle);
    expect(second.result.files).toEqual(["twice.txt"]);
    const third = await code(
      { language: "shell", code: "cat out/twice.txt; rm sum.txt", workspace: second.workspace },
      idle,
    );
    expect(third.result.stdout).toBe("20");
    expect(await blobs.getText(third.out["twice.txt"]!)).toBe("20");
    expect((await workspaces.load(third.workspace)).map(({ path }) => path)).toEqual(["data.csv", "out/twice.txt"]);
  });

  test("a program that changes nothing leaves the same snapshot", async () => {
    const { workspaces, code } = open();
    const workspace = await workspaces.fromInput({ a: "1", "b/c": "2" });
    expect((await code({ language: "shell", code: "cat a", workspace }, idle)).workspace).toBe(workspace);
  });

  test("a fork of the workspace goes its own way", async () => {
    const { code, workspaces } = open();
    const workspace = await workspaces.fromInput({ count: "1" });
    const [left, right] = await Promise.all(
      ["left", "right"].map(
        async (side) => await code({ language: "shell", code: `echo ${side} >count`, workspace }, idle),
      ),
    );
    const texts = [left, right].map(async (ran) =>
      Buffer.from((await workspaces.load(ran!.workspace))[0]!.content).toString(),
    );
    expect(await Promise.all(texts)).toEqual(["left\n", "right\n"]);
  });

  test("a workspace over its limit can't be worked with, but is not lost", async () => {
    const { code, workspaces } = open();
    const workspace = await workspaces.fromInput({ big: "x".repeat(9_000) });
    const ran = await code({ language: "shell", code: "echo ran", workspace, limits: { diskBytes: 8_192 } }, idle);
    expect(ran.result).toMatchObject({
      exitCode: null,
      stdout: "",
      limit: "disk",
      stderr: expect.stringContaining("8192 bytes"),
    });
    expect(ran.workspace).toBe(workspace);
  });
});
