/** Bytes of a message, as they came. */
export interface MessageContent {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
}

/** A message and where it stands: the place says which it is. */
export interface InboxMessage extends MessageContent {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** It is none: why. Its value is what could not be read, as it came. */
  readonly unreadable?: string;
}

export interface ConsumeOptions {
  /** Each message goes to one member of a group. */
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Resolves once the message is dealt with. Rejects where it can't be now: its partition waits, and it comes again. Messages
   * of a key come one after the other, others at the same time.
   */
  handle(message: InboxMessage): Promise<void>;
  /** Told in words why messages wait, or that the consumer had to begin again. */
  onProblem?(message: string): void;
  /** Told how many messages of a partition are not dealt with yet, after each that was, where the inbox can say so. */
  onLag?(topic: string, partition: number, messages: number): void;
}

/** A member of a group at work. */
export interface Consumption {
  /** Settles when it was stopped; rejects where it can't go on. */
  readonly ended: Promise<void>;
  /** Takes no more, lets end what is under way, and leaves the group. */
  stop(): Promise<void>;
}

/**
 * Where messages come from.
 * Promise: every message is handled at least once, also where the process dies, a member comes or goes, or handling fails for
 * a while; a message whose handling did not resolve is never passed by.
 */
export interface Inbox {
  consume(options: ConsumeOptions): Promise<Consumption>;
  /** Stored when it resolves. */
  send(topic: string, message: MessageContent): Promise<void>;
  /** Everything that a topic holds now. */
  messages(topic: string): AsyncIterable<InboxMessage>;
  close(): Promise<void>;
}
