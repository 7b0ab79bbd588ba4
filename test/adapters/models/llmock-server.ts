import { freePort } from "../../../workers/free-port.js";
import { startProcess } from "../../harness/processes.js";
import { modelsAt } from "./asking.js";

/** A running `llmock`: a server that breaks on demand and judges its clients. */
export async function startLlmock(path: string, args: readonly string[] = []) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    command: path,
    args: ["serve", "--port", String(port), ...args],
    ready: /Uvicorn running/,
  });
  return {
    url,
    /** The real providers, each at its place of this server. */
    models: modelsAt(url, {
      paths: { anthropic: "/anthropic/v1", google: "/gemini/v1beta", compatible: "/groq/openai/v1" },
    }),
    /** The next requests find these behaviours, one after the other. */
    async queue(behaviors: readonly object[]): Promise<void> {
      if (behaviors.length === 0) return;
      const answer = await fetch(`${url}/_llmock/scenario`, { method: "POST", body: JSON.stringify({ behaviors }) });
      if (answer.status !== 201) throw new Error(await answer.text());
    },
    async requests(): Promise<readonly { readonly status: number; readonly fault: string | null }[]> {
      const answer = (await (await fetch(`${url}/_llmock/requests`)).json()) as { requests: never[] };
      return answer.requests;
    },
    /** What `llmock report` says, and whether it is content: errors count, and warnings too where it is strict (the default). */
    async report({ strict = true } = {}): Promise<{ readonly passed: boolean; readonly text: string }> {
      const args = ["report", "--url", url, ...(strict ? ["--strict"] : [])];
      const report = await startProcess({ command: path, args });
      return { passed: (await report.ended) === 0, text: report.output() };
    },
    stop: async () => await server.stop(),
  };
}

export type Llmock = Awaited<ReturnType<typeof startLlmock>>;
