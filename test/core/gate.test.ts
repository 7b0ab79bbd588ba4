import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { digestOf } from "../../core/digest.js";
import {
  type Decided,
  type DecisionInput,
  decide,
  expire,
  type Gate,
  gateNumber,
  openGate,
  viewGate,
} from "../../core/gate.js";
import { isoTime } from "../../core/instant.js";

const T0 = "2026-08-22T10:00:00.000Z";
const T1 = "2026-08-22T10:00:01.000Z";
const T60 = "2026-08-22T10:01:00.000Z";
const T61 = "2026-08-22T10:01:01.000Z";

function gateWith(change: Partial<Parameters<typeof openGate>[0]> = {}): Gate {
  const args = { command: "ls" };
  return openGate({
    gate: "g1",
    title: "Run shell?",
    tool: "shell",
    args,
    digest: digestOf(args),
    requestedAt: T0,
    ...change,
  });
}

function word(change: Partial<DecisionInput> = {}): DecisionInput {
  return { decision: "approve", by: "ana", identity: "asserted", at: T1, ...change };
}

/** The gate after words that must all be taken. */
function after(gate: Gate, ...words: readonly Partial<DecisionInput>[]): Gate {
  return words.reduce<Gate>((current, change) => {
    const outcome = decide(current, word(change));
    if (outcome.kind === "refused") throw new Error(outcome.message);
    return outcome.gate;
  }, gate);
}

function refusal(outcome: Decided): string {
  return outcome.kind === "refused" ? outcome.reason : outcome.kind;
}

test("one approval opens a gate that asks for one", () => {
  const outcome = decide(gateWith(), word({ comment: "fine" }));
  expect(outcome).toMatchObject({ kind: "decided", gate: { state: "approved", args: { command: "ls" } } });
});

test("one rejection rejects, whatever others said", () => {
  expect(after(gateWith({ quorum: 3 }), { by: "ana" }, { by: "ben" }, { by: "cleo", decision: "reject" }).state).toBe(
    "rejected",
  );
});

test("a person who approved may still reject", () => {
  const gate = after(gateWith({ quorum: 2 }), { by: "ana" }, { by: "ana", decision: "reject", comment: "wait" });
  expect(gate.state).toBe("rejected");
  expect(gate.decisions).toEqual([expect.objectContaining({ by: "ana", decision: "reject", comment: "wait" })]);
});

test("a quorum of two needs two different people", () => {
  const one = after(gateWith({ quorum: 2 }), { by: "ana" });
  expect(one.state).toBe("pending");
  expect(refusal(decide(one, word({ by: "ana" })))).toBe("duplicate");
  expect(refusal(decide(one, word({ by: " ANA " })))).toBe("duplicate");
  expect(after(one, { by: "ben" }).state).toBe("approved");
});

const pending = gateWith({ approvers: ["ana", "ben"], timeoutMs: 60_000 });

test.each<[string, Gate, Partial<DecisionInput>, RegExp]>([
  ["closed", after(gateWith(), { by: "ana" }), { by: "ben" }, /g1 is approved already, by ana/],
  ["closed", after(gateWith(), { decision: "reject" }), { decision: "reject" }, /g1 is rejected already, by ana/],
  [
    "closed",
    expire(gateWith({ timeoutMs: 60_000, onTimeout: "approve" }), T60),
    {},
    /approved already, by its deadline/,
  ],
  ["late", expire(pending, T60), {}, /nobody decided on g1 until 2026-08-22T10:01:00.000Z/],
  ["late", pending, { at: T61 }, /the time for g1 ended at/],
  ["not-allowed", pending, { by: "mallory" }, /mallory may not decide on g1; it asks ana, ben/],
  ["not-allowed", pending, { by: "mallory", decision: "reject" }, /may not decide/],
  ["stale", pending, { digest: digestOf("another") }, /g1 asks about sha256:\w+ by now/],
  ["stale", pending, { digest: digestOf("another"), decision: "reject" }, /look at it again/],
  ["unverified", gateWith({ identity: "verified" }), {}, /verified decisions only; that this is ana is only asserted/],
  ["own-request", gateWith({ requestedBy: "ana" }), {}, /ana asked for this; somebody else/],
  ["own-request", gateWith({ requestedBy: "ana" }), { by: "Ana" }, /somebody else has to approve/],
])("a decision is refused as %s, saying why (case %#)", (reason, gate, change, message) => {
  const outcome = decide(gate, word(change));
  expect(refusal(outcome)).toBe(reason);
  expect(outcome).toMatchObject({ message: expect.stringMatching(message) });
});

test("who asked for something may take it back", () => {
  expect(after(gateWith({ requestedBy: "ana" }), { by: "ana", decision: "reject" }).state).toBe("rejected");
});

test("a verified decision opens a gate that demands one", () => {
  expect(after(gateWith({ identity: "verified" }), { identity: "verified" }).state).toBe("approved");
});

test("a decision in the deadline's own millisecond is in time", () => {
  expect(after(pending, { at: T60 }).state).toBe("approved");
});

test("edited arguments are what is approved", () => {
  const gate = after(gateWith(), { args: { command: "ls -l" } });
  expect(gate).toMatchObject({ state: "approved", args: { command: "ls -l" }, editedBy: "ana" });
});

test("arguments that are given but equal are no edit", () => {
  expect(after(gateWith(), { args: { command: "ls" } }).editedBy).toBeUndefined();
});

test("an edit voids the approvals before it, and its author approves what they wrote", () => {
  const edited = after(gateWith({ quorum: 2 }), { by: "ana" }, { by: "ben", args: { command: "ls -l" } });
  expect(edited.state).toBe("pending");
  expect(viewGate(edited).decisions).toEqual([
    expect.objectContaining({ by: "ana", superseded: true }),
    expect.not.objectContaining({ superseded: true }),
  ]);
  const renewed = { ...edited, digest: digestOf({ command: "ls -l" }) };
  expect(after(renewed, { by: "ana", digest: renewed.digest })).toMatchObject({
    state: "approved",
    args: { command: "ls -l" },
  });
});

test("nobody approves edited arguments that they have not seen", () => {
  const edited = after(gateWith({ quorum: 2 }), { by: "ben", args: { command: "rm -rf /" } });
  const renewed = { ...edited, digest: digestOf(edited.args) };
  expect(decide(renewed, word({ by: "ana" }))).toMatchObject({
    kind: "refused",
    reason: "edited",
    message: expect.stringContaining(
      `ben changed the arguments of g1; approve them by naming the digest ${renewed.digest}`,
    ),
  });
  expect(refusal(decide(renewed, word({ by: "ana", digest: digestOf({ command: "ls" }) })))).toBe("stale");
  expect(refusal(decide(renewed, word({ by: "ana", decision: "reject" })))).toBe("decided");
  expect(refusal(decide(renewed, word({ by: "ana", args: { command: "rm -rf /" } })))).toBe("decided");
});

test("an edit by another person takes the place of the one before", () => {
  const gate = after(
    gateWith({ quorum: 2 }),
    { by: "ana", args: { command: "a" } },
    { by: "ben", args: { command: "b" } },
  );
  expect(gate).toMatchObject({ state: "pending", args: { command: "b" }, editedBy: "ben" });
});

test("a gate that nobody decides on is refused at its deadline, not before", () => {
  expect(expire(pending, T1)).toBe(pending);
  expect(expire(pending, T60).state).toBe("expired");
});

test("a gate without a time-out waits for ever", () => {
  const gate = gateWith();
  expect(gate.deadline).toBeUndefined();
  expect(expire(gate, "2099-01-01T00:00:00.000Z")).toBe(gate);
});

test("a time-out approves where the policy says so", () => {
  expect(expire(gateWith({ timeoutMs: 60_000, onTimeout: "approve" }), T60).state).toBe("approved");
});

test("escalation asks other people, with the whole time anew, and once", () => {
  const gate = gateWith({ timeoutMs: 60_000, onTimeout: "escalate", approvers: ["ana"], escalateTo: ["lead"] });
  const escalated = expire(gate, T60);
  expect(escalated).toMatchObject({ state: "pending", approvers: ["lead"], deadline: "2026-08-22T10:02:00.000Z" });
  expect(refusal(decide(escalated, word({ by: "ana", at: T61 })))).toBe("not-allowed");
  expect(after(escalated, { by: "lead", at: T61 }).state).toBe("approved");
  expect(expire(escalated, "2026-08-22T10:02:00.000Z").state).toBe("expired");
});

test("approvals from before an escalation stay on record and do not count", () => {
  const gate = gateWith({
    timeoutMs: 60_000,
    onTimeout: "escalate",
    approvers: ["ana", "ben"],
    escalateTo: ["lead", "boss"],
    quorum: 2,
  });
  const escalated = expire(after(gate, { by: "ana" }), T60);
  const one = after(escalated, { by: "lead", at: T61 });
  expect(one.state).toBe("pending");
  expect(viewGate(one).decisions).toMatchObject([{ by: "ana", superseded: true }, { by: "lead" }]);
  expect(after(one, { by: "boss", at: T61 }).state).toBe("approved");
});

test("the query shows a gate as the contract has it", () => {
  const view = viewGate(
    after(gateWith({ quorum: 2, approvers: ["ana", "ben"], timeoutMs: 60_000 }), { by: "ana", comment: "ok" }),
  );
  expect(view).toEqual({
    gate: "g1",
    title: "Run shell?",
    tool: "shell",
    args: { command: "ls" },
    requestedAt: T0,
    deadline: T60,
    approvers: ["ana", "ben"],
    quorum: 2,
    digest: digestOf({ command: "ls" }),
    state: "pending",
    decisions: [{ by: "ana", identity: "asserted", decision: "approve", comment: "ok", at: T1 }],
  });
});

test("a gate keeps the words of a hundred people and refuses more", () => {
  const people = Array.from({ length: 100 }, (_, index) => ({ by: `p${index}` }));
  const crowded = after(gateWith({ quorum: 101 }), ...people);
  expect(refusal(decide(crowded, word({ by: "p100" })))).toBe("closed");
  expect(after(crowded, { by: "p100", decision: "reject" }).state).toBe("rejected");
});

const PEOPLE = ["ana", "Ana ", "ben", "cleo", "mallory"];
const anyArgs = fc.constantFrom<undefined | { command: string }>(
  undefined,
  { command: "ls" },
  { command: "rm" },
  { command: "cp" },
);

/** What may happen to a gate, in any order. */
const anyStep = fc.record({
  kind: fc.constantFrom("word", "word", "word", "expire"),
  by: fc.constantFrom(...PEOPLE),
  decision: fc.constantFrom<"approve" | "reject">("approve", "approve", "approve", "reject"),
  identity: fc.constantFrom<"asserted" | "verified">("asserted", "verified"),
  args: anyArgs,
  digest: fc.constantFrom("none", "current", "wrong"),
  seconds: fc.integer({ min: 0, max: 200 }),
});

const anyGate = fc.record({
  quorum: fc.integer({ min: 1, max: 3 }),
  approvers: fc.constantFrom<string[]>([], ["ana", "ben"], ["ana", "ben", "cleo"]),
  onTimeout: fc.constantFrom<"reject" | "escalate">("reject", "escalate"),
  escalateTo: fc.constantFrom<string[]>(["cleo"], ["ana", "cleo"]),
  identity: fc.constantFrom<"asserted" | "verified">("asserted", "verified"),
  requestedBy: fc.constantFrom("ben", "nobody"),
});

function key(name: string): string {
  return name.trim().toLowerCase();
}

test("no sequence of decisions and deadlines approves without a quorum of different people who may, of the same arguments", () => {
  let approvals = 0;
  fc.assert(
    fc.property(anyGate, fc.array(anyStep, { maxLength: 14 }), (policy, steps) => {
      let gate = gateWith({ ...policy, timeoutMs: 60_000 });
      // A second, slower book of who approves what: by person, the arguments that their latest accepted approval was of.
      const approved = new Map<string, string>();
      for (const step of [...steps].sort((a, b) => a.seconds - b.seconds)) {
        const at = isoTime(Date.parse(T0) + step.seconds * 1_000);
        const before = gate;
        if (step.kind === "expire") gate = expire(gate, at);
        else {
          const digest =
            step.digest === "none" ? {} : { digest: step.digest === "current" ? gate.digest : digestOf("wrong") };
          const { by, decision, identity, args } = step;
          const edit = args === undefined ? {} : { args };
          const outcome = decide(gate, { ...word({ by, decision, identity }), ...edit, ...digest, at });
          if (outcome.kind === "refused") continue;
          gate = { ...outcome.gate, digest: digestOf(outcome.gate.args) };
          if (step.decision === "approve") approved.set(key(step.by), digestOf(gate.args));
          expect(step.identity === "verified" || policy.identity === "asserted").toBe(true);
          expect(step.decision === "reject" || key(step.by) !== policy.requestedBy).toBe(true);
        }
        if (before.state !== "pending") expect(gate).toEqual(before);
        if (gate.state !== "approved") continue;
        const may = (person: string) => gate.approvers.length === 0 || gate.approvers.includes(person);
        const agreeing = [...approved].filter(([person, args]) => may(person) && args === digestOf(gate.args));
        expect(agreeing.length).toBeGreaterThanOrEqual(gate.quorum);
        approvals += 1;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(approvals).toBeGreaterThan(100);
});

test("a closed gate never changes", () => {
  const closed = [
    after(gateWith(), {}),
    after(gateWith(), { decision: "reject" }),
    expire(gateWith({ timeoutMs: 60_000 }), T60),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...closed), anyStep, (gate, step) => {
      const { by, decision, identity, args } = step;
      const at = isoTime(Date.parse(T0) + step.seconds * 1_000);
      expect(expire(gate, at)).toBe(gate);
      expect(["closed", "late"]).toContain(
        refusal(decide(gate, { ...word({ by, decision, identity }), ...(args ? { args } : {}), at })),
      );
    }),
  );
});

test("a gate survives being carried as JSON", () => {
  const gate = after(gateWith({ quorum: 2, timeoutMs: 60_000 }), { by: "ana", args: { command: "cp" } });
  expect(JSON.parse(JSON.stringify(gate))).toEqual(gate);
});

test("only names that gates are given have a number", () => {
  const names = [
    "g1",
    "g10",
    "g999999999",
    "g0",
    "g01",
    "g-1",
    "g1.5",
    "g1e9",
    "G1",
    "g",
    " g1",
    "g1000000000",
    "deploy",
  ];
  expect(names.map(gateNumber)).toEqual([1, 10, 999_999_999, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});
