import type { Client } from "@temporalio/client";
import type { RawPayload } from "./payloads.js";

/** What became of a word that was sent. */
export type Outcome = { readonly answered: true } | { readonly answered: false; readonly problem: string };

/** Speaks to the server past every client library: payloads go out as they are. */
export function rawClient(client: Client, workflowId: string) {
  const service = client.workflowService;
  const workflowExecution = { workflowId };
  const namespace = "default";
  const of = (payload: RawPayload) => ({ payloads: [payload as never] });
  let updates = 0;
  return {
    async signal(signalName: string, payload: RawPayload): Promise<void> {
      await service.signalWorkflowExecution({ namespace, workflowExecution, signalName, input: of(payload) });
    },
    async update(name: string, payload: RawPayload): Promise<Outcome> {
      updates += 1;
      const meta = { updateId: `raw-${updates}`, identity: "eve" };
      const COMPLETED = 3;
      const { outcome } = await service.updateWorkflowExecution({
        namespace,
        workflowExecution,
        waitPolicy: { lifecycleStage: COMPLETED },
        request: { meta, input: { name, args: of(payload) } },
      });
      if (outcome?.success) return { answered: true };
      return { answered: false, problem: outcome?.failure?.message ?? "" };
    },
    async query(queryType: string, payload: RawPayload): Promise<Outcome> {
      try {
        await service.queryWorkflow({
          namespace,
          execution: workflowExecution,
          query: { queryType, queryArgs: of(payload) },
        });
        return { answered: true };
      } catch (error) {
        return { answered: false, problem: (error as Error).message };
      }
    },
  };
}
