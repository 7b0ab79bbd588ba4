import { expect, test } from "@jest/globals";
import { toNanoUsd } from "../../core/money.js";
import { type ApprovalRules, mayBeAsked, needsApproval } from "../../core/policy.js";
import { picoPerToken } from "../../core/pricing.js";

type Word = "always" | "never" | undefined;

/** Every combination: the run's default, safe, the author's word, the agent's, the run's own for the tool. */
const cases = (["unsafe", "always", "never"] as const).flatMap((otherwise) =>
  [true, false].flatMap((safe) =>
    [undefined, "always", "never"].flatMap((author) =>
      [undefined, "always", "never"].flatMap((agent) =>
        [undefined, "always", "never"].map((run) => ({ otherwise, safe, author, agent, run }) as Case),
      ),
    ),
  ),
);

interface Case {
  readonly otherwise: ApprovalRules["default"];
  readonly safe: boolean;
  readonly author: Word;
  readonly agent: Word;
  readonly run: Word;
}

function asks({ otherwise, safe, author, agent, run }: Case): boolean {
  const tool = { name: "shell", safe, ...(author ? { approval: author } : {}) };
  return needsApproval(tool, { default: otherwise, tools: run ? { shell: run } : {} }, agent ? { shell: agent } : {});
}

const where = (wish: (one: Case) => boolean) => cases.filter(wish).map(asks);

test("the run's own rule for a tool decides, whatever the others say", () => {
  expect(new Set(where(({ run }) => run === "always"))).toEqual(new Set([true]));
  expect(new Set(where(({ run }) => run === "never"))).toEqual(new Set([false]));
});

test("a run that wants to be asked always is, unless its own rule for the tool says never", () => {
  expect(new Set(where(({ otherwise, run }) => otherwise === "always" && run !== "never"))).toEqual(new Set([true]));
});

test("without a word of the run, the agent's goes before the tool author's", () => {
  const open = cases.filter(({ run, otherwise }) => run === undefined && otherwise !== "always");
  for (const one of open.filter(({ agent }) => agent)) expect([one, asks(one)]).toEqual([one, one.agent === "always"]);
  const authors = open.filter(({ agent, author }) => author && !agent);
  for (const one of authors) expect([one, asks(one)]).toEqual([one, one.author === "always"]);
});

test("a tool that nobody has a word for asks unless it is safe, or the run never asks", () => {
  const silent = cases.filter(({ author, agent, run }) => !author && !agent && !run);
  expect(silent.map((one) => [one.otherwise, one.safe, asks(one)])).toEqual([
    ["unsafe", true, false],
    ["unsafe", false, true],
    ["always", true, true],
    ["always", false, true],
    ["never", true, false],
    ["never", false, false],
  ]);
});

test("a tool named like something that every object has gets no word from there", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    expect(needsApproval({ name, safe: true }, { default: "unsafe", tools: {} })).toBe(false);
    expect(needsApproval({ name, safe: false }, { default: "unsafe", tools: {} })).toBe(true);
  }
});

test("a rule for another tool says nothing", () => {
  expect(needsApproval({ name: "shell", safe: false }, { default: "unsafe", tools: { Shell: "never" } })).toBe(true);
});

test("under a limit only models with a price are asked, unless those without one are allowed", () => {
  const price = { rates: { input: picoPerToken(1), output: picoPerToken(1) } };
  const asked = [{ price }, {}].map((model) =>
    [null, toNanoUsd(0), toNanoUsd(5)].map((limit) =>
      (["refuse", "allow"] as const).map((rule) => mayBeAsked(model, limit, rule)),
    ),
  );
  const always = [true, true];
  expect(asked).toEqual([
    [always, always, always],
    [always, [false, true], [false, true]],
  ]);
});
