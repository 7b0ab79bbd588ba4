/**
 * A process with a bubblewrap sandbox, for tests that need another user's or one that can be killed. Its argument is the
 * path of bwrap; a line of standard input is a request, a line of standard output its answer (sandbox-client.ts).
 */
import { createInterface } from "node:readline";
import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../../../adapters/sandbox/gvisor.js";
import type { Answer, Question } from "./sandbox-client.js";

const [, , programPath = "", backend = "bubblewrap", standby = "0"] = process.argv;
const create = backend === "gvisor" ? createGvisorSandbox : createBubblewrapSandbox;
const sandbox = create({ programPath }, { standby: Number(standby) });
const aborts = new Map<number, AbortController>();

const say = (answer: Answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

async function answer(question: Question): Promise<void> {
  const { id } = question;
  try {
    if (question.kind === "abort") {
      aborts.get(id)?.abort(new Error(question.reason));
    } else if (question.kind === "check") {
      say({ id, checks: await sandbox.check() });
    } else {
      const controller = new AbortController();
      aborts.set(id, controller);
      const files = question.request.files.map((file) => ({ ...file, content: Buffer.from(file.content, "base64") }));
      const result = await sandbox.run({ ...question.request, files }, { signal: controller.signal });
      const left = result.files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") }));
      say({ id, result: { ...result, files: left } });
    }
  } catch (error) {
    say({ id, error: { name: (error as Error).name, message: (error as Error).message } });
  }
}

createInterface({ input: process.stdin }).on("line", (line) => void answer(JSON.parse(line) as Question));
say({ id: 0, checks: [] });
