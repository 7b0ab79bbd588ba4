import { proxyActivities } from "@temporalio/workflow";
import { type Approval, approval } from "../../workflows/door.js";

interface OwnActivities {
  draft(): Promise<string>;
}

const { draft } = proxyActivities<OwnActivities>({ startToCloseTimeout: "1m" });

/** A user's own workflow: asks people twice, the second time about what an activity made. */
export async function letter(): Promise<readonly Approval[]> {
  const first = await approval({ title: "Write a letter?" });
  const second = await approval({ title: "Send it?", args: { text: await draft() } });
  return [first, second];
}
