import type { PublishRequest } from "../core/activity-contract.js";
import { publishNow, publishPatiently } from "./calls.js";

/** Finishes the publishing of a run that has ended, however long the broker is away. */
export async function deliverEvents(left: PublishRequest): Promise<void> {
  try {
    await publishNow(left);
  } catch {
    await publishPatiently(left);
  }
}
