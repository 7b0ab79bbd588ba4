import { addressOf } from "../core/digest.js";
import type { BlobAddress } from "../core/transcript.js";
import { ClientError } from "./client-error.js";

/** Where transcripts and files are read from: the workers' blob store, or whatever serves its content. */
export interface BlobReader {
  /** The content of an address. Rejects where there is none. */
  get(address: BlobAddress): Promise<Uint8Array>;
}

/** The content of an address, checked against it. @throws ClientError `blob` that names the address */
export async function readBlob(blobs: BlobReader, address: BlobAddress): Promise<Uint8Array> {
  const content = await blobs.get(address).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    const advice = "Check that WFLO_BLOBS here is the workers' blob store, and that nothing there was deleted.";
    throw new ClientError("blob", why.includes(address) ? why : `the blob ${address} can't be read: ${why}`, advice, {
      cause: error,
    });
  });
  if (addressOf(content) === address) return content;
  const advice = "Restore the blob from a backup of WFLO_BLOBS.";
  throw new ClientError("blob", `the blob ${address} has other bytes than were put`, advice);
}

export async function readBlobText(blobs: BlobReader, address: BlobAddress): Promise<string> {
  return new TextDecoder().decode(await readBlob(blobs, address));
}
