import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { plainModels } from "../harness/plain-models.js";
import { wflo, wfloJson } from "./command-line.js";

/* What the commands say of two runs of the same agent: one that has answered, one that waits for its people. */

const newFolder = temporaryFolders();
let worker: AgentWorker;
const answered = `answered-${Date.now()}`;
const waiting = `waiting-${Date.now()}`;

beforeAll(async () => {
  const models = plainModels(({ messages }) => {
    if (messages.at(-1)?.role === "tool") return { text: "It is out.\u001b[31m" };
    return { toolCalls: [{ id: "c1", name: "deploy", args: { to: "production" } }] };
  });
  const tools = [{ name: "deploy", safe: false, execute: async () => ({ version: 7 }) }];
  worker = await startAgentWorker({ models, tools, maxCachedWorkflows: 100 });
  for (const id of [answered, waiting]) {
    await wflo(["run", "tester", "Deploy it.", "--id", id, "--budget", "1", "--detach"], worker);
    await eventually(async () => expect((await wflo(["approvals", id], worker)).stdout).toContain("g1"));
  }
  await wflo(["approve", answered, "g1", "--comment", "go"], worker);
  expect((await wflo(["watch", answered], worker)).exitCode).toBe(0);
});

afterAll(async () => {
  await wflo(["cancel", waiting], worker);
  await worker.stop();
});

describe("wflo show", () => {
  test("has status, budget, approvals and result of a run, as the contract names them", async () => {
    const { document } = await wfloJson(["show", answered], worker);
    expect(document).toMatchObject({
      workflowId: answered,
      webUrl: expect.stringContaining(answered),
      status: { state: "completed", turn: 2, agent: "tester", model: "plain/one" },
      budget: { limitNanoUsd: 1_000_000_000, spentNanoUsd: 2_200_000, entries: expect.any(Array) },
      approvals: [{ gate: "g1", state: "approved", decisions: [{ by: "ana", comment: "go" }] }],
      result: { status: "completed", turns: 2, cost: { usd: "0.0022" } },
    });
  });

  test("has no result of a run that goes on, and says how to decide", async () => {
    const { document } = await wfloJson<{ result?: unknown }>(["show", waiting], worker);
    expect(document).toMatchObject({ status: { state: "awaiting_approval", turn: 1 } });
    expect(document).not.toHaveProperty("result");
    const { stdout } = await wflo(["show", waiting], worker);
    expect(stdout).toMatch(/state +awaiting_approval/);
    expect(stdout).toMatch(/budget +\$0\.0011 spent of \$1\.00/);
    expect(stdout).toContain(`wflo approve ${waiting} g1`);
  });

  test("tells what happened, in order: turns, tools, who decided what and when, the end", async () => {
    const { stdout } = await wflo(["show", answered], worker);
    const time = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  ";
    const lines = [
      "turn 1: answered · 1,000→100 tokens · \\$0\\.0011 · asks for .*",
      "gate g1: .* \\(asks .*\\)",
      'gate g1: ana approves: "go"',
      "tool .*: done in .*",
      "turn 2: answered · .*",
      "ended: completed",
    ];
    expect(stdout).toMatch(new RegExp(lines.map((line) => `${time}${line}`).join("\n")));
    const { document } = await wfloJson<{ story: { kind: string }[] }>(["show", answered], worker);
    expect(document.story.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["thinking", "answered", "tool", "ended"]),
    );
    // Nobody traces here.
    expect(document).not.toHaveProperty("traceId");
    expect((await wflo(["show", waiting], worker)).stdout).toMatch(/gate g1: .* \(asks /);
  });

  test("shows an answer without what would move a terminal's cursor", async () => {
    const { stdout } = await wflo(["show", answered], worker);
    expect(stdout).toContain("It is out.\\x1b[31m");
    expect(stdout).not.toContain("\u001b");
  });
});

describe("wflo runs", () => {
  test("lists runs with their agent, state, turn and cost", async () => {
    await eventually(async () => {
      const { document } = await wfloJson<{ workflowId: string }[]>(["runs", "--status", "completed"], worker);
      expect(document.find(({ workflowId }) => workflowId === answered)).toMatchObject({
        status: "completed",
        agent: "tester",
        turn: 2,
        costNanoUsd: 2_200_000,
        costUsd: "0.0022",
      });
    });
    const { stdout } = await wflo(["runs", "--agent", "tester"], worker);
    expect(stdout).toMatch(/^ID +AGENT +STATUS +TURN +COST +MODEL +STARTED$/m);
    expect(stdout).toMatch(new RegExp(`^${answered} +tester +completed +2 +\\$0\\.0022 +plain/one +.* ago$`, "m"));
  });

  test("says when there are more than it shows", async () => {
    const { document, stderr } = await wfloJson<unknown[]>(["runs", "--limit", "1"], worker);
    expect(document).toHaveLength(1);
    expect(stderr).toContain("--limit");
  });
});

describe("wflo approvals", () => {
  test("of one run has all its gates, decided ones too", async () => {
    const { document } = await wfloJson(["approvals", answered], worker);
    expect(document).toMatchObject([{ workflowId: answered, gate: "g1", tool: "deploy", state: "approved" }]);
  });

  test("without a run has the open gates of all runs", async () => {
    await eventually(async () => {
      const { document } = await wfloJson<{ workflowId: string }[]>(["approvals"], worker);
      expect(document).toContainEqual(
        expect.objectContaining({ workflowId: waiting, gate: "g1", args: { to: "production" }, state: "pending" }),
      );
      expect(document.map(({ workflowId }) => workflowId)).not.toContain(answered);
    });
  });

  test("a decision that the run refuses ends with 2, with the reason and what to do", async () => {
    const unknown = await wflo(["approve", waiting, "g9"], worker);
    expect(unknown).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("there is no gate g9") });
    const stale = await wflo(["approve", waiting, "g1", "--digest", `sha256:${"0".repeat(64)}`], worker);
    expect(stale).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`wflo approvals`) });
    const late = await wflo(["reject", answered, "g1"], worker);
    expect(late).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("has ended already") });
  });
});

describe("wflo transcript", () => {
  test("prints an array of messages for programs", async () => {
    const { document } = await wfloJson(["transcript", answered], worker);
    expect(document).toMatchObject([
      { role: "user", text: "Deploy it.", turn: 1 },
      { role: "assistant", turn: 1, toolCalls: [{ id: "c1", name: "deploy", args: { to: "production" } }] },
      { role: "tool", turn: 1, toolResults: [{ id: "c1", name: "deploy", result: { version: 7 } }] },
      { role: "assistant", turn: 2, text: "It is out.\u001b[31m" },
    ]);
  });

  test("prints who said what for people, also of a run that goes on", async () => {
    const { stdout } = await wflo(["transcript", waiting], worker);
    expect(stdout).toContain("── user · turn 1\nDeploy it.");
    expect(stdout).toContain('→ deploy {"to":"production"}');
  });
});

describe("wflo budget", () => {
  test("show has the run's books, as an array", async () => {
    const { document } = await wfloJson(["budget", "show", answered], worker);
    expect(document).toMatchObject([
      { workflowId: answered, limitNanoUsd: 1_000_000_000, spentNanoUsd: 2_200_000, remainingNanoUsd: 997_800_000 },
    ]);
  });

  test("add, freeze and unfreeze change the terms of a run", async () => {
    const added = await wfloJson(["budget", "add", waiting, "0.50", "--by", "ben"], worker);
    expect(added).toMatchObject({ exitCode: 0, document: { limitNanoUsd: 1_500_000_000 } });
    const budget = async () => (await wfloJson<object[]>(["budget", "show", waiting], worker)).document[0];
    await wflo(["budget", "freeze", waiting, "--reason", "audit"], worker);
    await eventually(async () => expect(await budget()).toMatchObject({ frozen: true }));
    await wflo(["budget", "unfreeze", waiting], worker);
    await eventually(async () => expect(await budget()).toMatchObject({ frozen: false }));
  });
});

test("wflo say answers with the turn that hears it", async () => {
  const { document } = await wfloJson(["say", waiting, "Be careful."], worker);
  expect(document).toEqual({ workflowId: waiting, turn: 2 });
});

test("wflo pause and wflo resume hold a run before its next step", async () => {
  const id = `paused-${Date.now()}`;
  await wflo(["run", "tester", "Deploy it.", "--id", id, "--detach"], worker);
  await eventually(async () => expect((await wflo(["approvals", id], worker)).stdout).toContain("g1"));
  expect((await wflo(["pause", id], worker)).exitCode).toBe(0);
  await wflo(["approve", id, "g1"], worker);
  await eventually(async () =>
    expect((await wfloJson(["show", id], worker)).document).toMatchObject({ status: { state: "paused" } }),
  );
  await wflo(["resume", id], worker);
  expect((await wflo(["watch", id], worker)).exitCode).toBe(0);
});

describe("wflo files", () => {
  test("names the ones that there are, of a run that goes on too", async () => {
    expect((await wfloJson(["files", waiting], worker)).document).toEqual([]);
    expect((await wfloJson(["files", answered], worker)).document).toEqual([]);
    expect(await wflo(["files", answered, "out.csv"], worker)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no file out.csv; its files: none"),
    });
  });
});

describe("wflo cost", () => {
  test.each(["agent", "model", "account", "day"])("sums what was booked by %s", async (by) => {
    const { document } = await wfloJson<{ runs: number; nanoUsd: number }[]>(
      ["cost", "--by", by, "--since", "1h"],
      worker,
    );
    expect(document.length).toBeGreaterThan(0);
    for (const row of document) expect(row).toMatchObject({ by, usd: expect.stringMatching(/^\d+\.\d+$/) });
  });

  test("says what the runs' own books say, and nothing of what was booked before", async () => {
    const { document } = await wfloJson<Record<string, number | string>[]>(["cost"], worker);
    const tester = document.find(({ key }) => key === "tester");
    expect(tester).toMatchObject({ confirmedNanoUsd: expect.any(Number), unconfirmedNanoUsd: 0, savedNanoUsd: 0 });
    expect(Number(tester?.nanoUsd)).toBe(1_100_000 * Number(tester?.calls));
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    expect((await wflo(["cost", "--since", tomorrow], worker)).stdout).toBe("no runs\n");
    const { stdout: words } = await wflo(["cost"], worker);
    expect(words).toMatch(/^AGENT +RUNS +CALLS +INPUT +OUTPUT +COST$/m);
    expect(words).toMatch(/^total +– +\d+ +[\d,]+ +[\d,]+ +\$\d+\.\d+$/m);
    expect(words).toContain("as far back as the event log goes");
  });

  test("as comma-separated values, and as a page that needs nothing else", async () => {
    const { stdout } = await wflo(["cost", "--csv"], worker);
    expect(stdout).toMatch(/^by,key,runs,calls,inputTokens,/);
    expect(stdout).toMatch(/^agent,tester,\d+,\d+,\d+,.*\d+\.\d+,.*\r$/m);
    const folder = await newFolder();
    expect(await wflo(["cost", "--html", "cost.html"], worker, { folder })).toMatchObject({ exitCode: 0, stdout: "" });
    const page = await readFile(join(folder, "cost.html"), "utf8");
    expect(page).toContain("<td>tester</td>");
    expect(page).not.toMatch(/https?:|<script|<link|@import|url\(/);
  });
});

test("wflo show has the books line by line, with the providers' ids of the requests", async () => {
  const { stdout } = await wflo(["show", answered], worker);
  expect(stdout).toMatch(/^AT +BOOKED +AMOUNT +ATTEMPT +MODEL +TOKENS +REQUEST OR REASON$/m);
  expect(stdout).toMatch(/ reserved +\$0\.0011 +t1\.a1 +plain\/one /);
  expect(stdout).toMatch(/ settled +\$0\.0011 +t1\.a1 +plain\/one +1,000 in, 100 out +req-\d+$/m);
});

test("wflo events has the contract's events in their order", async () => {
  const { document } = await wfloJson<{ subject: string; type: string; sequence: string }[]>(["events"], worker);
  const own = document.filter(({ subject }) => subject === answered);
  expect(own.map(({ sequence }) => Number(sequence))).toEqual(own.map((_, index) => index + 1));
  expect(own.map(({ type }) => type)).toEqual([
    "wflo.run.started",
    "wflo.model.called",
    "wflo.approval.requested",
    "wflo.approval.decided",
    "wflo.tool.called",
    "wflo.model.called",
    "wflo.run.completed",
  ]);
  expect((await wflo(["events"], worker)).stdout).toContain(`${answered} 7 wflo.run.completed`);
});
