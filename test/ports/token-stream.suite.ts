import { afterEach, expect, test } from "@jest/globals";
import type { TokenEntry, TokenStream } from "../../ports/token-stream.js";
import { all, take } from "../harness/taking.js";

/** The promises of ports/token-stream.ts, for every implementation. `open` makes an empty stream. */
export function tokenStreamSuite({ open }: { readonly open: () => Promise<TokenStream> }): void {
  const opened: TokenStream[] = [];
  const openStream = async () => {
    const stream = await open();
    opened.push(stream);
    return stream;
  };
  afterEach(async () => {
    for (const stream of opened.splice(0)) await stream.close();
  });
  const never = new AbortController().signal;

  test("whoever watches sees every token in order, each workflow's its own", async () => {
    const stream = await openStream();
    const watched = take(stream.read("run-1", never), 4);
    const other = take(stream.read("run-2", never), 1);
    stream.append("run-1", { turn: 1, attempt: 1, seq: 1, text: "Hel" });
    stream.append("run-2", { turn: 1, attempt: 1, seq: 1, text: "other" });
    stream.append("run-1", { turn: 1, attempt: 1, seq: 2, text: "lo\n" });
    stream.append("run-1", { turn: 1, attempt: 2, seq: 1, reset: true });
    stream.append("run-1", { turn: 1, attempt: 2, seq: 2, text: "é😀" });
    expect((await watched).map(withoutPosition)).toEqual([
      { turn: 1, attempt: 1, seq: 1, text: "Hel" },
      { turn: 1, attempt: 1, seq: 2, text: "lo\n" },
      { turn: 1, attempt: 2, seq: 1, reset: true },
      { turn: 1, attempt: 2, seq: 2, text: "é😀" },
    ]);
    expect((await other).map(({ text }) => text)).toEqual(["other"]);
  });

  test("several may watch one run", async () => {
    const stream = await openStream();
    const watching = [1, 2, 3].map(() => take(stream.read("run", never), 50));
    appendAll(stream, "run", 1, 50);
    for (const watched of watching) expect((await watched).map(({ seq }) => seq)).toEqual(numbers(1, 50));
  });

  test("a reading that was asked for before a token has it, even when it looks later", async () => {
    const stream = await openStream();
    const reading = stream.read("run", never);
    appendAll(stream, "run", 1, 3);
    expect((await take(stream.read("run", never, { from: "start" }), 3)).length).toBe(3);
    expect((await take(reading, 3)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test("a reading from now on leaves out what was there long before", async () => {
    const stream = await openStream();
    appendAll(stream, "run", 1, 3);
    await take(stream.read("run", never, { from: "start" }), 3);
    const reading = stream.read("run", never);
    appendAll(stream, "run", 4, 4);
    expect((await take(reading, 1)).map(({ seq }) => seq)).toEqual([4]);
  });

  test("a reading goes on after a position", async () => {
    const stream = await openStream();
    appendAll(stream, "run", 1, 10);
    const first = await take(stream.read("run", never, { from: "start" }), 4);
    const from = first.at(-1)?.position ?? "";
    const rest = await take(stream.read("run", never, { from }), 6);
    expect([...first, ...rest].map(({ seq }) => seq)).toEqual(numbers(1, 10));
  });

  test("what is no position is refused", async () => {
    const stream = await openStream();
    expect(() => stream.read("run", never, { from: "-1" })).toThrow(RangeError);
  });

  test("a position that is not there any more reads from the start", async () => {
    const stream = await openStream();
    appendAll(stream, "run", 1, 1);
    expect((await take(stream.read("run", never, { from: "99999999" }), 1)).map(({ seq }) => seq)).toEqual([1]);
  });

  test("a workflow id may hold anything", async () => {
    const stream = await openStream();
    const id = "../run é/\n\u0000:*?";
    const watched = take(stream.read(id, never), 1);
    appendAll(stream, id, 1, 1);
    expect((await watched).map(({ seq }) => seq)).toEqual([1]);
  });

  test("aborting ends a reading that waits, and one that has not begun", async () => {
    const stream = await openStream();
    const controller = new AbortController();
    const waiting = all(stream.read("run", controller.signal));
    controller.abort();
    expect(await waiting).toEqual([]);
    expect(await all(stream.read("run", controller.signal))).toEqual([]);
  });

  test("closing ends every reading, and appending to a closed stream throws nothing", async () => {
    const stream = await openStream();
    const waiting = all(stream.read("run", never));
    await stream.close();
    expect(await waiting).toEqual([]);
    appendAll(stream, "run", 1, 2);
    await stream.close();
  });
}

export function appendAll(stream: TokenStream, workflowId: string, from: number, to: number): void {
  for (const seq of numbers(from, to)) stream.append(workflowId, { turn: 1, attempt: 1, seq, text: `t${seq}` });
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

function withoutPosition({ position: _position, ...entry }: TokenEntry & { readonly position: string }): TokenEntry {
  return entry;
}
