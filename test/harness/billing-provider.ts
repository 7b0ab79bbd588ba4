import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the provider saw and billed it: on arrival, whatever becomes of the connection. */
export interface BilledRequest {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly costNanoUsd: number;
  /** True once the client's side of the connection is gone. */
  isClosed: boolean;
}

/** What the provider says: texts and tool calls by the number of assistant messages in the prompt. */
export type Reply = (turn: number) => {
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly args: object }[];
};

export interface BillingProvider {
  /** For OPENAI_COMPATIBLE_BASE_URL. */
  readonly url: string;
  readonly requests: readonly BilledRequest[];
  /** All that was billed, in nano-dollars. */
  billNanoUsd(): number;
  /** From now on answers begin but do not end until `release`. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** Prices to lay over the catalogue: a dollar per million tokens in and two out. */
export const BILLING_PRICES = {
  "openai-compatible/billing": { inputUsdPerMillion: "1", outputUsdPerMillion: "2" },
};

/** Tokens of every answer. */
const INPUT_TOKENS = 700;
const OUTPUT_TOKENS = 900;

/**
 * An OpenAI-compatible server with books of its own. It bills each request when it arrives, in full (a provider goes on
 * generating after its client has gone), up to the cap that the request carries.
 */
export async function startBillingProvider(reply: Reply): Promise<BillingProvider> {
  const requests: BilledRequest[] = [];
  let released: Promise<void> | undefined;
  let release = () => {};
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request)) as {
      messages: { role: string }[];
      max_tokens?: number;
      max_completion_tokens?: number;
    };
    const maxTokens = body.max_tokens ?? body.max_completion_tokens ?? Number.POSITIVE_INFINITY;
    const output = Math.min(OUTPUT_TOKENS, maxTokens);
    const billed: BilledRequest = {
      prompt: JSON.stringify(body.messages),
      maxTokens,
      costNanoUsd: INPUT_TOKENS * 1_000 + output * 2_000,
      isClosed: false,
    };
    requests.push(billed);
    response.once("close", () => {
      billed.isClosed = true;
    });
    response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": `billed-${requests.length}` });
    const turn = body.messages.filter(({ role }) => role === "assistant").length + 1;
    const { text = "", toolCalls = [] } = reply(turn);
    send(response, { delta: { role: "assistant", content: text } });
    await released;
    for (const [index, call] of toolCalls.entries()) {
      const tool = { index, id: `call_${turn}_${index}`, type: "function" };
      const named = { name: call.name, arguments: JSON.stringify(call.args) };
      send(response, { delta: { tool_calls: [{ ...tool, function: named }] } });
    }
    send(response, { delta: {}, finish_reason: toolCalls.length > 0 ? "tool_calls" : "stop" });
    const usage = { prompt_tokens: INPUT_TOKENS, completion_tokens: output, total_tokens: INPUT_TOKENS + output };
    response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [], usage })}\n\n`);
    response.end("data: [DONE]\n\n");
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    billNanoUsd: () => requests.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0),
    hold() {
      released = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
    async close() {
      release();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
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
