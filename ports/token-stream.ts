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

/** An entry as it is read, and where to go on after it. */
export interface StreamedToken extends TokenEntry {
  /** Opaque; hand it to a later `read` as `from`. */
  readonly position: string;
}

/**
 * Tokens as they arrive, for whoever watches; lost entries cost nothing, since the transcript has the whole text. Entries
 * are kept for a while (a day at most) and up to a size, the newest ones.
 */
export interface TokenStream {
  /** Never throws and never waits for long. */
  append(workflowId: string, entry: TokenEntry): void;
  /**
   * Entries of a workflow until the signal aborts or the stream is closed; both end the loop without an error.
   * @param options.from `now`: all that is appended once `read` has been called, perhaps what came just before (call it before
   * the run starts) · `start`: all that is kept · a position: what comes after it. @default "now"
   */
  read(
    workflowId: string,
    signal: AbortSignal,
    options?: { readonly from?: "now" | "start" | (string & {}) },
  ): AsyncIterable<StreamedToken>;
  /** Writes out what was appended, and ends every reading. */
  close(): Promise<void>;
}
