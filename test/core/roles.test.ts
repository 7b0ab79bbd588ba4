import { expect, test } from "@jest/globals";
import { isRole, mayActAs, ROLES, strongestRole } from "../../core/roles.js";
import { createWrongAttempts } from "../../core/wrong-attempts.js";

test("a role may do what those before it may, and no more", () => {
  const may = ROLES.map((role) => ROLES.filter((wanted) => mayActAs(role, wanted)));
  expect(may).toEqual([["viewer"], ["viewer", "approver"], ["viewer", "approver", "operator"]]);
});

test("the strongest role counts, and words that are none do not", () => {
  expect(strongestRole(["viewer", "x", "operator", "approver"])).toBe("operator");
  expect(strongestRole(["admin", "toString", null, 7])).toBeUndefined();
  expect([isRole("viewer"), isRole("VIEWER"), isRole(undefined)]).toEqual([true, false, false]);
});

test("after ten wrong attempts in a minute one is not heard, and others are", () => {
  const wrong = createWrongAttempts();
  for (let count = 1; count <= 10; count += 1) {
    expect(wrong.isHeard("eve", count)).toBe(true);
    wrong.note("eve", count);
  }
  expect([wrong.isHeard("eve", 100), wrong.isHeard("ana", 100)]).toEqual([false, true]);
  expect(wrong.isHeard("eve", 60_002)).toBe(true);
  wrong.note("eve", 60_002);
  expect(wrong.isHeard("eve", 60_003)).toBe(true);
});
