import type { ToolCallRequest, ToolCallResult } from "../core/activity-contract.js";
import type { ToolSpec } from "../core/agent.js";
import { GEN_AI, OPERATIONS, WFLO_ATTRIBUTES } from "../core/gen-ai.js";
import type { Span, Tracer } from "../ports/tracer.js";
import type { CodeRan } from "./run-code.js";
import { contentOf, quietly } from "./span-content.js";

/** One attempt at a tool, as a span of the conventions for generative AI: `execute_tool NAME`. */
export async function toolSpan(
  tracer: Tracer,
  {
    spec,
    request,
    workflowId,
  }: { readonly spec: ToolSpec; readonly request: ToolCallRequest; readonly workflowId: string },
  work: () => Promise<ToolCallResult>,
): Promise<ToolCallResult> {
  const attributes = {
    [GEN_AI.operation]: OPERATIONS.tool,
    [GEN_AI.toolName]: spec.name,
    [GEN_AI.toolCallId]: request.callId,
    [GEN_AI.toolType]: "function",
    [GEN_AI.conversation]: workflowId,
    [WFLO_ATTRIBUTES.turn]: request.turn,
    ...(tracer.content ? { [GEN_AI.toolArguments]: contentOf(request.args) } : {}),
  };
  return await tracer.span(`${OPERATIONS.tool} ${spec.name}`, { attributes }, async (span) => {
    const result = await work();
    quietly(() => {
      if (result.error !== undefined) span.fail(result.stale === true ? "stale" : "tool_error");
      if (result.costNanoUsd !== undefined) span.set({ [WFLO_ATTRIBUTES.cost]: result.costNanoUsd });
      if (tracer.content) span.set({ [GEN_AI.toolResult]: contentOf(result.error ?? result.result ?? null) });
    });
    return result;
  });
}

/** One execution in a sandbox. */
export async function sandboxSpan(tracer: Tracer, language: string, work: () => Promise<CodeRan>): Promise<CodeRan> {
  return await tracer.span(`run_sandbox ${language}`, {}, async (span) => {
    const ran = await work();
    quietly(() => noteExecution(span, ran));
    return ran;
  });
}

/** `ok`, `error`, `timeout`, or the limit that was hit. */
export function outcomeOf({ result: { timedOut, limit, exitCode } }: CodeRan): string {
  return timedOut ? "timeout" : (limit ?? (exitCode === 0 ? "ok" : "error"));
}

/** Code that ends with an error is the model's business; code that was stopped is ours. */
function noteExecution(span: Span, ran: CodeRan): void {
  const outcome = outcomeOf(ran);
  span.set({ [WFLO_ATTRIBUTES.sandboxBackend]: ran.result.backend, [WFLO_ATTRIBUTES.sandboxOutcome]: outcome });
  if (outcome !== "ok" && outcome !== "error") span.fail(outcome);
}
