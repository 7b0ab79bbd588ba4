import type { OutgoingRecord } from "../core/activity-contract.js";
import { publishPatiently } from "./calls.js";

/** Finishes the publishing of a run that has ended, however long the broker is away. */
export async function deliverEvents(left: {
  readonly key: string;
  readonly records: readonly OutgoingRecord[];
}): Promise<void> {
  await publishPatiently(left.records, left.key);
}
