import { checkDecision, checkMessage, checkTerms } from "./commands.js";
import { shown } from "./fields.js";
import { checkRunInput } from "./input.js";
import { jsonProblem } from "./json-check.js";
import type { RunRequest } from "./run-request.js";

/** The trigger that is always there: its topic takes `{"id","agent","input",…}`, an input of `agentRun`, as it is. */
export const BUILT_IN_TRIGGER = "wflo.triggers";
/** What consumes triggers. */
export const TRIGGER_GROUP = "wflo-triggers";

/** Signals that an event may send to a run. */
export const TRIGGER_SIGNALS = ["message", "approve", "reject", "budgetCheck", "pause", "resume"] as const;
export type TriggerSignalName = (typeof TRIGGER_SIGNALS)[number];

/** A word to a run that goes on. */
export interface TriggerSignal {
  readonly workflowId: string;
  readonly signal: TriggerSignalName;
  /** As the contract has it for the signal. A message or new terms without an `id` get the event's, so that it counts once. */
  readonly payload?: Readonly<Record<string, unknown>>;
}

/** What an event asks for. */
export type TriggerAction = RunRequest | TriggerSignal;

/** What is done about an event. */
export type TriggerDecision =
  | { readonly kind: "start"; readonly workflowId: string; readonly request: RunRequest }
  | {
      readonly kind: "signal";
      readonly workflowId: string;
      readonly signal: TriggerSignalName;
      readonly payload: object;
    }
  /** The trigger's filter does not want it. */
  | { readonly kind: "filtered" }
  /** It can't be acted on, now or later. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
/** Of a topic, as Kafka has it. */
const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
/** A scripted model that is a file by its path, and no name in the folder of scripts. */
const SCRIPT_FILE = /^scripted\/(?:[/\\]|[A-Za-z]:|.*\.\.)/;
/** With `trigger:NAME:` it is a workflow id, which may have 1,000 bytes. */
const LONGEST_KEY_BYTES = 850;

export function isTriggerName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}

export function isTopic(value: unknown): value is string {
  return typeof value === "string" && TOPIC.test(value);
}

/** Where what could not be acted on goes. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** The id of the run that an event starts: a second event of this key starts nothing. */
export function triggeredWorkflowId(name: string, key: string): string {
  return `trigger:${name}:${key}`;
}

/** The account that pays for a trigger with a limit on what it spends in a day. */
export function triggerAccount(name: string): string {
  return `trigger-${name}`;
}

/** The JSON in a message's bytes, or what keeps it from being that. */
export function readEvent(bytes: Uint8Array | null): { readonly event: unknown } | { readonly problem: string } {
  if (bytes === null || bytes.length === 0) return { problem: "the value is empty" };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { problem: "the value is no UTF-8 text" };
  }
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (error) {
    return { problem: `the value is not JSON: ${(error as Error).message}` };
  }
  const problem = jsonProblem(event);
  return problem === undefined ? { event } : { problem: `the value ${problem}` };
}

/** What the built-in trigger makes of an event. */
export function builtInAction(
  event: unknown,
): { readonly key: string; readonly action: TriggerAction } | { readonly problem: string } {
  const { id, ...action } = (typeof event === "object" && event !== null ? event : {}) as { readonly id?: unknown };
  if (typeof id !== "string")
    return {
      problem: 'id: must be a text that is the event\'s own, as in {"id":"order-7","agent":"assistant","input":"…"}',
    };
  return { key: id, action: action as TriggerAction };
}

/**
 * Checks what an event asks for.
 * @param agents names of the agents that there are
 */
export function decideTrigger(
  { name, key, action }: { readonly name: string; readonly key: unknown; readonly action: unknown },
  agents: ReadonlySet<string>,
): TriggerDecision {
  const problem = keyProblem(key);
  if (problem !== undefined) return { kind: "refused", problems: [problem] };
  const workflowId = triggeredWorkflowId(name, key as string);
  if (typeof action === "object" && action !== null && "signal" in action) {
    return decideSignal(action as { readonly signal: unknown }, workflowId);
  }
  const checked = checkRunInput(action);
  const problems = "problems" in checked ? checked.problems : inputProblems(action as RunRequest, agents);
  return problems.length > 0
    ? { kind: "refused", problems }
    : { kind: "start", workflowId, request: action as RunRequest };
}

function keyProblem(key: unknown): string | undefined {
  if (typeof key !== "string") return `key: must be a text, not ${shown(key)}`;
  const bytes = new TextEncoder().encode(key).length;
  const fits = key.trim() !== "" && bytes <= LONGEST_KEY_BYTES && !/[\p{Cc}\p{Cs}]/u.test(key);
  return fits
    ? undefined
    : `key: must be 1 to ${LONGEST_KEY_BYTES} bytes without control characters, not ${shown(key)}`;
}

function inputProblems({ agent, model, models = [] }: RunRequest, agents: ReadonlySet<string>): readonly string[] {
  const known = [...agents].slice(0, 20).join(", ");
  const unknown = agents.has(agent) ? [] : [`agent: there is no agent ${shown(agent)} here; there are ${known}`];
  // A scripted model may be a file of the worker's machine: not for whoever can send an event.
  const files = [model, ...models].filter((one) => one !== undefined && SCRIPT_FILE.test(one));
  return [...unknown, ...files.map((one) => `model: ${shown(one)} names a file, which an event may not`)];
}

function decideSignal(
  {
    workflowId,
    signal,
    payload,
  }: { readonly workflowId?: unknown; readonly signal: unknown; readonly payload?: unknown },
  id: string,
): TriggerDecision {
  const name = TRIGGER_SIGNALS.find((one) => one === signal);
  const problems = [
    ...(name ? [] : [`signal: must be one of ${TRIGGER_SIGNALS.join(", ")}, not ${shown(signal)}`]),
    ...(typeof workflowId === "string" && workflowId !== ""
      ? []
      : ["workflowId: must be the id of the run that is told"]),
  ];
  if (!name || problems.length > 0) return { kind: "refused", problems };
  const given = typeof payload === "object" && payload !== null && !Array.isArray(payload) ? payload : {};
  const dedupes = name === "message" || name === "budgetCheck";
  const told = dedupes ? { id, ...given } : given;
  const checked = CHECKS[name](told);
  if (checked && "problems" in checked)
    return { kind: "refused", problems: checked.problems.map((one) => `payload.${one}`) };
  return { kind: "signal", workflowId: workflowId as string, signal: name, payload: told };
}

const CHECKS: Readonly<
  Record<TriggerSignalName, (payload: object) => { readonly problems: readonly string[] } | object | undefined>
> = {
  message: (payload) => checkMessage(payload),
  approve: (payload) => checkDecision(payload, "approve"),
  reject: (payload) => checkDecision(payload, "reject"),
  budgetCheck: (payload) => checkTerms(payload),
  pause: () => undefined,
  resume: () => undefined,
};
