import type { BilledRequest } from "../../core/proof.js";
import { beginStream, endStream, sendChoice, sendToolCall, startChatServer } from "./chat-stream.js";

/** What a provider does with a request that it has billed. */
export type Conduct = "answers" | "cuts the stream" | "ends the stream early";

/** A provider with books of its own: it bills each request when it arrives, whatever becomes of the connection. */
export interface CountingProvider {
  /** For OPENAI_COMPATIBLE_BASE_URL. */
  readonly url: string;
  /** Requests whose prompt has these words. */
  billedFor(words: string): readonly BilledRequest[];
  /** How the first request with these words is treated. */
  misbehave(words: string, conduct: Conduct): void;
  close(): Promise<void>;
}

/** A dollar for a million tokens in, two for a million out: the prices that the runs reckon with. */
export const COUNTING_PRICES = {
  "openai-compatible/counting": { inputUsdPerMillion: "1", outputUsdPerMillion: "2" },
};

const INPUT_TOKENS = 300;
const OUTPUT_TOKENS = 200;
const COST_NANO_USD = INPUT_TOKENS * 1_000 + OUTPUT_TOKENS * 2_000;

interface Billed extends BilledRequest {
  readonly prompt: string;
}

/** Answers first with a call of the tool `note`, then with words, as OpenAI-compatible servers do. */
export async function startCountingProvider(): Promise<CountingProvider> {
  const requests: Billed[] = [];
  const conducts = new Map<string, Conduct>();
  const conductFor = (prompt: string): Conduct => {
    const words = [...conducts.keys()].find((some) => prompt.includes(some));
    const conduct = words === undefined ? undefined : conducts.get(words);
    if (words !== undefined) conducts.delete(words);
    return conduct ?? "answers";
  };
  const server = await startChatServer<{ readonly messages: readonly { role: string }[] }>(({ messages }, response) => {
    const prompt = JSON.stringify(messages);
    const requestId = `billed-${requests.length + 1}`;
    requests.push({ requestId, nanoUsd: COST_NANO_USD, prompt });
    const conduct = conductFor(prompt);
    beginStream(response, requestId);
    sendChoice(response, { delta: { role: "assistant", content: "The books agree" } });
    if (conduct === "cuts the stream") return void setImmediate(() => response.destroy());
    if (conduct === "ends the stream early") return void response.end();
    const hasNoted = messages.some(({ role }) => role === "tool");
    if (!hasNoted) sendToolCall(response, 0, "call_1", "note", { line: "noted" });
    sendChoice(response, { delta: {}, finish_reason: hasNoted ? "stop" : "tool_calls" });
    endStream(response, INPUT_TOKENS, OUTPUT_TOKENS);
  });
  return {
    ...server,
    billedFor: (words) => requests.filter(({ prompt }) => prompt.includes(words)),
    misbehave: (words, conduct) => void conducts.set(words, conduct),
  };
}
