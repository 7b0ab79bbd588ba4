import { randomUUID } from "node:crypto";

/** Nobody who sends a message knows this name. */
const HEADER = `wflo-unreadable-${randomUUID()}`;

/**
 * A batch that can't be unpacked, as a single record that says so: its value is the batch as it came. Without one the whole consumer would end,
 * again and again, and with it whatever else it reads.
 * Source of the format: https://kafka.apache.org/documentation/#record
 */
export function unreadableRecord(packed: Buffer, reason: string): Buffer {
  const [name, words] = [Buffer.from(HEADER), Buffer.from(reason.slice(0, 500))];
  const body = Buffer.concat([
    Buffer.from([0]), // attributes
    varint(0), // timestamp, from the batch's
    varint(0), // offset, from the batch's
    varint(-1), // no key
    ...sized(packed),
    varint(1),
    ...sized(name),
    ...sized(words),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

/** Why a message is none; undefined: it is one. */
export function unreadableReason(headers: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const reason = headers?.[HEADER];
  return reason === undefined ? undefined : String(reason);
}

function sized(bytes: Buffer): readonly Buffer[] {
  return [varint(bytes.length), bytes];
}

/** Zigzag, seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  do {
    bytes.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.from(bytes);
}
