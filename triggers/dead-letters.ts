import { DEAD_LETTER_HEADERS, type DeadLetter, SETTLED_HEADER } from "../core/dead-letter.js";
import { deadLetterTopic } from "../core/trigger.js";
import type { Inbox, InboxMessage } from "../ports/inbox.js";
import { textOf } from "./headers.js";

/** The original bytes, with why and from where. Stored when it resolves. */
export async function putAside(inbox: Pick<Inbox, "send">, message: InboxMessage, reason: string): Promise<void> {
  const { topic, partition, offset, key, value, headers } = message;
  const own = {
    [DEAD_LETTER_HEADERS.error]: reason.slice(0, LONGEST_REASON),
    [DEAD_LETTER_HEADERS.topic]: topic,
    [DEAD_LETTER_HEADERS.partition]: String(partition),
    [DEAD_LETTER_HEADERS.offset]: String(offset),
  };
  await inbox.send(deadLetterTopic(topic), { key, value, headers: { ...headers, ...bytesOf(own) } });
}

/** In characters. */
const LONGEST_REASON = 4_000;

/** Looks through dead letters, and settles them. */
export interface DeadLetterDesk {
  /** Those that nobody has settled, by topic, partition and offset. */
  waiting(): Promise<readonly DeadLetter[]>;
  /** `retried`: it goes to its topic again as it was. A topic keeps both, and a word on what became of it. */
  settle(letter: DeadLetter, how: "retried" | "dropped"): Promise<void>;
}

/** @param topics whose dead letters */
export function createDeadLetterDesk(
  inbox: Pick<Inbox, "send" | "messages">,
  topics: readonly string[],
): DeadLetterDesk {
  return {
    async waiting() {
      const found: DeadLetter[] = [];
      for (const topic of topics) found.push(...(await waitingOf(inbox, topic)));
      return found;
    },
    async settle(letter, how) {
      const { topic, key, value, headers } = letter;
      // First sent, then settled: whoever dies in between leaves one that is retried twice, and starts nothing twice.
      if (how === "retried") await inbox.send(topic, { key, value, headers });
      const place = letter.id.slice(topic.length + 1);
      const word = bytesOf({ [SETTLED_HEADER]: `${place} ${how}` });
      await inbox.send(deadLetterTopic(topic), { key, value: null, headers: word });
    },
  };
}

async function waitingOf(inbox: Pick<Inbox, "messages">, topic: string): Promise<readonly DeadLetter[]> {
  const messages: InboxMessage[] = [];
  const settled = new Set<string>();
  for await (const message of inbox.messages(deadLetterTopic(topic))) {
    const word = textOf(message.headers[SETTLED_HEADER] ?? new Uint8Array());
    if (word) settled.add(word.split(" ")[0] ?? "");
    else messages.push(message);
  }
  return messages
    .filter(({ partition, offset }) => !settled.has(`${partition}/${offset}`))
    .sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
    .map((message) => letterOf(topic, message));
}

function letterOf(topic: string, { partition, offset, key, value, headers }: InboxMessage): DeadLetter {
  const own = (name: string) => textOf(headers[name] ?? new Uint8Array()) ?? "";
  const names: readonly string[] = Object.values(DEAD_LETTER_HEADERS);
  const from = { partition: own(DEAD_LETTER_HEADERS.partition), offset: own(DEAD_LETTER_HEADERS.offset) };
  return {
    id: `${topic}/${partition}/${offset}`,
    error: own(DEAD_LETTER_HEADERS.error) || "(no reason is told)",
    topic,
    partition: Number(from.partition) || 0,
    offset: /^\d+$/.test(from.offset) ? BigInt(from.offset) : 0n,
    key,
    value,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))),
  };
}

function bytesOf(texts: Readonly<Record<string, string>>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}
