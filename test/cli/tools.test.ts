import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { noteDevServer, uiUrlOf } from "../../cli/dev-server-note.js";
import { createLiveView } from "../../cli/live-view.js";
import type { RunChange } from "../../client/index.js";
import type { StreamedToken } from "../../ports/token-stream.js";
import { startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { plainModels } from "../harness/plain-models.js";
import { start, wflo, wfloJson } from "./command-line.js";

const temporaryFolder = temporaryFolders();
const run = promisify(execFile);

describe("wflo completion bash", () => {
  /** What bash offers for a line that ends at the cursor. */
  async function offered(line: string): Promise<string[]> {
    const script = join(await temporaryFolder(), "wflo.bash");
    await writeFile(script, (await wflo(["completion", "bash"])).stdout);
    const words = line.split(" ");
    const array = words.map((word) => `'${word}'`).join(" ");
    const command = `source ${script}; compopt() { :; }; COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _wflo; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["--norc", "-c", command]);
    return stdout.split("\n").filter((word) => word !== "");
  }

  test.each([
    ["wflo ru", ["run", "runs"]],
    ["wflo run --st", ["--stream"]],
    ["wflo budget f", ["freeze"]],
    ["wflo budget add --b", ["--by"]],
    ["wflo run assistant --bud", ["--budget"]],
    ["wflo sandbox ", ["check", "--help"]],
  ])("offers for %j", async (line, words) => {
    expect((await offered(line)).sort()).toEqual([...words].sort());
  });
});

test.each(["bash", "zsh", "fish"])("wflo completion %s has every command and its options", async (shell) => {
  const { exitCode, stdout } = await wflo(["completion", shell]);
  expect(exitCode).toBe(0);
  for (const word of ["approvals", "unfreeze", "verify", "transcript", "stream", "since"])
    expect(stdout).toContain(word);
});

describe("wflo run --stream", () => {
  const tokens = (entries: readonly Omit<StreamedToken, "position">[]) => ({
    tokens: {
      async *read(_workflowId: string, signal: AbortSignal) {
        for (const [index, entry] of entries.entries()) yield { ...entry, position: String(index) };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    },
  });
  const streamed = async (entries: readonly Omit<StreamedToken, "position">[], ...more: string[]) => {
    const worker = await startAgentWorker({ models: plainModels(() => ({ text: "six times seven" })) });
    const ended = await wflo(["run", "tester", "hi", "--stream", ...more], worker, { ports: tokens(entries) });
    await worker.stop();
    return ended;
  };

  test("prints the words as they come, and the answer once", async () => {
    const { stdout, exitCode } = await streamed([
      { turn: 1, attempt: 1, seq: 1, text: "six " },
      { turn: 1, attempt: 1, seq: 2, text: "times seven" },
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "six times seven\n" });
  });

  test("prints what the stream did not have", async () => {
    expect((await streamed([])).stdout).toBe("six times seven\n");
    expect((await streamed([{ turn: 1, attempt: 1, seq: 1, text: "six " }])).stdout).toBe("six times seven\n");
  });

  test("says when an answer starts over", async () => {
    const { stdout, stderr } = await streamed([
      { turn: 1, attempt: 1, seq: 1, text: "six tim" },
      { turn: 1, attempt: 2, seq: 1, reset: true },
      { turn: 1, attempt: 2, seq: 2, text: "six times" },
    ]);
    expect(stdout).toBe("six tim\n\nsix times seven\n");
    expect(stderr).toContain("turn 1: the answer starts over");
  });

  test("keeps stdout for the document with --json", async () => {
    const { stdout, stderr } = await streamed([{ turn: 1, attempt: 1, seq: 1, text: "six " }], "--json");
    expect(JSON.parse(stdout)).toMatchObject({ output: "six times seven" });
    expect(stderr).toMatch(/^six $/m);
    expect(stderr).toMatch(/^times seven$/m);
  });
});

test("wflo events --follow prints each event as it comes, until Ctrl-C", async () => {
  const event = (sequence: number) => ({
    value: JSON.stringify({
      ...{ id: `run-1/r/${sequence}`, subject: "run-1", sequence: String(sequence) },
      ...{ type: "wflo.run.started", data: {} },
    }),
    position: String(10 * sequence),
  });
  const asked: unknown[] = [];
  const eventLog = {
    async *read(_topic: string, { from, signal }: { from?: string; signal?: AbortSignal } = {}) {
      asked.push(from);
      yield event(1);
      // As logs do that store at least once.
      yield event(1);
      yield event(2);
      await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
    },
  };
  const argv = ["events", "--follow", "--from", "7", "--json"];
  const following = start(argv, undefined, { ports: { eventLog } });
  await eventually(() => expect(following.stdout().trim().split("\n")).toHaveLength(2));
  following.interrupt();
  const { exitCode, stdout, stderr } = await following.ended;
  expect(exitCode).toBe(130);
  expect(asked).toEqual(["7"]);
  expect(stderr).toMatch(/go on with: wflo events --follow --from 20/);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([{ sequence: "1" }, { sequence: "2" }]);
});

test("wflo agents lists agents with their tools, and which of those need approval", async () => {
  const { document } = await wfloJson<{ name: string }[]>(["agents"]);
  expect(document.map(({ name }) => name)).toEqual(expect.arrayContaining(["assistant", "analyst"]));
  expect(document.find(({ name }) => name === "assistant")).toMatchObject({
    description: expect.any(String),
    models: expect.any(Array),
    tools: expect.arrayContaining([
      expect.objectContaining({ name: "python", safe: true, approval: "never" }),
      expect.objectContaining({ name: "ask_human", approval: "always" }),
    ]),
  });
  expect((await wflo(["agents"])).stdout).toMatch(/^assistant .*ask_human\*/m);
});

test("wflo sandbox check ends with 1 where code would be refused, and says what to do", async () => {
  const { exitCode, document } = await wfloJson(["sandbox", "check"], undefined, {
    environment: { WFLO_SANDBOX: "none" },
  });
  expect(exitCode).toBe(1);
  expect(document).toMatchObject({
    ok: false,
    checks: [{ name: expect.any(String), ok: false, detail: expect.stringContaining("WFLO_SANDBOX") }],
  });
});

describe("a line of progress on a terminal", () => {
  const at = "2026-11-25T00:00:00.000Z";
  const written = (changes: readonly RunChange[], columns = 120) => {
    let text = "";
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString("utf8");
        done();
      },
    });
    const view = createLiveView(Object.assign(stream, { isTTY: true, columns }));
    for (const change of changes) view.show(change);
    view.end();
    return text.split("\r\u001b[2K");
  };
  const usage = {
    inputTokens: 1_204,
    outputTokens: 310,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
  const answered: RunChange = {
    ...{ kind: "answered", at, turn: 3, model: "openai/x", usage, nanoUsd: 2_200_000 as never },
    ...{ toolCalls: ["python"], total: { inputTokens: 2_408, outputTokens: 310 } },
  };

  test("has turn, tool, tokens and cost, and is gone at the end", () => {
    const running: RunChange = { kind: "tool", at, turn: 3, tool: "python", callId: "c1", stage: "running" };
    const lines = written([answered, running]);
    expect(lines.at(-2)).toMatch(/^turn 3 · python is running · 2,408→310 tokens · \$0\.0022 · \d+s$/);
    expect(lines.at(-1)).toBe("");
  });

  test("never wraps, however narrow the terminal is", () => {
    for (const line of written([answered], 20)) expect(line.length).toBeLessThan(20);
  });

  test("lets nothing from outside move the cursor", () => {
    const evil: RunChange = { kind: "tool", at, turn: 1, tool: "x\u001b[2J\ry", stage: "running" };
    for (const character of ["\u001b", "\r"]) expect(written([evil]).join("")).not.toContain(character);
  });
});

test("commands beside wflo dev know its Web UI, whatever port it has, and no other server's", async () => {
  const folder = await temporaryFolder();
  const forget = await noteDevServer(folder, { address: "127.0.0.1:7233", uiUrl: "http://localhost:9999" });
  expect(await uiUrlOf(folder, "localhost:7233")).toBe("http://localhost:9999");
  expect(await uiUrlOf(folder, "temporal.example:7233")).toBeUndefined();
  await forget();
  expect(await uiUrlOf(folder, "localhost:7233")).toBeUndefined();
});
