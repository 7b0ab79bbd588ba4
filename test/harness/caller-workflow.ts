import { callAgent, type RunResult } from "../../workflows/door.js";

/** A user's own workflow, that calls an agent. @param taskQueue where Wflo's workers are */
export async function caller(taskQueue: string): Promise<RunResult> {
  return await callAgent({ agent: "tester", input: "go" }, { taskQueue });
}
