/** One entry of a run's stream of tokens. */
export interface TokenEntry {
  readonly turn: number;
  readonly attempt: number;
  /** From 1 within an attempt. */
  readonly seq: number;
  readonly text?: string;
  /** An attempt started over: what came of this turn before is void. */
  readonly reset?: true;
}

/**
 * Tokens as they arrive, for whoever watches; lost entries cost nothing, since the transcript has the whole text.
 */
export interface TokenStream {
  /** Never throws and never waits for long. */
  append(workflowId: string, entry: TokenEntry): void;
  /** Entries from now on, until the signal aborts. */
  read(workflowId: string, signal: AbortSignal): AsyncIterable<TokenEntry>;
  close(): Promise<void>;
}
