import { expect, test } from "@jest/globals";
import type { LedgerEntry } from "../../core/ledger-entries.js";
import { type Evidence, problemsOf } from "../../core/proof.js";

const settled = { at: "t", kind: "settled", nanoUsd: 700, attempt: "t1.a1", requestId: "r1" } as LedgerEntry;

const sound: Evidence = {
  capNanoUsd: 2_000,
  status: "completed",
  confirmedNanoUsd: 700,
  unconfirmedNanoUsd: 900,
  entries: [settled],
  billed: [
    { requestId: "r1", nanoUsd: 700 },
    { requestId: "unheard", nanoUsd: 700 },
  ],
  mostRequests: 2,
};

test("books that hold have no problem", () => {
  expect(problemsOf(sound)).toEqual([]);
});

test.each<[string, Partial<Evidence>, RegExp]>([
  ["a bill above the cap", { capNanoUsd: 1_399 }, /bill of \$0\.0000014 passes the cap of \$0\.000001399/],
  ["books above the cap", { capNanoUsd: 1_599 }, /our books of \$0\.0000016 pass the cap/],
  [
    "a bill that the books do not cover",
    { unconfirmedNanoUsd: 699 },
    /the provider billed \$0\.0000014, and our books have \$0\.000001399/,
  ],
  [
    "an answer that was bought twice",
    { mostRequests: 1 },
    /2 requests were billed where 1 are right: an answer was bought twice/,
  ],
  ["a run that did not complete", { status: "budget_exhausted" }, /did not complete: budget_exhausted/],
  [
    "a request that the provider does not know",
    { entries: [{ ...settled, requestId: "r9" }] },
    /t1\.a1 is booked for r9/,
  ],
  [
    "a request with another cost",
    { entries: [{ ...settled, nanoUsd: 699 as never }] },
    /\$0\.000000699, and r1 was billed at \$0\.0000007/,
  ],
])("%s is found", (_, more, message) => {
  expect(problemsOf({ ...sound, ...more }).join("\n")).toMatch(message);
});
