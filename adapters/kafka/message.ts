import type { KafkaMessage } from "kafkajs";
import type { InboxMessage } from "../../ports/inbox.js";
import { unreadableReason } from "./unreadable.js";

export function inboxMessage(topic: string, partition: number, message: KafkaMessage): InboxMessage {
  const unreadable = unreadableReason(message.headers);
  const headers = Object.entries(message.headers ?? {}).flatMap(([name, value]) => {
    // A header may be there more than once: the last one counts, as it does elsewhere.
    const last = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined ? [] : [[name, Buffer.from(last)] as const];
  });
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: unreadable === undefined ? Object.fromEntries(headers) : {},
    ...(unreadable === undefined ? {} : { unreadable }),
  };
}
