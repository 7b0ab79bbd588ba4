import { approval, budget, callAgent } from "wflo/workflow";

/** Two agents share five dollars, and nothing is sent before an editor has approved it. */
export async function newsletter({ topic, taskQueue }) {
  const money = budget({ limitUsd: "5" });
  const draft = await callAgent(
    { agent: "guide", input: `Write a paragraph about ${topic}.` },
    { budget: money, taskQueue },
  );
  const decision = await approval({
    title: "Send the newsletter?",
    args: { text: draft.output },
    approvers: ["editor"],
  });
  if (!decision.approved) return { sent: false, costNanoUsd: money.view().spentNanoUsd };
  const subject = await callAgent(
    { agent: "guide", input: `Find a subject line for: ${decision.args.text}`, budget: { limitUsd: "0.50" } },
    { budget: money, taskQueue },
  );
  return { sent: true, subject: subject.output, text: decision.args.text, costNanoUsd: money.view().spentNanoUsd };
}
