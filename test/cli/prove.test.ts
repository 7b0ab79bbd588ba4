import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import type { Proof } from "../../cli/prove/world.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { describeWith } from "../harness/real-part.js";

const run = promisify(execFile);

/** The command as users have it: its own process, with its own server, workers and provider. */
async function prove(path: string, ...args: string[]) {
  const env = {
    HOME: process.env.HOME,
    PATH: `${path}:${process.env.PATH}`,
    WFLO_CACHE_DIR: process.env.WFLO_CACHE_DIR,
  };
  return await run(process.execPath, [join(packageRoot(), "scripts/wflo.mjs"), "prove", "--quick", ...args], { env });
}

test("a fault that does not come about is told as a problem, and nothing waits for it", async () => {
  // As a process: the worker that it starts is a built file.
  const program = `
    const { prove } = await import(${JSON.stringify(pathToFileURL(join(packageRoot(), "dist/cli/prove/world.js")).href)});
    const fault = { name: "a death that never comes", dieAt: "never", extraRequests: 0 };
    const stuck = { name: "a worker that dies for good", dieAt: "model.started", extraRequests: 0 };
    const options = { environment: process.env, report() {}, onProof() {} };
    const proofs = [...(await prove([fault], options)), ...(await prove([stuck], { ...options, patienceMs: 1 }))];
    console.log(JSON.stringify(proofs));
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { timeout: 90_000 });
  const [never, impatient] = JSON.parse(stdout) as [Proof, Proof];
  expect(never.problems).toEqual(["no worker came to never"]);
  expect(never.evidence).toMatchObject({ status: "completed" });
  expect(impatient.problems).toContainEqual("no worker came to model.started");
}, 120_000);

describeWith("redis", (program) => {
  test("wflo prove: a killed worker, a cut stream and a lost Redis break no promise, and both ledgers are shown", async () => {
    const { stdout } = await prove(dirname(program), "--json");
    const proofs = JSON.parse(stdout) as Proof[];
    expect(proofs.map(({ fault, problems, skipped }) => [fault.name, problems, skipped])).toEqual([
      ["nothing goes wrong", [], undefined],
      ["killed when the answer is billed and not kept", [], undefined],
      ["the provider cuts the stream", [], undefined],
      ["Redis is killed and comes back empty", [], undefined],
    ]);
    // The killed worker's answer was in the cache already: it is not bought again.
    expect(proofs.map(({ evidence }) => evidence?.billed.length)).toEqual([2, 2, 3, 2]);
    for (const { evidence } of proofs) {
      const theirs = evidence?.billed.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0) ?? Number.POSITIVE_INFINITY;
      expect(theirs).toBeLessThanOrEqual(evidence?.capNanoUsd ?? 0);
      expect(theirs).toBeLessThanOrEqual((evidence?.confirmedNanoUsd ?? 0) + (evidence?.unconfirmedNanoUsd ?? 0));
    }
  }, 120_000);
});
