import { expect, test } from "@jest/globals";
import { z } from "zod";
import { builtInTrigger } from "../../agents/built-in-trigger.js";
import { triggersOf } from "../../agents/module.js";
import { defineTrigger, type TriggerOptions } from "../../agents/trigger.js";

const AGENTS = new Set(["helper"]);
const run = () => ({ agent: "helper", input: "hi" });
const define = (options: Partial<TriggerOptions<unknown>> = {}) => defineTrigger({ name: "t", map: run, ...options });
const decide = async (options: Partial<TriggerOptions<unknown>>, event: unknown) =>
  await define(options).decide(event, { headers: {} }, AGENTS);

test.each([
  [{ name: "a b" }, /trigger "a b": name must be/],
  [{ topic: "a/b" }, /topic must be/],
  [{ map: 7 }, /map must be the function/],
  [{ schema: {} }, /schema must be a zod schema/],
  [{ limits: { concurrency: 0 } }, /limits\.concurrency must be/],
  [{ limits: { attempts: 1.5 } }, /limits\.attempts must be/],
  [{ limits: { usdPerDay: "x" } }, /limits\.usdPerDay/],
  [{ name: "A.b", limits: { usdPerDay: "1" } }, /name must be lower-case/],
])("%j is refused", (options, problem) => {
  expect(() => define(options as never)).toThrow(problem);
});

test("the event goes through filter, schema, key and map, in this order", async () => {
  const seen: string[] = [];
  const options: Partial<TriggerOptions<unknown>> = {
    filter: ({ kind }) => {
      seen.push("filter");
      return kind !== "no";
    },
    schema: z.object({ id: z.coerce.string() }),
    key: (event) => {
      seen.push("key");
      return (event as { id: string }).id;
    },
    map: (event) => {
      seen.push(`map ${JSON.stringify(event)}`);
      return run();
    },
  };
  expect(await decide(options, { kind: "no" })).toEqual({ kind: "filtered" });
  expect(await decide(options, { id: 7 })).toMatchObject({ kind: "start", workflowId: "trigger:t:7" });
  expect(seen).toEqual(["filter", "filter", "key", 'map {"id":"7"}']);
  // What is no object is no business of a filter.
  expect(await decide(options, 7)).toMatchObject({ kind: "refused" });
});

test.each(["filter", "key", "map"] as const)("what %s throws is a refusal that names it", async (step) => {
  const failing = () => {
    throw new Error("it broke");
  };
  expect(await decide({ [step]: failing }, { id: "a" })).toEqual({ kind: "refused", problems: [`${step}: it broke`] });
});

test("what does not fit the schema is told field by field", async () => {
  const schema = z.object({ id: z.string(), data: z.object({ n: z.number() }) });
  const { problems } = (await decide({ schema }, { data: { n: "x" } })) as { problems: readonly string[] };
  expect(problems).toEqual([expect.stringMatching(/^id: /), expect.stringMatching(/^data\.n: /)]);
});

test("without a key an event has to have an id", async () => {
  expect(await decide({}, { id: "a" })).toMatchObject({ workflowId: "trigger:t:a" });
  expect(await decide({}, null)).toEqual({ kind: "refused", problems: [expect.stringMatching(/^key: /)] });
});

test("runs of a trigger with a limit a day are paid by its account", async () => {
  const limits = { usdPerDay: "1" };
  expect(await decide({ limits }, { id: "a" })).toMatchObject({ request: { account: "trigger-t" } });
  const own = { limits, map: () => ({ ...run(), account: "acme" }) };
  expect(await decide(own, { id: "a" })).toEqual({ kind: "refused", problems: [expect.stringMatching(/^account: /)] });
});

test("a module's triggers are found, and each has a name of its own", () => {
  const [one, two] = [define({ name: "one" }), define({ name: "two" })];
  expect(triggersOf({ one, list: [two, one], other: 7, agent: { kind: "agent" } })).toEqual([one, two]);
  expect(() => triggersOf({ one, again: define({ name: "one" }) })).toThrow(/is used by two triggers/);
  expect(() => triggersOf({ mine: define({ name: "wflo.triggers" }) })).toThrow(/is used by two triggers/);
});

test("the built-in trigger", async () => {
  const event = { id: "a", agent: "helper", input: "hi" };
  const context = { headers: {} };
  expect(await builtInTrigger.decide(event, context, AGENTS)).toMatchObject({ workflowId: "trigger:wflo.triggers:a" });
  expect(await builtInTrigger.decide("x", context, AGENTS)).toMatchObject({ kind: "refused" });
});
