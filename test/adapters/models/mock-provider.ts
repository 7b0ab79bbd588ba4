import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the mock servers of others cannot do: native counts of cached, written and reasoning tokens, stalls, raw bodies. */
export interface MockProvider {
  readonly url: string;
  readonly requests: MockedRequest[];
  stop(): Promise<void>;
}

export interface MockedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Settles when the client has closed its connection, or the answer has ended. */
  readonly closed: Promise<void>;
}

/** An answer: its pieces go out one by one; after "stall" nothing more comes, after "cut" the connection is gone. */
export interface MockedAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly pieces?: readonly string[];
  /** @default "end" */
  readonly ending?: "end" | "stall" | "cut";
  /** Not even a head is sent. */
  readonly silent?: boolean;
}

export async function startMockProvider(
  answer: (request: MockedRequest, index: number) => MockedAnswer,
): Promise<MockProvider> {
  const requests: MockedRequest[] = [];
  const server = createServer((incoming, response) => {
    void readRequest(incoming, response).then(async (request) => {
      requests.push(request);
      await send(response, answer(request, requests.length - 1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readRequest(incoming: IncomingMessage, response: ServerResponse): Promise<MockedRequest> {
  let body = "";
  incoming.setEncoding("utf8");
  for await (const piece of incoming) body += piece;
  const closed = new Promise<void>((resolve) => response.once("close", () => resolve()));
  return { path: incoming.url ?? "", headers: incoming.headers, body, closed };
}

async function send(response: ServerResponse, answer: MockedAnswer): Promise<void> {
  const { status = 200, headers = {}, pieces = [], ending = "end", silent = false } = answer;
  if (silent) return;
  response.writeHead(status, { "content-type": status === 200 ? "text/event-stream" : "application/json", ...headers });
  response.flushHeaders();
  for (const piece of pieces) await new Promise<void>((resolve) => response.write(piece, () => resolve()));
  if (ending === "end") response.end();
  if (ending === "cut") response.destroy();
}

/** Server-sent events, with their type as the event's name where they have one (OpenAI, Anthropic). */
export function events(documents: readonly object[]): readonly string[] {
  return documents.map((document) => {
    const { type } = document as { type?: string };
    return `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(document)}\n\n`;
  });
}
