import { StoreUnavailable } from "../ports/object-store.js";

/** What is paid for or done is worth waiting for a store that is away: so long, in milliseconds. */
const STORE_PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** Tries again while the store is away. @throws StoreUnavailable after a minute of it; anything else at once */
export async function withPatience<T>(work: () => Promise<T>): Promise<T> {
  const until = performance.now() + STORE_PATIENCE_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
