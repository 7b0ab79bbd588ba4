import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { invariant } from "../../core/invariant.js";
import { isJsonText } from "../../core/json-check.js";
import type { ConsumeOptions, Consumption, Inbox, InboxMessage, MessageContent } from "../../ports/inbox.js";
import { holdFile } from "./held-file.js";
import { type Line, readLines } from "./line-reader.js";
import { createLineWriter } from "./line-writer.js";
import { topicFile } from "./topic-file.js";

/** What can't be handled now is tried again after so long, twice as long each time, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/** A message that is no line of text by itself stands in a line as this. */
interface Envelope {
  readonly wflo: "message";
  /** Base64; null: the message has none. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Topics as the files of the event log: a message is a line, whoever wrote it. A group is where it stands in each file, and its one
 * member that is at work; others wait for its place. The offset of a message is the byte after its line.
 */
export function createFileInbox({
  folder,
  topics,
}: {
  readonly folder: string;
  readonly topics: { readonly events: string; readonly audit: string };
}): Inbox {
  const pathOf = (topic: string) => join(folder, topicFile(topic, topics));
  const consumptions = new Set<Consumption>();
  const closing = new AbortController();
  return {
    async consume(options) {
      invariant(!closing.signal.aborted, "nothing is consumed from a closed inbox");
      const consumption = consume(options, { folder, pathOf });
      consumptions.add(consumption);
      return consumption;
    },
    async send(topic, message) {
      await createLineWriter(pathOf(topic), { durable: true }).append([lineOf(message)]);
    },
    async *messages(topic) {
      const options = { from: 0, follow: false, signal: closing.signal };
      for await (const line of readLines(pathOf(topic), options)) yield messageOf(topic, line);
    },
    async close() {
      await Promise.all([...consumptions].map(async (consumption) => await consumption.stop()));
      closing.abort();
    },
  };
}

interface Places {
  readonly folder: string;
  pathOf(topic: string): string;
}

function consume(options: ConsumeOptions, { folder, pathOf }: Places): Consumption {
  const stopping = new AbortController();
  const groupFile = (name: string) => join(folder, "groups", `${options.group}.${name}`);
  const work = async () => {
    const held = await holdFile(groupFile("lock"), stopping.signal);
    try {
      await Promise.all(
        options.topics.map(async (topic) => {
          const place = { path: pathOf(topic), offsetFile: groupFile(`${topic}.offset`) };
          await consumeTopic(topic, place, options, stopping.signal);
        }),
      );
    } catch (error) {
      // One topic that can't go on ends the member: another one has the place, and all topics.
      stopping.abort();
      throw error;
    } finally {
      await held?.release();
    }
  };
  const ended = work();
  ended.catch(() => undefined);
  return {
    ended,
    async stop() {
      stopping.abort();
      await ended.catch(() => undefined);
    },
  };
}

async function consumeTopic(
  topic: string,
  { path, offsetFile }: { readonly path: string; readonly offsetFile: string },
  { handle, onProblem = () => {} }: ConsumeOptions,
  signal: AbortSignal,
): Promise<void> {
  const from = await readOffset(offsetFile);
  for await (const line of readLines(path, { from, follow: true, signal })) {
    const message = messageOf(topic, line);
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      if (signal.aborted) return;
      try {
        await handle(message);
        break;
      } catch (error) {
        if (wait === FIRST_WAIT_MS)
          onProblem(`${topic} waits at ${message.offset}: ${error instanceof Error ? error.message : String(error)}`);
        await pause(wait, signal);
      }
    }
    await writeOffset(offsetFile, line.end);
  }
}

/** The start, where there is none. @throws Error for a file that holds none */
async function readOffset(file: string): Promise<number> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "0";
    throw error;
  });
  if (/^\d{1,15}\n?$/.test(text)) return Number(text);
  throw new Error(
    `${file} holds no offset; remove it, and the topic is read from its start, which starts nothing twice`,
  );
}

async function writeOffset(file: string, offset: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${offset}\n`);
  await rename(`${file}.new`, file);
}

function lineOf({ key, value, headers }: MessageContent): string {
  const text = value === null ? "" : Buffer.from(value).toString("utf8");
  const isAlone = key === null && Object.keys(headers).length === 0;
  const isPlain = isAlone && isJsonText(text) && !/[\r\n]/.test(text) && envelopeOf(text) === undefined;
  if (isPlain) return text;
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const envelope: Envelope = {
    wflo: "message",
    key: key && base64(key),
    value: value && base64(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, base64(bytes)])),
  };
  return JSON.stringify(envelope);
}

function messageOf(topic: string, { text, bytes, end }: Line): InboxMessage {
  const place = { topic, partition: 0, offset: BigInt(end) };
  const envelope = envelopeOf(text);
  if (!envelope) return { ...place, key: null, value: bytes, headers: {} };
  const content = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, "base64"));
  const headers = Object.entries(envelope.headers).map(([name, base64]) => [name, Buffer.from(base64, "base64")]);
  return { ...place, key: content(envelope.key), value: content(envelope.value), headers: Object.fromEntries(headers) };
}

function envelopeOf(text: string): Envelope | undefined {
  if (!text.startsWith('{"wflo":"message"') || !isJsonText(text)) return undefined;
  const { key, value, headers } = JSON.parse(text) as Partial<Envelope>;
  const isContent = (one: unknown) => one === null || typeof one === "string";
  const isWhole = isContent(key) && isContent(value) && typeof headers === "object" && headers !== null;
  return isWhole && Object.values(headers).every((one) => typeof one === "string")
    ? { wflo: "message", key: key ?? null, value: value ?? null, headers }
    : undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
