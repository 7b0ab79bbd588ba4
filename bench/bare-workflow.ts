import { proxyActivities } from "@temporalio/workflow";
import type { BareActivities } from "./bare-activities.js";

/** Time-outs as Wflo's activities have them: a killed worker is noticed as soon, and the server keeps as many timers. */
const { answer, note } = proxyActivities<BareActivities>({ startToCloseTimeout: "10m", heartbeatTimeout: "1500ms" });

/**
 * What an agent loop is without Wflo: messages by reference, a model activity and a tool activity a turn, and what the tool
 * said goes to the model with the next question.
 */
export async function bareRun({ turns }: { readonly turns: number }): Promise<number> {
  let head = "start";
  let news: object = { input: "Take notes." };
  for (let turn = 1; turn < turns; turn += 1) {
    const said = await answer({ head, news, turn });
    head = said.head;
    news = await note({ text: said.text });
  }
  await answer({ head, news, turn: turns });
  return turns;
}
