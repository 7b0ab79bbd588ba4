import { beginStream, endStream, sendChoice, sendToolCall, startChatServer } from "../../cli/prove/chat-stream.js";

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
  interface Asked {
    readonly messages: readonly { role: string }[];
    readonly max_tokens?: number;
    readonly max_completion_tokens?: number;
  }
  const server = await startChatServer<Asked>(async ({ messages, max_tokens, max_completion_tokens }, response) => {
    const maxTokens = max_tokens ?? max_completion_tokens ?? Number.POSITIVE_INFINITY;
    const output = Math.min(OUTPUT_TOKENS, maxTokens);
    const billed: BilledRequest = {
      prompt: JSON.stringify(messages),
      maxTokens,
      costNanoUsd: INPUT_TOKENS * 1_000 + output * 2_000,
      isClosed: false,
    };
    requests.push(billed);
    response.once("close", () => {
      billed.isClosed = true;
    });
    beginStream(response, `billed-${requests.length}`);
    const turn = messages.filter(({ role }) => role === "assistant").length + 1;
    const { text = "", toolCalls = [] } = reply(turn);
    sendChoice(response, { delta: { role: "assistant", content: text } });
    await released;
    for (const [index, call] of toolCalls.entries()) {
      sendToolCall(response, index, `call_${turn}_${index}`, call.name, call.args);
    }
    sendChoice(response, { delta: {}, finish_reason: toolCalls.length > 0 ? "tool_calls" : "stop" });
    endStream(response, INPUT_TOKENS, output);
  });
  return {
    url: server.url,
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
      await server.close();
    },
  };
}
