import { events } from "./mock-provider.js";

/* Answers as each provider streams them, with the counts that the mock servers of others leave out. */

const RESPONSE = { id: "resp_1", object: "response", created_at: 1_795_000_000, model: "gpt-5-mini", output: [] };

/** OpenAI Responses: reasoning, text, usage with cached, written and reasoning tokens. */
export function openaiAnswer(text: string, usage: object = OPENAI_USAGE): readonly string[] {
  const reasoning = { type: "reasoning", id: "rs_1", encrypted_content: "ENCRYPTED", summary: [] };
  const message = { type: "message", id: "msg_1", role: "assistant", status: "completed", content: [] };
  return events([
    { type: "response.created", sequence_number: 0, response: { ...RESPONSE, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item: { ...reasoning, encrypted_content: null } },
    { type: "response.output_item.done", output_index: 0, item: reasoning },
    { type: "response.output_item.added", output_index: 1, item: message },
    { type: "response.output_text.delta", item_id: "msg_1", output_index: 1, content_index: 0, delta: text },
    { type: "response.output_item.done", output_index: 1, item: message },
    { type: "response.completed", response: { ...RESPONSE, status: "completed", service_tier: "default", usage } },
  ]);
}

const OPENAI_USAGE = {
  input_tokens: 2_000,
  input_tokens_details: { cached_tokens: 1_024, cache_write_tokens: 512 },
  output_tokens: 300,
  output_tokens_details: { reasoning_tokens: 200 },
  total_tokens: 2_300,
};

/** Anthropic: thinking with its signature, text, a tool call, usage whose three input counts are apart. */
export function anthropicAnswer(text: string): readonly string[] {
  const started = {
    input_tokens: 100,
    cache_read_input_tokens: 1_500,
    cache_creation_input_tokens: 400,
    output_tokens: 1,
  };
  return events([
    {
      type: "message_start",
      message: {
        id: "msg_a",
        type: "message",
        role: "assistant",
        model: "claude-haiku-4-5",
        content: [],
        usage: started,
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "let me see" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "SIGNED" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text } },
    { type: "content_block_stop", index: 1 },
    {
      type: "content_block_start",
      index: 2,
      content_block: { type: "tool_use", id: "toolu_1", name: "look", input: {} },
    },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"at":"x"}' } },
    { type: "content_block_stop", index: 2 },
    { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 250 } },
    { type: "message_stop" },
  ]);
}

/** Gemini: text and a tool call with its thought signature, usage with cached and thought tokens. */
export function googleAnswer(text: string, finishReason = "STOP"): readonly string[] {
  const usageMetadata = {
    promptTokenCount: 3_000,
    cachedContentTokenCount: 2_048,
    candidatesTokenCount: 100,
    thoughtsTokenCount: 400,
    totalTokenCount: 3_500,
  };
  const call = { functionCall: { name: "look", args: { at: "x" } }, thoughtSignature: "THOUGHT" };
  return events([
    { candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0 }], responseId: "g-1" },
    {
      candidates: [{ content: { role: "model", parts: [call] }, finishReason, index: 0 }],
      usageMetadata,
      responseId: "g-1",
    },
  ]);
}

/** Chat completions with usage in the last chunk. */
export function chatAnswer(
  text: string,
  { usage, finishReason = "stop" }: { readonly usage?: object; readonly finishReason?: string | null } = {},
): readonly string[] {
  const chunk = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_795_000_000, model: "any" };
  return [
    ...events([
      { ...chunk, choices: [{ index: 0, delta: { role: "assistant", content: text } }] },
      ...(finishReason === null ? [] : [{ ...chunk, choices: [{ index: 0, delta: {}, finish_reason: finishReason }] }]),
      ...(usage ? [{ ...chunk, choices: [], usage }] : []),
    ]),
    "data: [DONE]\n\n",
  ];
}
