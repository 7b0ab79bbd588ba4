import type { EgressGate } from "../../ports/egress.js";
import { openProxy } from "./proxy.js";
import { resolveBySystem } from "./resolve.js";
import type { EgressAnswer, EgressQuestion } from "./wire.js";

/** The proxy's own process: answers its worker, and ends with it. */
export function serveEgress(): void {
  const gates = new Map<number, EgressGate>();
  const options = { resolve: resolveBySystem };
  const answer = async (question: EgressQuestion): Promise<Omit<EgressAnswer, "id">> => {
    if (question.kind === "open") {
      gates.set(question.id, await openProxy(question.socketPath, question.policy, options));
      return {};
    }
    const gate = gates.get(question.gate);
    gates.delete(question.gate);
    return { records: (await gate?.close()) ?? [] };
  };
  process.on("message", (question: EgressQuestion) => {
    void answer(question)
      .catch((error: unknown) => ({ error: (error as Error).message }))
      .then((said) => process.send?.({ id: question.id, ...said }));
  });
  process.on("disconnect", () => process.exit());
  // It ends with its worker, which is told of these too.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
}
