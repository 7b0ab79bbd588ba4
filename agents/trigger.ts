import type { z } from "zod";
import { ACCOUNT_NAME } from "../core/input.js";
import type { JsonObject } from "../core/json.js";
import { parseUsd } from "../core/money.js";
import {
  decideTrigger,
  isTopic,
  isTriggerName,
  type TriggerAction,
  type TriggerDecision,
  triggerAccount,
} from "../core/trigger.js";
import { DefinitionError } from "./definition-error.js";

/** What else is known of an event. */
export interface TriggerContext {
  /** Undefined: it came by HTTP or from the command line. */
  readonly topic?: string;
  /** The message's key, where it is text. */
  readonly messageKey?: string;
  /** Headers of the message or the request; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Limits on what a trigger does. */
export interface TriggerLimits {
  /** Runs of this trigger at the same time; more wait on their topic. */
  readonly concurrency?: number;
  /** What its runs may spend in a day (UTC), in US dollars such as "20": they are put on the account `trigger-NAME`. */
  readonly usdPerDay?: string | number;
  /** How often a run is started in all for one event, where it fails. @default 1 */
  readonly attempts?: number;
}

/** A trigger, as an application writes it. */
export interface TriggerOptions<Event> {
  /** Part of the ids of its runs, `trigger:NAME:KEY`: letters, digits, `_`, `-` and `.`. */
  readonly name: string;
  /** The topic whose events it takes. @default none: it is for HTTP and the command line alone */
  readonly topic?: string;
  /** What an event has to be, with zod. What is not goes to the dead letters. @default any JSON */
  readonly schema?: z.ZodType<Event>;
  /** False: the event, before its schema is looked at, is none of this trigger's business. @default every event is */
  filter?(event: JsonObject, context: TriggerContext): boolean;
  /** What makes the event this one: a second event of the same key starts nothing. @default the member `id` */
  key?(event: Event, context: TriggerContext): string;
  /** The event as an input of `agentRun`, or as a signal to a run that goes on. */
  map(event: Event, context: TriggerContext): TriggerAction | Promise<TriggerAction>;
  readonly limits?: TriggerLimits;
}

/** A trigger, checked: what `defineTrigger` makes and a module exports beside its agents. */
export interface TriggerDefinition {
  readonly kind: "trigger";
  readonly name: string;
  readonly topic?: string;
  readonly limits: TriggerLimits;
  /** Never throws: what the trigger's own code throws is a refusal. */
  decide(event: unknown, context: TriggerContext, agents: ReadonlySet<string>): Promise<TriggerDecision>;
}

const MOST_CONCURRENCY = 1_000;
const MOST_ATTEMPTS = 100;
const TOLD = 20;

/**
 * Defines a trigger: which events start runs, and what the runs are asked.
 * @throws DefinitionError that names the trigger and the wrong option
 * @example
 * export const refunds = defineTrigger({
 *   name: "refunds", topic: "shop.refunds",
 *   schema: z.object({ id: z.string(), customer: z.string(), text: z.string() }),
 *   map: ({ customer, text }) => ({ agent: "helper", input: text, labels: { customer }, budget: { limitUsd: "0.10" } }),
 * });
 */
export function defineTrigger<Event = unknown>(options: TriggerOptions<Event>): TriggerDefinition {
  const { name, topic, schema, filter, map, limits = {} } = options;
  const wrong = (option: string, problem: string) => new DefinitionError("trigger", String(name), option, problem);
  if (!isTriggerName(name)) throw wrong("name", "must be 1 to 100 letters, digits, _, - or .");
  if (topic !== undefined && !isTopic(topic))
    throw wrong("topic", "must be a topic's name: letters, digits, ., _ and -");
  if (typeof map !== "function") throw wrong("map", "must be the function that makes an input of agentRun of an event");
  if (schema !== undefined && typeof schema.safeParseAsync !== "function")
    throw wrong("schema", "must be a zod schema");
  checkLimits(limits, wrong);
  const account = limits.usdPerDay === undefined ? undefined : accountOf(name, wrong);
  const keyOf = options.key ?? ((event: Event) => (event as { readonly id?: unknown } | null)?.id as string);
  return {
    kind: "trigger",
    name,
    ...(topic === undefined ? {} : { topic }),
    limits,
    async decide(given, context, agents) {
      let step = "filter";
      try {
        const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
        if (filter && isObject && !filter(given as JsonObject, context)) return { kind: "filtered" };
        step = "schema";
        const parsed = schema ? await schema.safeParseAsync(given) : undefined;
        if (parsed && !parsed.success)
          return { kind: "refused", problems: parsed.error.issues.slice(0, TOLD).map(problemOf) };
        const event = parsed ? parsed.data : (given as Event);
        step = "key";
        const key = keyOf(event, context);
        step = "map";
        return paidBy(account, decideTrigger({ name, key, action: await map(event, context) }, agents));
      } catch (error) {
        return { kind: "refused", problems: [`${step}: ${error instanceof Error ? error.message : String(error)}`] };
      }
    },
  };
}

/** Runs of a trigger with a limit on what it spends share an account. */
function accountOf(name: string, wrong: (option: string, problem: string) => DefinitionError): string {
  const account = triggerAccount(name);
  if (!ACCOUNT_NAME.test(account)) {
    throw wrong("name", "must be lower-case letters, digits, _ and - where limits.usdPerDay is set: an account has it");
  }
  return account;
}

function paidBy(account: string | undefined, decision: TriggerDecision): TriggerDecision {
  if (account === undefined || decision.kind !== "start") return decision;
  const { request } = decision;
  // A run that its account has no money for waits for midnight, or for more, where nobody said otherwise.
  const waiting = request.budget === undefined ? { budget: { onExhausted: "pause" } as const } : {};
  if (request.account === undefined) return { ...decision, request: { ...request, account, ...waiting } };
  const problem = "account: must not be given where the trigger has limits.usdPerDay, whose account pays";
  return { kind: "refused", problems: [problem] };
}

function checkLimits(limits: TriggerLimits, wrong: (option: string, problem: string) => DefinitionError): void {
  const { concurrency, usdPerDay, attempts } = limits;
  const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;
  if (concurrency !== undefined && !isCount(concurrency, MOST_CONCURRENCY)) {
    throw wrong("limits.concurrency", `must be a whole number from 1 to ${MOST_CONCURRENCY}`);
  }
  if (attempts !== undefined && !isCount(attempts, MOST_ATTEMPTS)) {
    throw wrong("limits.attempts", `must be a whole number from 1 to ${MOST_ATTEMPTS}`);
  }
  if (usdPerDay !== undefined) {
    const amount = parseUsd(usdPerDay);
    if (typeof amount === "object") throw wrong("limits.usdPerDay", amount.problem);
  }
}

function problemOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
}
