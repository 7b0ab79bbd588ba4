import { defaultDataConverter } from "@temporalio/common";
import { type RunAuditTrail, type SavedHistories, savedAuditTrail } from "../client/audit-trail.js";
import type { BlobReader } from "../client/blob-reader.js";
import { decoderOf } from "../client/decoding.js";
import { clientConverter } from "../encryption/data-converter.js";
import type { KeyRing } from "../ports/key-ring.js";

/** Reads what saved histories say of a run's audit records, without a server. */
export function savedTrailReader(
  ring: KeyRing | undefined,
  blobs: BlobReader,
): (saved: SavedHistories) => Promise<RunAuditTrail> {
  const decode = decoderOf(ring ? clientConverter(ring) : defaultDataConverter);
  return async (saved) => await savedAuditTrail(saved, { decode, blobs: () => blobs });
}
