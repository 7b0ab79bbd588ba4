import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { OutgoingRecord } from "../../core/activity-contract.js";
import { utf8Bytes } from "../../core/digest.js";
import {
  acknowledge,
  appendAudit,
  appendEvent,
  batch,
  documentOf,
  EMPTY_OUTBOX,
  type Outbox,
} from "../../core/events.js";

const source = { namespace: "default", workflowId: "orders/1", firstRunId: "run-1" };
const at = "2026-08-22T10:00:00.000Z";

function withEvent(outbox: Outbox, data = {}): Outbox {
  const call = { turn: 1, tool: "look", callId: "c1", outcome: "ok" } as const;
  return appendEvent(outbox, "wflo.tool.called", at, { ...call, ...data });
}

test("an event is a CloudEvent as the contract has it", () => {
  const before = { ...EMPTY_OUTBOX, events: 41 };
  const [record] = appendEvent(before, "wflo.run.started", at, { agent: "assistant" }).waiting;
  expect(documentOf(source, record as OutgoingRecord)).toEqual({
    specversion: "1.0",
    id: "orders/1/run-1/42",
    source: "/wflo/default/orders/1",
    type: "wflo.run.started",
    time: at,
    subject: "orders/1",
    sequence: "0000000042",
    datacontenttype: "application/json",
    data: { agent: "assistant" },
  });
});

test("sequences sort as text", () => {
  const sequences = [1, 9, 10, 99, 100, 123_456, 9_999_999_999].map(
    (seq) =>
      documentOf(source, withEvent({ ...EMPTY_OUTBOX, events: seq - 1 }).waiting[0] as OutgoingRecord)
        .sequence as string,
  );
  expect(sequences.toSorted()).toEqual(sequences);
});

test("audit records go out in one order with the events, and take no number from them", () => {
  const outbox = withEvent(appendAudit(withEvent(EMPTY_OUTBOX), { action: "run.paused" }));
  expect(outbox.waiting.map(({ topic, seq, value }) => [topic, seq, value.sequence ?? value.action])).toEqual([
    ["events", 1, 1],
    ["audit", 2, "run.paused"],
    ["events", 3, 2],
  ]);
});

test.each([
  [{ bytes: 1_000_000, records: 100 }, 5],
  [{ bytes: 1_000_000, records: 2 }, 2],
  [{ bytes: 450, records: 100 }, 2],
  [{ bytes: 1, records: 100 }, 1],
])("a batch of at most %j takes the oldest %d of five", (most, count) => {
  const outbox = [1, 2, 3, 4, 5].reduce((before) => withEvent(before), EMPTY_OUTBOX);
  expect(batch(outbox, most)).toEqual(outbox.waiting.slice(0, count));
});

test("where nothing waits there is no batch", () => {
  expect(batch(EMPTY_OUTBOX, { bytes: 1_000, records: 10 })).toEqual([]);
});

/** What a run and its broker do to an outbox. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("event" as const), text: fc.string({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant("audit" as const), text: fc.string({ maxLength: 300 }) }),
  // The broker stores a batch; its acknowledgement is heard or lost, and then the batch goes out again.
  fc.record({
    kind: fc.constant("publish" as const),
    bytes: fc.nat(2_000),
    records: fc.integer({ min: 1, max: 5 }),
    heard: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("continue as new" as const) }),
);

test("whatever is lost on the way: events arrive in order and without a gap, and each id has one content", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const stored: OutgoingRecord[] = [];
      let outbox = EMPTY_OUTBOX;
      let written = 0;
      const publish = (most: { bytes: number; records: number }, heard: boolean) => {
        const sent = batch(outbox, most);
        expect(sent).toEqual(outbox.waiting.slice(0, sent.length));
        expect(sent.length > 0).toBe(outbox.waiting.length > 0);
        const bytes = sent.reduce((sum, record) => sum + utf8Bytes(JSON.stringify(record)), 0);
        expect(sent.length <= most.records && (sent.length <= 1 || bytes <= most.bytes)).toBe(true);
        stored.push(...sent);
        if (heard && sent.length > 0) outbox = acknowledge(outbox, sent.at(-1)?.seq ?? 0);
      };
      for (const one of steps) {
        if (one.kind === "event") outbox = withEvent(outbox, { text: one.text });
        else if (one.kind === "audit") outbox = appendAudit(outbox, { text: one.text });
        else if (one.kind === "publish") publish(one, one.heard);
        else outbox = JSON.parse(JSON.stringify(outbox)) as Outbox;
        if (one.kind === "event") written += 1;
      }
      for (let left = outbox.waiting.length; left > 0; left -= 1) publish({ bytes: 1_000, records: 5 }, true);
      expect(outbox.waiting).toEqual([]);
      expectGapless(stored, written);
    }),
  );
});

/** Consumers dedupe by id: what is left is 1, 2, 3 … */
function expectGapless(stored: readonly OutgoingRecord[], written: number): void {
  const contents = new Map<number, string>();
  for (const { seq, value } of stored) {
    const text = JSON.stringify(value);
    expect(contents.get(seq) ?? text).toBe(text);
    contents.set(seq, text);
  }
  expect([...contents.keys()]).toEqual([...contents.keys()].toSorted((a, b) => a - b));
  const ids = new Set(stored.filter(({ topic }) => topic === "events").map((record) => documentOf(source, record).id));
  expect([...ids]).toEqual(Array.from({ length: written }, (_, index) => `orders/1/run-1/${index + 1}`));
}

test("an old acknowledgement that comes late brings nothing back and drops nothing", () => {
  const outbox = acknowledge(
    [1, 2, 3].reduce((before) => withEvent(before), EMPTY_OUTBOX),
    2,
  );
  expect(acknowledge(outbox, 1)).toEqual(outbox);
  expect(acknowledge(outbox, 0).waiting.map(({ seq }) => seq)).toEqual([3]);
  expect(withEvent(acknowledge(outbox, 3)).waiting.map(({ value }) => value.sequence)).toEqual([4]);
});
