import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { type AgentOptions, defineAgent } from "../../agents/agent.js";
import { askHuman } from "../../agents/ask-human.js";
import { BUILT_IN_AGENTS } from "../../agents/built-in.js";
import { agentsOf, offerOf } from "../../agents/module.js";
import { python, shell, withLimits } from "../../agents/sandbox-tools.js";
import { defineTool, type ToolContext, type ToolOptions } from "../../agents/tool.js";

const CONTEXT: ToolContext = {
  workflowId: "run-1",
  turn: 1,
  callId: "c1",
  idempotencyKey: "run-1/1/c1",
  secrets: {},
  signal: new AbortController().signal,
};

const tool = (change: Partial<ToolOptions<z.ZodType>> = {}) =>
  defineTool({
    name: "look_up",
    description: "Finds a customer",
    input: z.object({ email: z.string(), limit: z.number().default(10) }),
    execute: (args) => args as { email: string },
    ...change,
  });

const agent = (change: Partial<AgentOptions> = {}) =>
  defineAgent({ name: "helper", instructions: "You help. Always.", model: "openai/gpt-6-luna", ...change });

describe("a tool", () => {
  test("needs approval, runs once and has two minutes, unless its author says otherwise", () => {
    expect(tool().spec).toMatchObject({ kind: "activity", safe: false, repeatable: false, timeoutMs: 120_000 });
    expect(tool({ safe: true, repeatable: true, timeout: "10s", approval: "always" }).spec).toMatchObject({
      safe: true,
      repeatable: true,
      timeoutMs: 10_000,
      approval: "always",
    });
    expect(tool({ local: true }).spec).toMatchObject({ kind: "local", repeatable: true, timeoutMs: 5_000 });
  });

  test("has a resource by name, or by its arguments; a local one has none", () => {
    expect(tool({ resource: "crm" }).resource?.({})).toBe("crm");
    const byArguments = defineTool({
      name: "look_up",
      description: "Finds a customer",
      input: z.object({ email: z.string() }),
      resource: ({ email }) => `customer/${email}`,
      execute: () => null,
    });
    expect(byArguments.resource?.({ email: "a@b.c" })).toBe("customer/a@b.c");
    expect(() => tool({ resource: "crm", local: true })).toThrow(/look_up.*resource is not for a local tool/);
    for (const resource of ["", 7 as never])
      expect(() => tool({ resource })).toThrow(/look_up.*resource must be a name/);
  });

  test("that costs something says how much at the most, exactly", () => {
    expect(tool({ maxCostUsd: "0.05" }).spec).toMatchObject({ maxCostNanoUsd: 50_000_000 });
    for (const maxCostUsd of ["-1", "1e400", "NaN", "0.0000000001"]) {
      expect(() => tool({ maxCostUsd })).toThrow(/look_up.*maxCostUsd/);
    }
  });

  test("shows the model a JSON Schema in which what has a default may be left out", () => {
    expect(tool().spec.inputSchema).toMatchObject({
      type: "object",
      properties: { email: { type: "string" }, limit: { type: "number", default: 10 } },
      required: ["email"],
    });
  });

  test("gets its arguments as its schema reads them, and may answer nothing", async () => {
    expect(await tool().execute?.({ email: "a@b" }, CONTEXT)).toEqual({ email: "a@b", limit: 10 });
    expect(await tool({ execute: () => undefined }).execute?.({ email: "a@b" }, CONTEXT)).toBeNull();
  });

  test("has another version once its code or its arguments change", () => {
    const versions = [tool(), tool({ execute: () => 1 }), tool({ input: z.object({ id: z.string() }) })];
    expect(new Set(versions.map(({ spec }) => spec.version)).size).toBe(3);
    expect(tool().spec.version).toBe(tool().spec.version);
    expect(tool({ version: "7" }).spec.version).toBe("7");
  });

  test.each<[string, Partial<ToolOptions<z.ZodType>>, RegExp]>([
    ["a name with spaces", { name: "look up" }, /tool "look up": name must be 1 to 64 letters/],
    ["no name", { name: undefined as never }, /name/],
    ["no description", { description: " " }, /tool "look_up": description must say/],
    ["an input that is no object", { input: z.string() }, /tool "look_up": input must be a zod object/],
    ["an input that is no schema", { input: {} as never }, /tool "look_up": input must be a zod object/],
    ["no code", { execute: "run" as never }, /tool "look_up": execute must be the function/],
    ["a time-out without a unit", { timeout: "30" }, /tool "look_up": timeout "30" has no unit/],
    ["an unknown approval", { approval: "ask" as never }, /tool "look_up": approval must be "always" or "never"/],
  ])("with %s is refused, and the message names the option", (_case, change, message) => {
    expect(() => tool(change)).toThrow(message);
  });
});

describe("an agent", () => {
  test("lists its models once, in order of preference", () => {
    expect(agent({ models: ["anthropic/claude-haiku-4-5", "openai/gpt-6-luna"] }).models).toEqual([
      "openai/gpt-6-luna",
      "anthropic/claude-haiku-4-5",
    ]);
    expect(agent().description).toBe("You help.");
  });

  test.each<[string, Partial<AgentOptions>, RegExp]>([
    ["a name with a space", { name: "my helper" }, /agent "my helper": name/],
    ["no instructions", { instructions: undefined as never }, /agent "helper": instructions must be a text/],
    ["no model", { model: undefined as never }, /agent "helper": model is missing/],
    ["a model without a provider", { model: "gpt" }, /agent "helper": model "gpt" is not written like/],
    ["something else among its tools", { tools: [{} as never] }, /agent "helper": tools must be a list/],
    ["the same tool twice", { tools: [tool(), tool()] }, /agent "helper": tools has two tools with the name "look_up"/],
    ["approvals for a tool it lacks", { approvals: { shell: "always" } }, /approvals names "shell"/],
    ["an unknown approval", { tools: [shell], approvals: { shell: "ask" as never } }, /approvals.shell must be/],
    ["a cap of zero", { maxOutputTokens: 0 }, /maxOutputTokens must be a whole number/],
    ["a temperature that is none", { temperature: Number.NaN }, /temperature must be a number from 0 to 2/],
    [
      "a limit for its conversation that is none",
      { compactAtTokens: 10 },
      /compactAtTokens must be a whole number from 1000/,
    ],
    [
      "an isolation that is none",
      { minIsolation: "docker" as never },
      /minIsolation must be one of vm, gvisor, namespace, wasm/,
    ],
    ["a cache without a time", { cache: {} as never }, /agent "helper": cache.ttl must be a duration/],
    ["a model time-out without a unit", { modelTimeout: "10" }, /agent "helper": modelTimeout "10" has no unit/],
  ])("with %s is refused, and the message names the option", (_case, change, message) => {
    expect(() => agent(change)).toThrow(message);
  });
});

describe("a module", () => {
  test("offers every agent that it exports, alone or in lists", () => {
    const [a, b, c] = [agent({ name: "a" }), agent({ name: "b" }), agent({ name: "c" })];
    expect(agentsOf({ default: a, more: [b, c, 7], text: "x", again: a }, "m").map(({ name }) => name)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("without an agent is refused by its name", () => {
    expect(() => agentsOf({ tool: tool() }, "./agents.js")).toThrow(/module ".\/agents.js": exports no agent/);
  });

  test("with two agents, or two different tools, of one name is refused", () => {
    expect(() => offerOf([agent(), agent()])).toThrow(/agent "helper": name is used by two agents/);
    const others = [agent({ tools: [tool()] }), agent({ name: "other", tools: [tool({ version: "2" })] })];
    expect(() => offerOf(others)).toThrow(/agent "other": tools: look_up is another agent's tool/);
    const shared = tool();
    expect(offerOf([agent({ tools: [shared] }), agent({ name: "other", tools: [shared] })]).tools.size).toBe(1);
  });
});

describe("the built-in agents", () => {
  test("are assistant and analyst, with the tools of the contract", () => {
    const tools = Object.fromEntries(
      BUILT_IN_AGENTS.map(({ name, tools: own }) => [name, own.map(({ spec }) => spec.name)]),
    );
    expect(tools).toEqual({
      assistant: ["python", "javascript", "shell", "ask_human"],
      analyst: ["python", "shell", "ask_human"],
    });
    expect(BUILT_IN_AGENTS.find(({ name }) => name === "analyst")?.approvals).toEqual({ shell: "always" });
  });

  test("run code without approval, in a sandbox whose limits an agent may set", () => {
    expect(python.spec).toMatchObject({ kind: "sandbox", safe: true, settings: { language: "python" } });
    expect(withLimits(python, { wallMs: 5_000 }).spec).toMatchObject({
      settings: { language: "python", limits: { wallMs: 5_000 } },
      timeoutMs: 65_000,
    });
    expect(() => withLimits(python, { wallMs: 1e12 })).toThrow(/tool "python": limits: wallMs must be a whole number/);
    expect(() => withLimits(python, { memory: 1 } as never)).toThrow(/memory is no limit; there are wallMs/);
    expect(() => withLimits(askHuman, { wallMs: 5 })).toThrow(/limits are for sandbox tools/);
    expect(askHuman.spec.kind).toBe("human");
  });
});
