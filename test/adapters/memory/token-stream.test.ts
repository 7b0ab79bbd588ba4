import { expect, test } from "@jest/globals";
import { createMemoryTokenStream } from "../../../adapters/memory/token-stream.js";
import { take } from "../../harness/taking.js";
import { appendAll, numbers, tokenStreamSuite } from "../../ports/token-stream.suite.js";

tokenStreamSuite({ open: async () => createMemoryTokenStream() });

const never = new AbortController().signal;

test("memory is bounded: of a long run the newest tokens are kept, and a reader goes on with them", async () => {
  const stream = createMemoryTokenStream();
  appendAll(stream, "long", 1, 25_000);
  const [first] = await take(stream.read("long", never, { from: "start" }), 1);
  expect(first?.seq).toBe(10_001);
  const next = await take(stream.read("long", never, { from: "5" }), 2);
  expect(next.map(({ seq }) => seq)).toEqual([10_001, 10_002]);
  await stream.close();
});

test("memory is bounded: of many runs those that streamed last are kept", async () => {
  const stream = createMemoryTokenStream();
  for (const run of numbers(1, 600)) appendAll(stream, `run-${run}`, 1, 1);
  const first = stream.read("run-1", never, { from: "start" })[Symbol.asyncIterator]();
  const last = await take(stream.read("run-600", never, { from: "start" }), 1);
  expect(last).toHaveLength(1);
  appendAll(stream, "run-1", 2, 2);
  expect((await first.next()).value).toMatchObject({ seq: 2 });
  await stream.close();
});
