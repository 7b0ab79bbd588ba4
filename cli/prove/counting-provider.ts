import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BilledRequest } from "../../core/proof.js";

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
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const conductFor = (prompt: string): Conduct => {
    const words = [...conducts.keys()].find((some) => prompt.includes(some));
    const conduct = words === undefined ? undefined : conducts.get(words);
    if (words !== undefined) conducts.delete(words);
    return conduct ?? "answers";
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { messages } = JSON.parse(await textOf(request)) as { messages: readonly { role: string }[] };
    const prompt = JSON.stringify(messages);
    const requestId = `billed-${requests.length + 1}`;
    requests.push({ requestId, nanoUsd: COST_NANO_USD, prompt });
    const conduct = conductFor(prompt);
    response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": requestId });
    send(response, { delta: { role: "assistant", content: "The books agree" } });
    if (conduct === "cuts the stream") return void setImmediate(() => response.destroy());
    if (conduct === "ends the stream early") return void response.end();
    finish(
      response,
      messages.some(({ role }) => role === "tool"),
    );
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    billedFor: (words) => requests.filter(({ prompt }) => prompt.includes(words)),
    misbehave: (words, conduct) => void conducts.set(words, conduct),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function finish(response: ServerResponse, hasNoted: boolean): void {
  if (!hasNoted) {
    const named = { name: "note", arguments: JSON.stringify({ line: "noted" }) };
    send(response, { delta: { tool_calls: [{ index: 0, id: "call_1", type: "function", function: named }] } });
  }
  send(response, { delta: {}, finish_reason: hasNoted ? "stop" : "tool_calls" });
  const usage = {
    prompt_tokens: INPUT_TOKENS,
    completion_tokens: OUTPUT_TOKENS,
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
  };
  response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [], usage })}\n\n`);
  response.end("data: [DONE]\n\n");
}

function send(response: ServerResponse, choice: object): void {
  const chunk = { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, finish_reason: null, ...choice }] };
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
