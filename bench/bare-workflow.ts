import { proxyActivities } from "@temporalio/workflow";
import type { BareActivities } from "./bare-activities.js";

/** Time-outs as Wflo's activities have them: a killed worker is noticed as soon, and the server keeps as many timers. */
const { answer, note } = proxyActivities<BareActivities>({ startToCloseTimeout: "10m", heartbeatTimeout: "1500ms" });

/** What an agent loop is without Wflo: messages by reference, a model activity and a tool activity a turn. */
export async function bareRun({ turns }: { readonly turns: number }): Promise<number> {
  let head = "start";
  for (let turn = 1; turn < turns; turn += 1) {
    const said = await answer({ head, turn });
    head = said.head;
    await note({ text: said.text });
  }
  await answer({ head, turn: turns });
  return turns;
}
