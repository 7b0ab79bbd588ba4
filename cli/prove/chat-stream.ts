import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on loopback that answers as OpenAI-compatible ones do, over `text/event-stream`. */
export interface ChatServer {
  /** For OPENAI_COMPATIBLE_BASE_URL. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts one. @param answer a request's body and where its answer goes; where it throws, the connection is cut */
export async function startChatServer<Body>(
  answer: (body: Body, response: ServerResponse) => Promise<void> | void,
): Promise<ChatServer> {
  const server = createServer((request, response) => {
    void bodyOf(request)
      .then(async (body) => await answer(body as Body, response))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close: async () => await closed(server),
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Begins an answer with the id that the provider gives the request. */
export function beginStream(response: ServerResponse, requestId: string): void {
  response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": requestId });
}

/** Sends a piece of the answer. @param choice such as `{delta: {content: "so"}}` or `{delta: {}, finish_reason: "stop"}` */
export function sendChoice(response: ServerResponse, choice: object): void {
  sendChunk(response, { choices: [{ index: 0, finish_reason: null, ...choice }] });
}

/** Sends a call of a tool. */
export function sendToolCall(response: ServerResponse, index: number, id: string, name: string, args: object): void {
  const named = { name, arguments: JSON.stringify(args) };
  sendChoice(response, { delta: { tool_calls: [{ index, id, type: "function", function: named }] } });
}

/** Ends an answer with what it is billed for, in tokens. */
export function endStream(response: ServerResponse, inputTokens: number, outputTokens: number): void {
  const usage = {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
  sendChunk(response, { choices: [], usage });
  response.end("data: [DONE]\n\n");
}

function sendChunk(response: ServerResponse, facts: object): void {
  response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", ...facts })}\n\n`);
}
