import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { checkRunInput, isFileName, type RunInput } from "../../core/input.js";

const REF = `sha256:${"ab".repeat(32)}`;
const LEAST = { agent: "assistant", input: "hello" };

function inputOf(value: unknown): RunInput {
  const checked = checkRunInput(value);
  if ("problems" in checked) throw new Error(checked.problems.join("\n"));
  return checked.input;
}

function problemsOf(value: unknown): readonly string[] {
  const checked = checkRunInput(value);
  return "problems" in checked ? checked.problems : [];
}

test("agent and input alone are an input; everything else has its default", () => {
  expect(inputOf(LEAST)).toEqual({
    agent: "assistant",
    input: "hello",
    models: [],
    maxTurns: 50,
    labels: {},
    limits: {},
    approvals: {
      default: "unsafe",
      tools: {},
      onTimeout: "reject",
      approvers: [],
      quorum: 1,
      escalateTo: [],
      identity: "asserted",
    },
    files: {},
  });
});

test("every field of the contract is read into its resolved form", () => {
  const input = inputOf({
    agent: "assistant",
    input: { ref: REF },
    model: "openai/gpt-4o-mini",
    models: ["anthropic/claude-haiku", "openai/gpt-4o-mini", "scripted//tmp/my scripts/a.json"],
    maxTurns: 7,
    budget: { limitUsd: "0.50", softLimitUsd: 0.4, onExhausted: "degrade" },
    account: "acme/search",
    labels: { team: "search" },
    limits: { toolCalls: 200, wallTime: "2h", tokens: 2_000_000, sameCall: 5 },
    outputSchema: { type: "object" },
    approvals: {
      default: "always",
      tools: { shell: "always", python: "never" },
      timeout: "24h",
      onTimeout: "escalate",
      approvers: ["ana", "ben", "ana"],
      quorum: 2,
      escalateTo: ["lead", "boss"],
      identity: "verified",
    },
    files: { "data.csv": "a,b", "deep/er/x.txt": { ref: REF } },
    somethingNew: { nobody: "knows" },
  });
  expect(input).toEqual({
    agent: "assistant",
    input: { ref: REF },
    models: ["openai/gpt-4o-mini", "anthropic/claude-haiku", "scripted//tmp/my scripts/a.json"],
    maxTurns: 7,
    budget: { limitNanoUsd: 500_000_000, softLimitNanoUsd: 400_000_000, onExhausted: "degrade" },
    account: "acme/search",
    labels: { team: "search" },
    limits: { toolCalls: 200, wallTimeMs: 7_200_000, tokens: 2_000_000, sameCall: 5 },
    outputSchema: { type: "object" },
    approvals: {
      default: "always",
      tools: { shell: "always", python: "never" },
      timeoutMs: 86_400_000,
      onTimeout: "escalate",
      approvers: ["ana", "ben"],
      quorum: 2,
      escalateTo: ["lead", "boss"],
      identity: "verified",
    },
    files: { "data.csv": "a,b", "deep/er/x.txt": { ref: REF } },
  });
});

test.each(["fail", "pause", "degrade", "throw"])("onExhausted may be %s", (onExhausted) => {
  expect(inputOf({ ...LEAST, budget: { limitUsd: 1, onExhausted } }).budget?.onExhausted).toBe(onExhausted);
});

test("a null in an optional field counts as not given, as other languages send it", () => {
  const nulls = { model: null, models: null, maxTurns: null, budget: null, account: null, labels: null };
  const input = inputOf({
    ...LEAST,
    ...nulls,
    limits: { toolCalls: null },
    approvals: null,
    files: null,
    outputSchema: null,
  });
  expect(input).toEqual(inputOf(LEAST));
});

const circular: Record<string, unknown> = {};
circular.self = circular;
const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`) as unknown;
const budget = { limitUsd: "1" };
const address = `sha256:${"a".repeat(64)}`;
const manyLabels = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`label-${at}`, "x".repeat(500)]));
const people = (count: number, letters: number) =>
  Array.from({ length: count }, (_, at) => `${at}-${"x".repeat(letters)}`);

/** Each row: field, a value of it that is wrong, what the message says. */
test.each<[string, object, RegExp]>([
  ["agent", { agent: undefined }, /is missing; it must be an agent's name/],
  ["agent", { agent: null }, /is missing/],
  ["agent", { agent: "" }, /must be an agent's name, not ""/],
  ["agent", { agent: 7 }, /must be an agent's name, not 7/],
  ["agent", { agent: ["assistant"] }, /not a list of 1/],
  ["agent", { agent: "a".repeat(201) }, /must be at most 200 characters/],
  ["input", { input: undefined }, /is missing; it must be a text or/],
  ["input", { input: "" }, /must not be empty/],
  ["input", { input: " \n" }, /must not be empty/],
  ["input", { input: 7 }, /must be a text or \{"ref":"sha256:…"\}/],
  ["input", { input: { ref: "sha256:short" } }, /with 64 hexadecimal digits, not an object/],
  ["input", { input: { text: "hello" } }, /must be a text or/],
  ["input", { input: "x".repeat(10_000_000) }, /is larger than 1024 KiB; put it into the blob store/],
  ["input", { input: "é".repeat(600_000) }, /is larger than 1024 KiB/],
  ["model", { model: "gpt-4o-mini" }, /must be provider\/model, such as openai\/gpt-4o-mini, not "gpt-4o-mini"/],
  ["model", { model: "openai/" }, /must be provider\/model/],
  ["model", { model: "/gpt" }, /must be provider\/model/],
  ["model", { model: "openai/gpt\n" }, /must be provider\/model/],
  ["model", { model: { name: "x" } }, /not an object/],
  ["models", { models: "openai/gpt-4o-mini" }, /must be a list of texts, not "openai/],
  ["models[1]", { models: ["openai/a", "nonsense"] }, /must be provider\/model.*not "nonsense"/],
  ["models[0]", { models: [null] }, /not null/],
  ["models", { models: Array.from({ length: 101 }, (_, at) => `openai/m${at}`) }, /at most 100 models/],
  ["maxTurns", { maxTurns: 0 }, /must be a whole number from 1 to 1000000, not 0/],
  ["maxTurns", { maxTurns: 1.5 }, /must be a whole number/],
  ["maxTurns", { maxTurns: "50" }, /must be a whole number from 1 to 1000000, not "50"/],
  ["maxTurns", { maxTurns: Number.NaN }, /not NaN/],
  ["maxTurns", { maxTurns: Number.POSITIVE_INFINITY }, /not Infinity/],
  ["maxTurns", { maxTurns: 1e9 }, /must be a whole number/],
  ["budget", { budget: "0.50" }, /must be an object, not "0.50"/],
  ["budget", { budget: [] }, /must be an object, not a list of 0/],
  ["budget.limitUsd", { budget: {} }, /is missing; it must be US dollars such as "0.50"/],
  ["budget.limitUsd", { budget: { limitUsd: null } }, /is missing/],
  ["budget.limitUsd", { budget: { limitUsd: "abc" } }, /"abc" is not an amount of US dollars/],
  ["budget.limitUsd", { budget: { limitUsd: "-1" } }, /"-1" is not an amount/],
  ["budget.limitUsd", { budget: { limitUsd: -1 } }, /is not an amount/],
  ["budget.limitUsd", { budget: { limitUsd: "1e3" } }, /is not an amount/],
  ["budget.limitUsd", { budget: { limitUsd: "0.12345678901234567890" } }, /more than nine decimals/],
  ["budget.limitUsd", { budget: { limitUsd: JSON.parse("1e400") } }, /not Infinity/],
  ["budget.limitUsd", { budget: { limitUsd: Number.NaN } }, /not NaN/],
  ["budget.limitUsd", { budget: { limitUsd: "99999999" } }, /more than \$9,007,199/],
  ["budget.limitUsd", { budget: { limitUsd: 10n } }, /must be US dollars as a decimal text or a number/],
  ["budget.limitUsd", { budget: { limitUsd: "1".repeat(10_000_000) } }, /must be US dollars/],
  ["budget.softLimitUsd", { budget: { ...budget, softLimitUsd: "x" } }, /is not an amount/],
  ["budget.softLimitUsd", { budget: { ...budget, softLimitUsd: "1.01" } }, /must not be above limitUsd/],
  [
    "budget.onExhausted",
    { budget: { ...budget, onExhausted: "stop" } },
    /one of fail, pause, degrade, throw, not "stop"/,
  ],
  ["account", { account: "Acme Search" }, /must be an account's path such as acme\/search.*not "Acme Search"/],
  ["account", { account: "acme//search" }, /must be an account's path/],
  ["account", { account: "/acme" }, /must be an account's path/],
  ["account", { account: 5 }, /must be an account's path/],
  ["account", { account: "a".repeat(201) }, /at most 200 characters/],
  ["labels", { labels: ["a"] }, /must be an object, not a list of 1/],
  ["labels.team", { labels: { team: 5 } }, /must be a text of at most 500 characters, not 5/],
  ["labels.team", { labels: { team: "x".repeat(501) } }, /at most 500 characters/],
  ['labels.""', { labels: { "": "x" } }, /needs a name of 1 to 500 characters/],
  ["labels.__proto__", { labels: JSON.parse('{"__proto__":"x"}') as object }, /a name that is not accepted/],
  [
    "labels",
    { labels: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, ""])) },
    /51 entries; at most 50/,
  ],
  ["labels", { labels: { a: "x".repeat(500), ...manyLabels } }, /must be at most 4 KiB in all/],
  ["limits", { limits: 5 }, /must be an object, not 5/],
  ["limits.toolCalls", { limits: { toolCalls: -1 } }, /must be a whole number from 0/],
  ["limits.wallTime", { limits: { wallTime: 7_200 } }, /7200 has no unit; write it like "30s"/],
  ["limits.wallTime", { limits: { wallTime: "5 minutess" } }, /a unit that is not known/],
  ["limits.tokens", { limits: { tokens: 0 } }, /must be a whole number from 1/],
  ["limits.sameCall", { limits: { sameCall: 51 } }, /must be a whole number from 1 to 50, not 51/],
  ["outputSchema", { outputSchema: "object" }, /must be an object, not "object"/],
  ["outputSchema", { outputSchema: [] }, /must be an object, not a list of 0/],
  ["outputSchema", { outputSchema: deep }, /is nested deeper than 64 levels/],
  ["outputSchema", { outputSchema: circular }, /is nested deeper than 64 levels/],
  ["outputSchema", { outputSchema: { maximum: Number.NaN } }, /has the number NaN, which JSON cannot carry/],
  ["outputSchema", { outputSchema: { maximum: 1n } }, /has a bigint, which JSON cannot carry/],
  ["outputSchema", { outputSchema: { description: "x".repeat(70_000) } }, /is larger than 64 KiB/],
  ["outputSchema", { outputSchema: { enum: new Array(200_000).fill(1) } }, /has more than 100000 values/],
  ["approvals", { approvals: "never" }, /must be an object, not "never"/],
  ["approvals.default", { approvals: { default: "sometimes" } }, /one of unsafe, always, never, not "sometimes"/],
  ["approvals.tools", { approvals: { tools: ["shell"] } }, /must be an object/],
  ["approvals.tools.shell", { approvals: { tools: { shell: "maybe" } } }, /one of always, never, not "maybe"/],
  [
    "approvals.tools.__proto__",
    { approvals: { tools: JSON.parse('{"__proto__":"never"}') as object } },
    /not accepted/,
  ],
  ["approvals.timeout", { approvals: { timeout: "a day" } }, /"a day" is not a duration/],
  ["approvals.onTimeout", { approvals: { onTimeout: "wait" } }, /one of reject, approve, escalate/],
  ["approvals.approvers", { approvals: { approvers: "ana" } }, /must be a list of texts, not "ana"/],
  ["approvals.approvers[1]", { approvals: { approvers: ["ana", ""] } }, /must be a text that is not empty, not ""/],
  ["approvals.approvers", { approvals: { approvers: new Array(1_001).fill("a") } }, /a list of at most 1000/],
  ["approvals.approvers", { approvals: { approvers: people(101, 5) } }, /must be at most 100 people/],
  ["approvals.approvers", { approvals: { approvers: people(50, 100) } }, /must be at most 4 KiB in all/],
  ["approvals.escalateTo", { approvals: { escalateTo: people(101, 5) } }, /must be at most 100 people/],
  [
    `approvals.tools."${"x".repeat(80)}…"`,
    { approvals: { tools: { ["x".repeat(201)]: "never" } } },
    /named by a tool, of 1 to 200 characters/,
  ],
  ["fork", { fork: "sha256:1" }, /must be an object/],
  ["fork.transcript", { fork: {} }, /is missing; it must be the transcript's address/],
  ["fork.transcript", { fork: { transcript: "latest" } }, /must be the transcript's address: sha256: and 64/],
  ["fork.turn", { fork: { transcript: address, turn: 0 } }, /must be a whole number from 1/],
  ["approvals.quorum", { approvals: { quorum: 0 } }, /must be a whole number from 1 to 100/],
  ["approvals.quorum", { approvals: { approvers: ["ana"], quorum: 2 } }, /must not be above the 1 approvers/],
  ["approvals.quorum", { approvals: { approvers: ["ana", "ana"], quorum: 2 } }, /must not be above the 1 approvers/],
  [
    "approvals.quorum",
    { approvals: { onTimeout: "escalate", escalateTo: ["lead"], quorum: 2 } },
    /the 1 people of escalateTo/,
  ],
  ["approvals.escalateTo", { approvals: { onTimeout: "escalate" } }, /is missing; with onTimeout escalate/],
  ["approvals.escalateTo", { approvals: { onTimeout: "escalate", escalateTo: [] } }, /must name somebody/],
  ["approvals.escalateTo[0]", { approvals: { escalateTo: [5] } }, /must be a text that is not empty, not 5/],
  ["approvals.identity", { approvals: { identity: "signed" } }, /one of asserted, verified, not "signed"/],
  ["files", { files: [] }, /must be an object, not a list of 0/],
  ["files.data.csv", { files: { "data.csv": 5 } }, /must be a text or \{"ref":"sha256:…"\}.*not 5/],
  ["files.data.csv", { files: { "data.csv": { ref: "nowhere" } } }, /must be a text or/],
  ['files."/etc/passwd"', { files: { "/etc/passwd": "" } }, /must be named by a relative path/],
  ['files."a/../../b"', { files: { "a/../../b": "" } }, /must be named by a relative path/],
  ["files.__proto__", { files: JSON.parse('{"__proto__":"x"}') as object }, /a name that is not accepted/],
  ["files", { files: { a: "x".repeat(600_000), b: "x".repeat(600_000) } }, /larger than 1024 KiB in all/],
  ["files", { files: Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`f${at}`, ""])) }, /at most 1000/],
])("a wrong %s is refused by its name (case %#)", (field, wrong, message) => {
  const problems = problemsOf({ ...LEAST, ...wrong });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(message);
  expect(problems[0]?.slice(0, field.length + 2)).toBe(`${field}: `);
  expect(problems[0]?.length).toBeLessThan(400);
});

test.each([[undefined], [null], ["text"], [5], [[]], [true]])(
  "an input that is no object is told what one looks like (case %#)",
  (value) => {
    expect(problemsOf(value)).toEqual([
      expect.stringMatching(/must be one object like \{"agent":"assistant","input":"…"\}/),
    ]);
  },
);

test("all that is wrong is told at once", () => {
  const wrong = {
    maxTurns: 0,
    budget: { limitUsd: "x", onExhausted: "y" },
    limits: { wallTime: "z" },
    approvals: { quorum: 0 },
  };
  expect(problemsOf(wrong).map((problem) => problem.split(":")[0])).toEqual([
    "budget.limitUsd",
    "budget.onExhausted",
    "agent",
    "input",
    "maxTurns",
    "limits.wallTime",
    "approvals.quorum",
  ]);
});

test("thousands of problems are told as the first fifty and a count", () => {
  const problems = problemsOf({ ...LEAST, approvals: { approvers: new Array(1_000).fill(5) } });
  expect(problems).toHaveLength(51);
  expect(problems.at(-1)).toBe("and 950 more problems");
});

test("a fork needs no input, and says where it goes on from", () => {
  const input = inputOf({ agent: "assistant", fork: { transcript: address, turn: 3 } });
  expect(input).toMatchObject({ input: null, fork: { transcript: address, turn: 3 } });
  expect(inputOf({ ...LEAST, fork: { transcript: address, turn: null } }).fork).toEqual({ transcript: address });
});

test("a limit of nothing is a limit", () => {
  expect(inputOf({ ...LEAST, budget: { limitUsd: "0" } }).budget?.limitNanoUsd).toBe(0);
});

test("names that every object inherits are ordinary names", () => {
  const input = inputOf({
    ...LEAST,
    labels: { constructor: "x" },
    files: { toString: "y" },
    approvals: { tools: { valueOf: "never" } },
  });
  expect(input.labels).toEqual({ constructor: "x" });
  expect(input.files).toEqual({ toString: "y" });
  expect(input.approvals.tools).toEqual({ valueOf: "never" });
});

test("fields that are only inherited do not count", () => {
  expect(problemsOf(Object.create(LEAST))).toHaveLength(2);
});

test.each([
  ["data.csv", true],
  ["a/b/c.txt", true],
  ["with space.txt", true],
  ["ünïcode.txt", true],
  ["...", true],
  [".hidden", true],
  ["", false],
  [".", false],
  ["..", false],
  ["a/..", false],
  ["a/./b", false],
  ["a//b", false],
  ["/a", false],
  ["a/", false],
  ["a\\b", false],
  ["a\0b", false],
  ["a\nb", false],
  ["x".repeat(256), false],
  ["x/".repeat(250) + "y".repeat(10), false],
])("as a file's name %j is accepted: %s", (name, accepted) => {
  expect(isFileName(name)).toBe(accepted);
});

test("whatever comes in, the check gives an input or problems, and never throws", () => {
  const fields = [
    "agent",
    "input",
    "model",
    "models",
    "maxTurns",
    "budget",
    "account",
    "labels",
    "limits",
    "outputSchema",
    "approvals",
    "files",
  ];
  const anyValue = fc.oneof(fc.anything(), fc.string(), fc.dictionary(fc.string(), fc.anything()));
  const anyInput = fc.dictionary(fc.constantFrom(...fields, "__proto__", "constructor"), anyValue);
  fc.assert(
    fc.property(fc.oneof(anyInput, fc.anything()), (value) => {
      const checked = checkRunInput(value);
      if ("input" in checked) expect(checked.input.maxTurns).toBeGreaterThanOrEqual(1);
      else expect(checked.problems.length).toBeGreaterThan(0);
    }),
    { numRuns: 3_000 },
  );
});

test("what is accepted is plain JSON and is accepted again by the same rules", () => {
  const input = inputOf({ ...LEAST, approvals: { timeout: "1h" }, files: { a: "b" } });
  expect(JSON.parse(JSON.stringify(input))).toEqual(input);
});
