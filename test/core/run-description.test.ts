import { describe, expect, test } from "@jest/globals";
import { checkRunInput } from "../../core/input.js";
import { describeRun } from "../../core/run-description.js";

const described = (request: object) => {
  const checked = checkRunInput({ agent: "analyst", input: "Count the orders", ...request });
  if ("problems" in checked) throw new Error(checked.problems.join("; "));
  return describeRun(checked.input);
};
const transcript = `sha256:${"a".repeat(64)}`;

test("a run that says nothing else is described by what it is asked and by the defaults", () => {
  expect(described({})).toEqual({
    staticSummary: "analyst: Count the orders",
    memo: {
      wfloAsked: "Count the orders",
      wfloBudget: "the agent's own",
      wfloLimits: "50 turns",
      wfloApprovals: "asks before tools that are not safe",
    },
  });
});

describe("a line says", () => {
  const cases: readonly [string, object, object][] = [
    ["a limit, and what comes then", { budget: { limitUsd: "0.50" } }, { wfloBudget: "at most $0.50, then: fail" }],
    [
      "a warning",
      { budget: { limitUsd: "2", softLimitUsd: "1.5", onExhausted: "pause" } },
      { wfloBudget: "at most $2.00, a warning at $1.50, then: pause" },
    ],
    ["who pays", { account: "acme/search" }, { wfloBudget: "account acme/search pays" }],
    [
      "who pays up to a limit",
      { account: "acme", budget: { limitUsd: "1", onExhausted: "degrade" } },
      { wfloBudget: "at most $1.00, then: degrade, account acme pays" },
    ],
    [
      "every limit",
      { maxTurns: 9, limits: { toolCalls: 20, wallTime: "2h", tokens: 5_000, sameCall: 3 } },
      { wfloLimits: "9 turns, 20 tool calls, 5000 tokens, 2h, the same call 3 times" },
    ],
    ["labels", { labels: { team: "search", env: "prod" } }, { wfloLabels: "team=search, env=prod" }],
    [
      "who is asked, how many, and for how long",
      { approvals: { default: "always", approvers: ["ana", "ben"], quorum: 2, identity: "verified", timeout: "24h" } },
      { wfloApprovals: "asks before every tool, by ana or ben, 2 people, signed, within 1d, else reject" },
    ],
    [
      "to whom it goes then",
      { approvals: { tools: { look: "never" }, timeout: "1h", onTimeout: "escalate", escalateTo: ["eve"] } },
      { wfloApprovals: "asks before tools that are not safe, look never, within 1h, else escalate, to eve" },
    ],
    ["nobody is asked", { approvals: { default: "never" } }, { wfloApprovals: "asks before no tool" }],
    ["what a blob asks", { input: { ref: transcript } }, { wfloAsked: transcript }],
    [
      "where a fork goes on from",
      { input: "And now?", fork: { transcript, turn: 3 } },
      { wfloAsked: `And now? (goes on from ${transcript}, after its turn 3)` },
    ],
  ];
  test.each(cases)("%s", (_name, request, memo) => {
    expect(described(request).memo).toMatchObject(memo);
  });
});

test("a line is one line, and never long", () => {
  const { staticSummary, memo } = described({
    input: `first\r\nsecond\u0000 ${"ü".repeat(10_000)}`,
    labels: Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`label${at}`, "x".repeat(500)])),
  });
  expect(memo.wfloAsked).toMatch(/^first second ü+…$/u);
  for (const line of [staticSummary, ...Object.values(memo)]) {
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(300);
    expect(line).not.toMatch(/\p{Cc}/u);
  }
});
