import { expect, test } from "@jest/globals";
import { lazy } from "../../core/lazy.js";

test("what was made is made once, also for those who want it at once", async () => {
  let count = 0;
  const one = lazy(async () => ++count);
  expect(await one.made()).toBeUndefined();
  expect(await Promise.all([one.get(), one.get(), one.get()])).toEqual([1, 1, 1]);
  expect([await one.get(), await one.made()]).toEqual([1, 1]);
});

test("what failed is made again the next time", async () => {
  let count = 0;
  const one = lazy(async () => (++count < 2 ? await Promise.reject(new Error("away")) : count));
  await expect(one.get()).rejects.toThrow("away");
  expect(await one.made()).toBeUndefined();
  expect(await one.get()).toBe(2);
});
