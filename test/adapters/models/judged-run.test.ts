import { expect, test } from "@jest/globals";
import { startAgentWorker } from "../../harness/agent-worker.js";
import { describeWith } from "../../harness/real-part.js";
import { startLlmock } from "./llmock-server.js";

/* A whole run on a real Temporal server: its retries, reservations and repeats are what the judge sees. */

describeWith("llmock", (path) => {
  test("a run goes on through rate limits, a server that is down and a cut stream, and the judge is content", async () => {
    const llmock = await startLlmock(path, ["--stream-chunk-delay-ms", "15"]);
    const worker = await startAgentWorker({ models: llmock.models });
    try {
      await llmock.queue([
        { type: "fail", status: 429, retry_after: 1.5 },
        { type: "fail", status: 500 },
        { type: "stream_fault", kind: "truncate", after_chunks: 3 },
      ]);
      const input = { agent: "tester", input: "judge me", model: "openai/gpt-4o-mini", budget: { limitUsd: "1" } };
      const run = await worker.start(input);
      const result = await run.result();
      expect(result).toMatchObject({ status: "completed", turns: 1 });
      // The cut stream may have been billed; the refused requests were not.
      expect(result.cost.unconfirmedNanoUsd).toBeGreaterThan(0);
      expect(result.cost.confirmedNanoUsd).toBeGreaterThan(0);
      expect((await llmock.requests()).map(({ status, fault }) => fault?.split("@")[0] ?? status)).toEqual([
        "scenario:429",
        "scenario:500",
        "stream:truncate",
        200,
      ]);
      // Its one warning: the first repeat of a lost stream is at once, as nobody asked for a pause.
      const { passed, text } = await llmock.report({ strict: false });
      expect(text).toMatch(/PASS|0 error\(s\)/);
      expect(passed).toBe(true);
    } finally {
      await worker.stop();
      await llmock.stop();
    }
  });
});
