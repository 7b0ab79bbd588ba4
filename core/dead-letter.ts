/** Something that could not be acted on: its original bytes, why, and where it came from. */
export interface DeadLetter {
  /** `TOPIC/PARTITION/OFFSET`, where it stands among the dead letters of the topic. */
  readonly id: string;
  readonly error: string;
  /** Where it came from. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Those that it came with. */
  readonly headers: Readonly<Record<string, Uint8Array>>;
}

/** Headers of a dead letter. */
export const DEAD_LETTER_HEADERS = {
  error: "wflo-error",
  topic: "wflo-topic",
  partition: "wflo-partition",
  offset: "wflo-offset",
} as const;

/** Header of a record that says of a dead letter, by its `PARTITION/OFFSET`, that it was `retried` or `dropped`. */
export const SETTLED_HEADER = "wflo-settled";
