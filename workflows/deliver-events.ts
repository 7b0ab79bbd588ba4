import type { OutgoingRecord } from "../core/activity-contract.js";
import type { BlobAddress } from "../core/transcript.js";
import { publishNow, publishPatiently } from "./calls.js";

/** Finishes the publishing of a run that has ended, however long the broker is away. */
export async function deliverEvents(left: {
  readonly key: string;
  readonly records: readonly OutgoingRecord[];
  /** The newest blob of records that come before these. */
  readonly stored?: BlobAddress;
}): Promise<void> {
  const { records, key, stored = null } = left;
  try {
    await publishNow(records, key, stored);
  } catch {
    await publishPatiently(records, key, stored);
  }
}
