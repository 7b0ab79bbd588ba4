import type { TriggerContext, TriggerDefinition } from "../agents/trigger.js";
import { ClientError, type WfloClient } from "../client/index.js";
import { WFLO_ATTRIBUTES } from "../core/gen-ai.js";
import type { SpanAttributes } from "../core/trace.js";
import { readEvent, type TriggerDecision } from "../core/trigger.js";
import type { Inbox, InboxMessage } from "../ports/inbox.js";
import type { Meters } from "../ports/meters.js";
import { NO_TRACER, type Tracer } from "../ports/tracer.js";
import type { TriggerAdmission } from "./admission.js";
import { putAside } from "./dead-letters.js";
import { describeHeaders, textOf } from "./headers.js";

/** What became of an event. */
export type TriggerOutcome =
  | { readonly outcome: "started" | "duplicate" | "signaled"; readonly workflowId: string }
  | { readonly outcome: "filtered" }
  | { readonly outcome: "refused"; readonly problems: readonly string[] };

export interface TriggerHandler {
  /** A message of a topic: acted on, or among the dead letters. @throws where neither can be now */
  handle(message: InboxMessage): Promise<void>;
  /** An event for one trigger. @throws ClientError, Held where it can't be acted on now */
  submit(trigger: TriggerDefinition, event: unknown, context: TriggerContext): Promise<TriggerOutcome>;
}

export interface TriggerParts {
  readonly triggers: readonly TriggerDefinition[];
  /** Names of the agents that there are. */
  readonly agents: ReadonlySet<string>;
  readonly client: WfloClient;
  readonly admission: TriggerAdmission;
  readonly inbox: Pick<Inbox, "send">;
  readonly meters: Meters;
  /** @default makes no spans */
  readonly tracer?: Tracer;
}

/** gRPC's INVALID_ARGUMENT: the server will never take it. */
const INVALID_ARGUMENT = 3;

/** Acts on events: starts a run, tells one, or says why neither. */
export function createTriggerHandler(parts: TriggerParts): TriggerHandler {
  const { triggers, agents, meters, tracer = NO_TRACER } = parts;
  const submit = async (trigger: TriggerDefinition, event: unknown, context: TriggerContext) => {
    // What the event causes belongs to the trace of whoever sent it.
    const options = {
      kind: "consumer",
      parent: context.headers.traceparent,
      attributes: attributesOf(context),
    } as const;
    const outcome = await tracer.span(`trigger ${trigger.name}`, options, async (span) => {
      const became = await act(parts, trigger, await trigger.decide(event, context, agents));
      span.set({ [WFLO_ATTRIBUTES.triggerOutcome]: became.outcome });
      if (became.outcome === "refused") span.fail("refused");
      return became;
    });
    meters.count("wflo_triggers_total", { trigger: trigger.name, outcome: outcome.outcome });
    return outcome;
  };
  return {
    submit,
    async handle(message) {
      const { topic, key, value, headers, unreadable } = message;
      const read = unreadable === undefined ? readEvent(value) : { problem: unreadable };
      if ("problem" in read) {
        await putAside(parts.inbox, message, read.problem);
        for (const { name } of triggers.filter((one) => one.topic === topic)) {
          meters.count("wflo_triggers_total", { trigger: name, outcome: "refused" });
        }
        return;
      }
      const messageKey = key === null ? undefined : textOf(key);
      const named = messageKey === undefined ? {} : { messageKey };
      const context: TriggerContext = { topic, headers: describeHeaders(headers), ...named };
      const problems: string[] = [];
      for (const trigger of triggers) {
        if (trigger.topic !== topic) continue;
        const outcome = await submit(trigger, read.event, context);
        if (outcome.outcome === "refused") problems.push(`trigger ${trigger.name}: ${outcome.problems.join("; ")}`);
      }
      if (problems.length > 0) await putAside(parts.inbox, message, problems.join(" | "));
    },
  };
}

function attributesOf({ topic }: TriggerContext): SpanAttributes {
  if (topic === undefined) return {};
  return { "messaging.operation.type": "process", "messaging.destination.name": topic };
}

async function act(
  { client, admission }: TriggerParts,
  trigger: TriggerDefinition,
  decision: TriggerDecision,
): Promise<TriggerOutcome> {
  try {
    switch (decision.kind) {
      case "filtered":
        return { outcome: "filtered" };
      case "refused":
        return { outcome: "refused", problems: decision.problems };
      case "signal":
        await client.attach(decision.workflowId).signal(decision.signal, decision.payload);
        return { outcome: "signaled", workflowId: decision.workflowId };
      case "start":
        await admission.admit(trigger, decision.workflowId);
        await client.run(decision.request, { id: decision.workflowId });
        return { outcome: "started", workflowId: decision.workflowId };
    }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (error.kind === "id-taken" && decision.kind === "start")
      return { outcome: "duplicate", workflowId: decision.workflowId };
    const isHopeless = error.kind === "no-such-run" || error.kind === "run-ended" || isInvalid(error);
    if (isHopeless) return { outcome: "refused", problems: [error.message] };
    throw error;
  }
}

function isInvalid({ cause }: ClientError): boolean {
  return (cause as { readonly code?: unknown } | undefined)?.code === INVALID_ARGUMENT;
}
