import { expect, test } from "@jest/globals";
import { FAILURES, invalidInput, isFailureType, isWfloError, mayRetry, WfloError } from "../../core/failures.js";

test("the catalogue has the contract's failure types, and no others under that name", () => {
  const contract = Object.entries(FAILURES)
    .filter(([, kind]) => kind.contract)
    .map(([type]) => type);
  expect(contract.sort()).toEqual([
    "BudgetExhausted",
    "ContextTooLong",
    "InvalidInput",
    "ModelRefused",
    "SandboxUnavailable",
    "ToolFailed",
    "UnknownAgent",
    "UnknownModel",
  ]);
});

test("every failure says what to do in a whole sentence", () => {
  for (const [type, { advice }] of Object.entries(FAILURES))
    expect([type, advice]).toEqual([type, expect.stringMatching(/^[A-Z].{20,}\.$/)]);
});

test("a failure of the contract is never tried again by itself", () => {
  for (const type of Object.keys(FAILURES)) {
    if (isFailureType(type) && FAILURES[type].contract) expect([type, mayRetry(type)]).toEqual([type, false]);
  }
});

test("an error carries type, facts, advice and when to ask again", () => {
  const error = new WfloError("ModelUnavailable", "openai answered 429", {
    facts: { status: 429 },
    retryAfterMs: 2_000,
  });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    type: "ModelUnavailable",
    message: "openai answered 429",
    facts: { status: 429 },
    retryAfterMs: 2_000,
  });
  expect(error.advice).toBe(FAILURES.ModelUnavailable.advice);
  expect(new WfloError("ToolFailed", "x", { advice: "Look." }).advice).toBe("Look.");
});

test("an error is known by its type, also where its class is another copy", () => {
  const foreign = Object.assign(new Error("no such agent"), { type: "UnknownAgent", advice: "Ask." });
  expect(isWfloError(foreign)).toBe(true);
  expect(isWfloError(Object.assign(new Error("x"), { type: "constructor", advice: "" }))).toBe(false);
  expect([new Error("x"), "UnknownAgent", null, undefined].map(isWfloError)).toEqual([false, false, false, false]);
});

test("a wrong input is one failure that lists every problem", () => {
  expect(invalidInput(["agent: is missing"]).message).toBe("agent: is missing");
  const two = invalidInput(["agent: is missing", "maxTurns: must be a whole number"]);
  expect(two.type).toBe("InvalidInput");
  expect(two.message).toBe("2 problems:\n- agent: is missing\n- maxTurns: must be a whole number");
  expect(two.facts.problems).toHaveLength(2);
});
