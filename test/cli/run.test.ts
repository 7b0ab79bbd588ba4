import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { start, wflo, wfloJson } from "./command-line.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
const work = async (world: Partial<TestWorld> = {}) => {
  worker = await startAgentWorker({ maxCachedWorkflows: 100, models: plainModels(() => ({ text: "42" })), ...world });
  return worker;
};

const ran: unknown[] = [];
const deploy = {
  name: "deploy",
  safe: false,
  execute: async (args: object) => {
    ran.push(args);
    return "deployed";
  },
};
const deploying = () =>
  plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: { to: "production" } }] } : { text: "It is out." },
  );

describe("wflo run", () => {
  test("prints the answer on stdout, and turns, tokens and cost on stderr", async () => {
    const { exitCode, stdout, stderr } = await wflo(
      ["run", "tester", "six times seven", "--budget", "1"],
      await work(),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "42\n" });
    expect(stderr).toContain("turn 1: plain/one is thinking");
    expect(stderr).toContain("turn 1: answered · 1,000→100 tokens · $0.0011");
    expect(stderr).toMatch(/status +completed/);
    expect(stderr).toMatch(/cost +\$0\.0011/);
    expect(stderr).toContain("/namespaces/default/workflows/run-");
  });

  test("with --json prints the contract's result and where the run is, and nothing else", async () => {
    const id = `json-${Date.now()}`;
    const { exitCode, document } = await wfloJson(["run", "tester", "six times seven", "--id", id], await work());
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({
      workflowId: id,
      runId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      webUrl: expect.stringContaining(`/workflows/${id}/`),
      status: "completed",
      output: "42",
      turns: 1,
      cost: { usd: "0.0011", nanoUsd: 1_100_000 },
      audit: { records: expect.any(Number) },
    });
  });

  test("ends with 1 where the run fails, and says why and what to do", async () => {
    const { exitCode, document, stderr } = await wfloJson(["run", "nobody", "hello"], await work());
    expect(exitCode).toBe(1);
    expect(document).toMatchObject({
      workflowId: expect.any(String),
      runId: expect.any(String),
      webUrl: expect.any(String),
      status: "failed",
      error: { type: "UnknownAgent", message: expect.stringContaining("nobody") },
    });
    expect(stderr).not.toContain("{");
    const words = await wflo(["run", "nobody", "hello"], worker);
    expect(words.stderr).toMatch(/error +UnknownAgent: .*nobody/);
    expect(words.stderr).toContain("wflo agents");
  });

  test("ends with 3 where the budget is exhausted", async () => {
    const { exitCode, document } = await wfloJson(["run", "tester", "hello", "--budget", "0.000001"], await work());
    expect(exitCode).toBe(3);
    expect(document).toMatchObject({ status: "budget_exhausted" });
  });

  test("ends with 4 where an approver rejects, and without a terminal says how to decide from elsewhere", async () => {
    const id = `reject-${Date.now()}`;
    const running = start(
      ["run", "tester", "deploy", "--id", id],
      await work({ models: deploying(), tools: [deploy] }),
    );
    await eventually(() => expect(running.stderr()).toContain(`wflo approve ${id} g1`));
    expect(await wflo(["reject", id, "g1", "--comment", "not today"], worker)).toMatchObject({ exitCode: 0 });
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(4);
    expect(stderr).toContain("rejected by ana: not today");
  });

  test("with --detach prints the run's id and leaves it running", async () => {
    const { exitCode, document } = await wfloJson<{ workflowId: string }>(
      ["run", "tester", "six times seven", "--detach"],
      await work(),
    );
    expect({ exitCode, document }).toMatchObject({ exitCode: 0, document: { status: "running" } });
    const watched = await wflo(["watch", document.workflowId], worker);
    expect(watched).toMatchObject({ exitCode: 0, stdout: "42\n" });
  });

  test("reads its input from stdin, and a long one does not travel", async () => {
    const long = "word ".repeat(20_000);
    const models = plainModels(() => ({ text: "read" }));
    const ended = await wflo(["run", "tester", "-"], await work({ models }), { input: long });
    expect(ended).toMatchObject({ exitCode: 0, stdout: "read\n" });
    expect(models.requests[0]?.messages[0]?.text).toBe(long);
  });

  test("prints the whole of a long answer", async () => {
    const long = "word ".repeat(20_000).trim();
    const { stdout } = await wflo(
      ["run", "tester", "hello"],
      await work({ models: plainModels(() => ({ text: long })) }),
    );
    expect(stdout).toBe(`${long}\n`);
  });

  test("says that no worker takes its work", async () => {
    const running = start(["run", "tester", "hello"], undefined, { environment: { WFLO_TASK_QUEUE: "nobody-at-all" } });
    await eventually(() =>
      expect(running.stderr()).toContain("no worker takes work from the task queue nobody-at-all"),
    );
    running.interrupt();
    running.interrupt();
    expect(await running.ended).toMatchObject({ exitCode: 130 });
  });
});

describe("wflo run on a terminal", () => {
  const asked = async (...more: string[]) => {
    ran.length = 0;
    const running = start(["run", "tester", "deploy", ...more], await work({ models: deploying(), tools: [deploy] }), {
      terminal: true,
    });
    await eventually(() => expect(running.stderr()).toContain("[y]es"));
    return running;
  };

  test("shows the tool, its arguments and the digest, and runs what was approved", async () => {
    const running = await asked();
    expect(running.stderr()).toMatch(
      /g1: Run deploy\?[\s\S]*deploy[\s\S]*"to": "production"[\s\S]*sha256:[0-9a-f]{64}/,
    );
    running.type("y\n");
    expect(await running.ended).toMatchObject({ exitCode: 0, stdout: "It is out.\n" });
    expect(ran).toEqual([{ to: "production" }]);
  });

  test("takes a no, with a comment", async () => {
    const running = await asked();
    running.type("c\n");
    await eventually(() => expect(running.stderr()).toContain("Comment:"));
    running.type("not today\n");
    await eventually(() => expect(running.stderr().split("[y]es")).toHaveLength(3));
    running.type("n\n");
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(4);
    expect(stderr).toContain("rejected by ana: not today");
    expect(ran).toEqual([]);
  });

  test("asks again after a word that it does not know, and leaves a gate to others", async () => {
    const running = await asked("--id", `later-${Date.now()}`);
    running.type("perhaps\n");
    await eventually(() => expect(running.stderr()).toContain("y, n, e, c or l"));
    running.type("later\n");
    await eventually(() => expect(running.stderr()).toContain("decide with: wflo approve"));
    const [, id] = /wflo approve (\S+) g1/.exec(running.stderr()) ?? [];
    await wflo(["approve", id ?? "", "g1"], worker);
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  test("takes the question back when somebody else has decided", async () => {
    const running = await asked("--id", `other-${Date.now()}`);
    const [, id] = /^run (\S+)$/m.exec(running.stderr()) ?? [];
    await wflo(["approve", id ?? "", "g1", "--by", "ben"], worker);
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(0);
    expect(stderr).toContain("g1: approved by ben");
  });

  test("runs the arguments that were edited in the person's editor", async () => {
    ran.length = 0;
    const editor = `sh -c 'printf "{\\"to\\":\\"staging\\"}" > "$0"'`;
    const running = start(["run", "tester", "deploy"], await work({ models: deploying(), tools: [deploy] }), {
      terminal: true,
      environment: { EDITOR: editor },
    });
    await eventually(() => expect(running.stderr()).toContain("[y]es"));
    running.type("e\n");
    await eventually(() => expect(running.stderr()).toContain('"to": "staging"'));
    await eventually(() => expect(running.stderr().split("[y]es")).toHaveLength(3));
    running.type("y\n");
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    expect(ran).toEqual([{ to: "staging" }]);
  });

  test("asks a question of an agent, and the line that is typed is the answer", async () => {
    const models = plainModels(({ turn, messages }) =>
      turn === 1
        ? { toolCalls: [{ id: "c1", name: "ask_human", args: { question: "Which region?" } }] }
        : { text: JSON.stringify(messages.at(-1)?.toolResults?.[0]?.result) },
    );
    const running = start(
      ["run", "tester", "report"],
      await work({ models, tools: [{ name: "ask_human", kind: "human" }] }),
      {
        terminal: true,
      },
    );
    await eventually(() => expect(running.stderr()).toContain("Your answer"));
    running.type("the north\n");
    expect((await running.ended).stdout).toContain('"answer":"the north"');
  });
});

describe("Ctrl-C", () => {
  const waiting = async (terminal: boolean) => {
    const id = `ctrl-c-${Date.now()}`;
    const running = start(
      ["run", "tester", "deploy", "--id", id],
      await work({ models: deploying(), tools: [deploy] }),
      {
        terminal,
      },
    );
    await eventually(() => expect(running.stderr()).toContain(terminal ? "[y]es" : "wflo approve"));
    return { running, id };
  };

  test("without a terminal cancels the run, waits for its books, and ends with 130", async () => {
    const { running, id } = await waiting(false);
    running.interrupt();
    expect(await running.ended).toMatchObject({ exitCode: 130 });
    expect((await wfloJson(["show", id], worker)).document).toMatchObject({ status: { state: "canceled" } });
  });

  test("on a terminal asks: l leaves the run running, and says how to come back", async () => {
    const { running, id } = await waiting(true);
    running.interrupt();
    await eventually(() => expect(running.stderr()).toContain("[l]eave it running"));
    running.type("l\n");
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(130);
    expect(stderr).toContain(`wflo watch ${id}`);
    expect((await wfloJson(["show", id], worker)).document).toMatchObject({ status: { state: "awaiting_approval" } });
    await wflo(["cancel", id], worker);
  });

  test("on a terminal asks: c cancels the run", async () => {
    const { running, id } = await waiting(true);
    running.interrupt();
    await eventually(() => expect(running.stderr()).toContain("[c]ancel the run"));
    running.type("c\n");
    expect(await running.ended).toMatchObject({ exitCode: 130 });
    expect((await wfloJson(["show", id], worker)).document).toMatchObject({ status: { state: "canceled" } });
  });

  test("on a terminal asks: Enter goes on, and the gate is asked about again", async () => {
    const { running } = await waiting(true);
    running.interrupt();
    await eventually(() => expect(running.stderr()).toContain("[c]ancel the run"));
    running.type("\n");
    await eventually(() => expect(running.stderr().split("[y]es")).toHaveLength(3));
    running.type("y\n");
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  test("ends wflo watch and leaves the run alone", async () => {
    const id = `watched-${Date.now()}`;
    await wflo(
      ["run", "tester", "deploy", "--detach", "--id", id],
      await work({ models: deploying(), tools: [deploy] }),
    );
    const watching = start(["watch", id], worker);
    await eventually(() => expect(watching.stderr()).toContain("g1"));
    watching.interrupt();
    expect(await watching.ended).toMatchObject({ exitCode: 130 });
    expect((await wfloJson(["show", id], worker)).document).toMatchObject({ status: { state: "awaiting_approval" } });
    await wflo(["cancel", id], worker);
  });
});

describe("files for a run", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "wflo-cli-files-"));
    await writeFile(join(folder, "small.csv"), "a,b\n1,2\n");
    await writeFile(join(folder, "large.csv"), "1,2\n".repeat(20_000));
    await writeFile(join(folder, "bytes.bin"), Buffer.from([0xff, 0xfe, 0x00]));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  test("travel with the input where they are small texts, and are stored where they are not", async () => {
    const id = `files-${Date.now()}`;
    const files = ["--file", "in/small.csv=small.csv", "--file", "large.csv=./large.csv", "--file", "b.bin=bytes.bin"];
    const ended = await wflo(["run", "tester", "read", "--detach", "--id", id, ...files], await work(), { folder });
    expect(ended.exitCode).toBe(0);
    const { connect } = await import("../../client/index.js");
    const client = await connect({ temporal: worker!.client });
    const request = await client.attach(id).request();
    expect(request.files).toEqual({
      "in/small.csv": "a,b\n1,2\n",
      "large.csv": { ref: expect.stringMatching(/^sha256:/) },
      "b.bin": { ref: expect.stringMatching(/^sha256:/) },
    });
    const stored = request.files?.["b.bin"] as { ref: `sha256:${string}` } | undefined;
    expect([...(await worker!.blobs.get(stored!.ref))]).toEqual([0xff, 0xfe, 0x00]);
  });
});
