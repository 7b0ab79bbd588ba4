import type { StreamedToken, TokenEntry, TokenStream } from "../../ports/token-stream.js";
import { createBell } from "./bell.js";

/** Entries kept of one workflow, and workflows with entries: the oldest go first. */
const ENTRIES_MAX = 20_000;
const WORKFLOWS_MAX = 500;

/** What is kept of one workflow: entry `first` and those after it, counted from 0. */
interface Kept {
  first: number;
  readonly entries: TokenEntry[];
}

/** Tokens within one process: whoever watches has to be in it too. */
export function createMemoryTokenStream(): TokenStream {
  const workflows = new Map<string, Kept>();
  const bell = createBell();
  let isClosed = false;
  const keptOf = (workflowId: string): Kept => {
    const kept = workflows.get(workflowId) ?? { first: 0, entries: [] };
    // Last in the map is the one used last.
    workflows.delete(workflowId);
    workflows.set(workflowId, kept);
    const [oldest] = workflows.keys();
    if (workflows.size > WORKFLOWS_MAX && oldest !== undefined) workflows.delete(oldest);
    return kept;
  };
  async function* readFrom(workflowId: string, from: number, signal: AbortSignal): AsyncGenerator<StreamedToken> {
    signal.addEventListener("abort", bell.ring, { once: true });
    for (let at = from; !isClosed && !signal.aborted; ) {
      const { first, entries } = keptOf(workflowId);
      const entry = entries[Math.max(at, first) - first];
      if (entry) {
        at = Math.max(at, first) + 1;
        yield { ...entry, position: String(at) };
      } else {
        if (at > first + entries.length) at = 0;
        else await bell.next();
      }
    }
  }
  return {
    append(workflowId, entry) {
      const kept = keptOf(workflowId);
      kept.entries.push(entry);
      if (kept.entries.length > ENTRIES_MAX) {
        // Half at once: dropping them one by one would move the rest each time.
        kept.entries.splice(0, ENTRIES_MAX / 2);
        kept.first += ENTRIES_MAX / 2;
      }
      bell.ring();
    },
    read(workflowId, signal, { from = "now" } = {}) {
      const { first, entries } = keptOf(workflowId);
      if (!/^(now|start|\d{1,15})$/.test(from)) throw new RangeError(`${JSON.stringify(from)} is no position`);
      const start = from === "now" ? first + entries.length : from === "start" ? 0 : Number(from);
      return readFrom(workflowId, start, signal);
    },
    async close() {
      isClosed = true;
      bell.ring();
    },
  };
}
