import { describe, expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createCallJournal } from "../../activities/call-journal.js";
import { createTranscripts } from "../../activities/transcript-store.js";
import { createFileObjectStore } from "../../adapters/file/object-store.js";
import { createS3ObjectStore } from "../../adapters/s3/object-store.js";
import type { BlobAddress } from "../../core/transcript.js";
import type { ObjectStore } from "../../ports/object-store.js";
import { temporaryFolders } from "../harness/folder.js";
import { describeWith } from "../harness/real-part.js";
import { startS3Server } from "../harness/s3-server.js";

/* Two workers that share nothing but a store: what one has written, or is buying, the other goes by. */

const folder = temporaryFolders();

function sharing(openTwo: () => Promise<{ stores: [ObjectStore, ObjectStore]; close: () => Promise<void> }>): void {
  test("a run goes on where the other worker left it", async () => {
    const { stores, close } = await openTwo();
    const [one, two] = stores.map((store) => createTranscripts(createBlobs(store)));
    let head: BlobAddress | null = null;
    for (let turn = 1; turn <= 40; turn += 1) {
      const worker = turn % 2 === 0 ? one! : two!;
      const said = [
        { role: "user" as const, text: `question ${turn}`, turn },
        { role: "assistant" as const, text: `answer ${turn}`, turn },
      ];
      ({ head } = await worker.append(head, said));
      const loaded = await (turn % 3 === 0 ? one! : two!).load(head);
      expect(loaded.slice(-2)).toEqual(said);
      expect(loaded).toHaveLength(turn * 2);
    }
    await close();
  });

  test("an answer that both want is bought by one, and the other gets it", async () => {
    const { stores, close } = await openTwo();
    // A lease that outlasts any pause of this machine: the test is about sharing, not about time.
    const journals = stores.map((store) => createCallJournal(store, { leaseMs: 600_000 }));
    const bought: string[] = [];
    const never = new AbortController().signal;
    const wanting = Array.from(
      { length: 6 },
      async (_, key) =>
        await Promise.all(
          journals.map(async (journal, worker) => {
            const begun = await journal.begin(`run/${key}`, worker + 1);
            if (begun.kind === "answered") return begun.answer;
            if (begun.kind === "live") return await journal.join(`run/${key}`, never);
            bought.push(`run/${key}`);
            return (await journal.answer(`run/${key}`, worker + 1, { key })).winner;
          }),
        ),
    );
    expect(await Promise.all(wanting)).toEqual(Array.from({ length: 6 }, (_, key) => [{ key }, { key }]));
    expect(bought.sort()).toEqual(Array.from({ length: 6 }, (_, key) => `run/${key}`));
    await close();
  });
}

describe("a folder", () => {
  sharing(async () => {
    const root = await folder();
    const open = () => createFileObjectStore({ root });
    return { stores: [open(), open()], close: async () => {} };
  });
});

describeWith("versitygw", (versitygw) => {
  sharing(async () => {
    const server = await startS3Server(versitygw, await folder());
    const open = () => createS3ObjectStore({ bucket: server.bucket, prefix: "wflo", environment: server.environment });
    const stores = [open(), open()] as const;
    const close = async () => {
      for (const store of stores) store.close();
      await server.stop();
    };
    return { stores: [...stores], close };
  });
});
