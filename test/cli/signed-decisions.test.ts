import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readDeciders } from "../../encryption/decision-keys.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { start, wflo, wfloJson } from "./command-line.js";

let folder: string;
let worker: AgentWorker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-signing-"));
  const made = await wflo(["approver-key", "ana.pem"], undefined, { folder });
  expect(made).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("keep it to yourself") });
  const again = await wflo(["approver-key", "ana.pem", "--by", "ana"], undefined, { folder });
  expect(again.stdout).toBe(made.stdout);
  await writeFile(join(folder, "keys.json"), `{"keys":[${made.stdout}]}`);
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: {} }] } : { text: "It is out." },
  );
  worker = await startAgentWorker({
    models,
    tools: [{ name: "deploy", safe: false, execute: async () => "deployed" }],
    deciders: readDeciders(join(folder, "keys.json")),
  });
});
afterAll(async () => {
  await worker.stop();
  await rm(folder, { recursive: true, force: true });
});

test("a decision from elsewhere is signed with --key, and refused without, with what to do", async () => {
  const run = await worker.start({ agent: "tester", input: "deploy", approvals: { identity: "verified" } });
  const { workflowId } = run;
  await eventually(async () => expect(await run.query("approvals")).toHaveLength(1));
  expect((await wflo(["approvals", workflowId], worker)).stdout).toMatch(/asks +anyone, signed$/m);
  const plain = await wflo(["approve", workflowId, "g1"], worker, { folder });
  expect(plain).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/verified decisions only[\s\S]*--key FILE/),
  });
  const unknown = await wflo(["approve", workflowId, "g7", "--key", "ana.pem"], worker, { folder });
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("there is no gate g7") });
  const other = await wflo(["approve", workflowId, "g1", "--key", "ana.pem", "--by", "ben"], worker, { folder });
  expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no key of ben is known here") });
  const { document } = await wfloJson(["approve", workflowId, "g1", "--key", "ana.pem"], worker, { folder });
  expect(document).toMatchObject({ state: "approved", decisions: [{ by: "ana", identity: "verified" }] });
  await run.result();
});

test("so is what is answered at the terminal, with WFLO_APPROVER_KEY", async () => {
  const typed = { terminal: true, folder, environment: { WFLO_APPROVER_KEY: "ana.pem" } };
  const id = `signed-${worker.taskQueue}`;
  const running = start(["run", "tester", "deploy", "--id", id], worker, typed);
  await eventually(() => expect(running.stderr()).toContain("[y]es"));
  running.type("y\n");
  expect(await running.ended).toMatchObject({ exitCode: 0, stdout: "It is out.\n" });
  const { document } = await wfloJson(["approvals", id], worker);
  expect(document).toMatchObject([{ decisions: [{ by: "ana", identity: "verified" }] }]);
  const wrong = await start(["run", "tester", "deploy"], worker, {
    ...typed,
    environment: { WFLO_APPROVER_KEY: "nobody.pem" },
  }).ended;
  expect(wrong).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("nobody.pem is not a private key in PEM"),
  });
});
