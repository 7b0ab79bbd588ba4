import type { KeyRing } from "../ports/key-ring.js";
import type { StreamedToken, TokenEntry, TokenStream } from "../ports/token-stream.js";
import { sealText, unsealText } from "./sealed-text.js";

/** A stream whose texts are sealed; where they cannot be, an entry is lost, as streams may lose any. */
export function encryptedTokenStream(stream: TokenStream, ring: KeyRing): TokenStream {
  // One after the other: entries keep their order.
  let last: Promise<void> = Promise.resolve();
  return {
    append(workflowId, entry) {
      last = last
        .then(async () => stream.append(workflowId, await sealedEntry(ring, workflowId, entry)))
        .catch(() => {});
    },
    // Not lazily: it reads what is appended from this call on.
    read: (workflowId, signal, options) => clearEntries(ring, workflowId, stream.read(workflowId, signal, options)),
    async close() {
      await last;
      await stream.close();
    },
  };
}

async function* clearEntries(ring: KeyRing, workflowId: string, entries: AsyncIterable<StreamedToken>) {
  for await (const entry of entries) {
    const { text } = entry;
    yield text === undefined ? entry : { ...entry, text: await unsealText(ring, text, placeOf(workflowId, entry)) };
  }
}

async function sealedEntry(ring: KeyRing, workflowId: string, entry: TokenEntry): Promise<TokenEntry> {
  if (entry.text === undefined) return entry;
  return { ...entry, text: await sealText(ring, entry.text, placeOf(workflowId, entry)) };
}

function placeOf(workflowId: string, { turn, attempt, seq }: TokenEntry): string {
  return `tokens of ${workflowId}, t${turn}.a${attempt}.${seq}`;
}
