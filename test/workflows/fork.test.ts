import { afterEach, describe, expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { RunResult } from "../../core/run.js";
import type { Message } from "../../core/transcript.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld): Promise<AgentWorker> {
  worker = await startAgentWorker(world);
  return worker;
}

/** A sandbox that appends its code to a file, and answers what is in it. */
function appending(store: ReturnType<typeof createMemoryObjectStore>): NonNullable<TestWorld["code"]> {
  const workspaces = createWorkspaces(createBlobs(store));
  return async ({ code, workspace }) => {
    const files = await workspaces.load(workspace);
    const before = files.find(({ path }) => path === "out/log.txt");
    const text = `${before ? new TextDecoder().decode(before.content) : ""}${code};`;
    const rest = files.filter(({ path }) => path !== "out/log.txt");
    const saved = await workspaces.save([...rest, { path: "out/log.txt", content: new TextEncoder().encode(text) }]);
    const ran = { exitCode: 0, stdout: text, stderr: "", timedOut: false, truncated: false, durationMs: 1 };
    return {
      result: { ...ran, backend: "none", files: ["log.txt"] },
      workspace: saved,
      out: await workspaces.out(saved),
    };
  };
}

const python = { name: "python", kind: "sandbox", settings: { language: "python" } } as const;
/** Runs code in turns 1 to 3, then tells what it was told last. */
const writing = () =>
  plainModels(({ turn, messages }) => {
    const last = messages.at(-1);
    if (turn < 4) return { toolCalls: [{ id: `c${turn}`, name: "python", args: { code: `turn ${turn}` } }] };
    const result = last?.toolResults?.[0];
    return { text: `${last?.text ?? (result?.result as { stdout?: string })?.stdout ?? result?.error}` };
  });

async function finished(input: object): Promise<RunResult> {
  return await (await (worker as AgentWorker).start({ agent: "tester", ...input })).result();
}

async function messagesOf({ transcript }: RunResult): Promise<readonly Message[]> {
  return await (worker as AgentWorker).transcripts.load(transcript as never);
}

describe("a fork", () => {
  test("goes on behind a turn with what its tools answered, with the files as they were then", async () => {
    const store = createMemoryObjectStore();
    const models = writing();
    const { blobs } = await start({ models, store, tools: [python], code: appending(store) });
    const original = await finished({ input: "go", files: { "data.csv": "1,2" } });
    expect(original).toMatchObject({ status: "completed", turns: 4, output: "turn 1;turn 2;turn 3;" });

    const fork = { transcript: original.transcript, turn: 2 };
    const forked = await finished({ fork, input: "and now otherwise" });
    // Turn 3 was done again, from the files of turn 2; its own money alone is on its bill.
    expect(forked).toMatchObject({ status: "completed", turns: 2, cost: { nanoUsd: 2_200_000 } });
    expect(await blobs.getText(forked.files["log.txt"] as never)).toBe("turn 1;turn 2;turn 3;");
    const messages = await messagesOf(forked);
    expect(messages.slice(0, 5)).toEqual((await messagesOf(original)).slice(0, 5));
    expect(messages[5]).toMatchObject({ role: "user", text: "and now otherwise", turn: 3 });
    expect(messages.map(({ turn }) => turn)).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 4]);
  });

  test("needs no word where a tool has answered last, and takes other files and another model along", async () => {
    const store = createMemoryObjectStore();
    const models = writing();
    const { workspaces } = await start({ models, store, tools: [python], code: appending(store) });
    const original = await finished({ input: "go", files: { "data.csv": "1,2" } });
    const fork = { transcript: original.transcript, turn: 3 };
    const forked = await finished({ fork, model: "plain/two", files: { "data.csv": "3,4", "more.csv": "5" } });
    expect(forked).toMatchObject({ output: "turn 1;turn 2;turn 3;", turns: 1, cost: { byModel: { "plain/two": {} } } });
    expect(forked.files).toEqual(original.files);
    // A fork of a fork, whose next execution finds the files that it brought.
    const again = await finished({
      fork: { transcript: forked.transcript, turn: 2 },
      input: "x",
      files: { "data.csv": "9" },
    });
    const { workspace } = (await messagesOf(again)).findLast(({ role }) => role === "tool") ?? {};
    const files = (await workspaces.load(workspace)).map(({ path, content }) => [
      path,
      new TextDecoder().decode(content),
    ]);
    expect(Object.fromEntries(files)).toEqual({ "data.csv": "9", "out/log.txt": "turn 1;turn 2;turn 3;" });
  });

  test("of a run that ended in the middle of a turn tells the model what did not run", async () => {
    const models = plainModels(({ turn, messages }) =>
      turn === 1
        ? { toolCalls: ["deploy", "look"].map((name) => ({ id: name, name, args: {} })) }
        : { text: JSON.stringify(messages.at(-1)?.toolResults?.map(({ result, error }) => result ?? error)) },
    );
    const tools = [
      { name: "deploy", safe: false, execute: async () => "deployed" },
      { name: "look", execute: async () => "seen" },
    ];
    const { start: run } = await start({ models, tools });
    const original = await run({ agent: "tester", input: "go" });
    await eventually(async () => expect(await original.query("approvals")).toHaveLength(1));
    await original.signal("reject", { gate: "g1", by: "ana" });
    const rejected = await original.result();
    const forked = await finished({ fork: { transcript: rejected.transcript } });
    expect(JSON.parse(forked.output)).toEqual(["not run: g1 (deploy) was rejected by ana", "seen"]);

    const { head } = await original.query<{ head: string }>("transcript");
    expect(head).toBe(rejected.transcript);
  });

  test("of a transcript whose tools have not answered tells the model so", async () => {
    const models = plainModels(({ messages }) => ({ text: String(messages.at(-1)?.toolResults?.[0]?.error) }));
    const { transcripts } = await start({ models });
    const { head } = await transcripts.append(null, [
      { role: "user", text: "go", turn: 1 },
      { role: "assistant", text: "", toolCalls: [{ id: "c", name: "x", args: {} }], turn: 1 },
    ]);
    const forked = await finished({ fork: { transcript: head } });
    expect(forked).toMatchObject({ status: "completed", output: expect.stringContaining("the run was forked here") });
  });

  test("is on record, and counts turns and limits of its own", async () => {
    const models = plainModels(({ turn }) => ({ text: `answer ${turn}` }));
    const { published } = await start({ models });
    const original = await finished({ input: "go" });
    const forked = await finished({ fork: { transcript: original.transcript }, input: "again", maxTurns: 1 });
    expect(forked).toMatchObject({ status: "completed", output: "answer 2", turns: 1 });
    await eventually(() => {
      const facts = published.map(({ value }) => JSON.parse(value)).filter(({ action }) => action === "run.started");
      expect(facts[1]).toMatchObject({ facts: { fork: { transcript: original.transcript } } });
    });
  });
});

describe("a fork is refused, with the field and what is wrong,", () => {
  const nowhere = `sha256:${"0".repeat(64)}`;
  test.each<[string, (transcript: string) => object, RegExp]>([
    [
      "from nowhere",
      () => ({ fork: { transcript: nowhere }, input: "x" }),
      /^fork\.transcript: is no transcript .*sha256:0000/,
    ],
    [
      "behind a turn that there is not",
      (transcript) => ({ fork: { transcript, turn: 9 }, input: "x" }),
      /^fork\.turn: the transcript has 1 turns, so there is no turn 9$/,
    ],
    [
      "without a word behind an answer",
      (transcript) => ({ fork: { transcript } }),
      /^input: is missing; the transcript ends with an answer/,
    ],
    [
      "from what is no address",
      () => ({ fork: { transcript: "latest" }, input: "x" }),
      /fork\.transcript: must be the transcript's address/,
    ],
    [
      "behind turn 0",
      (transcript) => ({ fork: { transcript, turn: 0 }, input: "x" }),
      /fork\.turn: must be a whole number from 1/,
    ],
    ["without a transcript", () => ({ fork: {}, input: "x" }), /fork\.transcript: is missing/],
  ])("%s", async (_, input, message) => {
    await start({ models: plainModels(() => ({ text: "answer" })) });
    const { transcript } = await finished({ input: "go" });
    const refused = finished(input(transcript as string));
    await expect(refused).rejects.toMatchObject({
      cause: { type: "InvalidInput", message: expect.stringMatching(message) },
    });
  });

  test("from a blob that is no transcript", async () => {
    const { blobs } = await start({ models: plainModels(() => ({ text: "answer" })) });
    const { ref } = await blobs.put("just a text");
    await expect(finished({ fork: { transcript: ref }, input: "x" })).rejects.toMatchObject({
      cause: { type: "InvalidInput", message: expect.stringContaining("fork.transcript: is no transcript") },
    });
  });
});

test("an input that names blobs which are not there is refused before anything is bought", async () => {
  const nowhere = { ref: `sha256:${"0".repeat(64)}` };
  const models = plainModels(() => ({ text: "answer" }));
  await start({ models });
  for (const [field, input] of Object.entries({
    input: { input: nowhere },
    files: { input: "x", files: { "a.csv": nowhere } },
  })) {
    await expect(finished(input)).rejects.toMatchObject({
      cause: { type: "InvalidInput", message: expect.stringMatching(new RegExp(`^${field}: the blob sha256:0000`)) },
    });
  }
  expect(models.requests).toHaveLength(0);
});
