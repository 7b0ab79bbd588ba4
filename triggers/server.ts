import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LRUCache } from "lru-cache";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { TriggerDefinition } from "../agents/trigger.js";
import { ClientError } from "../client/index.js";
import { mayActAs } from "../core/roles.js";
import { readEvent } from "../core/trigger.js";
import type { Access } from "../ports/access.js";
import type { Logger } from "../ports/logger.js";
import { Held } from "./admission.js";
import type { TriggerHandler, TriggerOutcome } from "./handler.js";

/** How triggers are reached by HTTP, and by whom. */
export interface TriggerServerOptions {
  readonly triggers: readonly TriggerDefinition[];
  readonly handler: Pick<TriggerHandler, "submit">;
  /** By a trigger's name: the secrets that senders may sign with. */
  readonly secrets: ReadonlyMap<string, readonly string[]>;
  /** Operators may trigger with a bearer token, without a signature. */
  readonly access?: Access | undefined;
  readonly logger: Logger;
  /** 0 takes a free one. */
  readonly port: number;
  readonly host: string;
}

export interface TriggerServer {
  readonly url: string;
  close(): Promise<void>;
}

const MOST_BYTES = 2 * 1024 * 1024;
const PATIENCE_MS = 30_000;
/** A signature is good for five minutes: as long, and as many, ids are remembered. */
const REPLAY_MS = 10 * 60 * 1_000;
const REPLAY_IDS = 100_000;
/** Seconds that a sender is asked to wait. */
const RETRY_AFTER = "5";

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * `POST /triggers/NAME` takes an event for a trigger: JSON, signed as Standard Webhooks has it (https://www.standardwebhooks.com:
 * `webhook-id`, `webhook-timestamp`, `webhook-signature` with HMAC-SHA256), or with the bearer token of an operator. 202: it was acted on · 200: it was
 * before, or is filtered · 422: it can't be · 429, 503: not now, send it again.
 * @throws the system's error where the port is taken
 */
export async function startTriggerServer(options: TriggerServerOptions): Promise<TriggerServer> {
  const take = createTaking(options);
  const server = createServer((request, response) => {
    take(request)
      .catch((error: unknown) => {
        options.logger.error(`a trigger's request failed: ${String(error)}`);
        return refusal(500, "something went wrong here");
      })
      .then((answer) => send(response, answer))
      .catch(() => response.destroy());
  });
  server.requestTimeout = PATIENCE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    async close() {
      // What is being acted on is answered: a sender that hears nothing sends again.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
  };
}

function createTaking({ triggers, handler, secrets, access, logger }: TriggerServerOptions) {
  const seen = new LRUCache<string, Promise<Answer>>({ max: REPLAY_IDS, ttl: REPLAY_MS });
  return async (request: IncomingMessage): Promise<Answer> => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = /^\/triggers\/([^/]+)$/.exec(pathname)?.[1];
    if (name === undefined) return refusal(404, "there is POST /triggers/NAME");
    if (request.method !== "POST") return refusal(405, "only POST");
    const body = await bodyOf(request);
    if (!body) return refusal(413, `an event has at most ${MOST_BYTES} bytes`);
    const sender = await identify(request, { body, secrets: secrets.get(name) ?? [], access });
    // However often: nobody guesses a signature, and behind a proxy all senders have one address.
    if ("problem" in sender) return refusal(sender.status, sender.problem);
    const trigger = triggers.find((one) => one.name === name);
    if (!trigger) return refusal(404, `there is no trigger ${name}`);
    const answer = async () => await answerTo(trigger, { handler, logger }, request, body);
    if (sender.id === undefined) return await answer();
    const id = `${name} ${sender.id}`;
    const before = seen.get(id);
    // The same request again, by a sender who heard nothing or by somebody who listened: the same answer, and nothing more.
    if (before) return await before;
    const mine = answer();
    seen.set(id, mine);
    const done = await mine.catch((error: unknown) => {
      seen.delete(id);
      throw error;
    });
    // What can't be done now is asked for again.
    if (done.status >= 429) seen.delete(id);
    return done;
  };
}

interface Credentials {
  readonly body: Buffer;
  readonly secrets: readonly string[];
  readonly access: Access | undefined;
}

type Sender = { readonly id: string | undefined } | { readonly status: number; readonly problem: string };

async function identify({ headers }: IncomingMessage, { body, secrets, access }: Credentials): Promise<Sender> {
  const token = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (token !== undefined && access) {
    const caller = await access.identify(token).catch(() => undefined);
    if (!caller) return { status: 401, problem: "the bearer token is nobody's" };
    if (mayActAs(caller.role, "operator")) return { id: undefined };
    return { status: 403, problem: `${caller.name} is ${caller.role}, and only operators start runs` };
  }
  const id = headers["webhook-id"];
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => typeof value === "string"));
  let problem = "the request is not signed: send webhook-id, webhook-timestamp and webhook-signature";
  if (secrets.length === 0)
    problem = "nobody may sign for this trigger: WFLO_TRIGGER_SECRETS has no secret of its name";
  for (const secret of secrets) {
    try {
      new Webhook(secret).verify(body.toString("utf8"), given as Record<string, string>, { jsonParse: false });
      return { id: String(id) };
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      if (id !== undefined) problem = `the signature is not good: ${error.message}`;
    }
  }
  return { status: 401, problem };
}

async function answerTo(
  trigger: TriggerDefinition,
  { handler, logger }: Pick<TriggerServerOptions, "handler" | "logger">,
  { headers }: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  const read = readEvent(body);
  if ("problem" in read) return refusal(400, read.problem);
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  // Whoever's trigger it is has no use for the sender's password.
  const told = Object.fromEntries(texts.filter(([name]) => name !== "authorization" && name !== "cookie"));
  try {
    const outcome = await handler.submit(trigger, read.event, { headers: told });
    return {
      status: STATUS[outcome.outcome],
      body: "problems" in outcome ? refusal(422, outcome.problems.join("; ")).body : outcome,
    };
  } catch (error) {
    if (error instanceof Held) return refusal(429, error.message);
    if (!(error instanceof ClientError)) throw error;
    logger.warn(`an event for trigger ${trigger.name} could not be acted on: ${error.message}`);
    return refusal(503, "runs cannot be started now; send it again");
  }
}

const STATUS: Readonly<Record<TriggerOutcome["outcome"], number>> = {
  started: 202,
  signaled: 202,
  duplicate: 200,
  filtered: 200,
  refused: 422,
};

function refusal(status: number, message: string): Answer {
  return { status, body: { error: { message } } };
}

/** Undefined: it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += (piece as Buffer).length;
    if (bytes > MOST_BYTES) return undefined;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const again = status === 429 || status === 503 ? { "retry-after": RETRY_AFTER } : {};
  const close = status === 413 ? { connection: "close" } : {};
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...again, ...close });
  response.end(`${JSON.stringify(body)}\n`);
}
