import { expect, test } from "@jest/globals";
import { createLogger, type LoggerOptions } from "../../../adapters/pino/logger.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { startProcess } from "../../harness/processes.js";

const KEY = "key-of-a-provider-0123456789";

function logging(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ destination, environment: { OPENAI_API_KEY: KEY }, ...options });
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, parsed, last: () => parsed().at(-1) ?? {} };
}

test("a line is one JSON document with level, time, message and facts", () => {
  const { logger, lines, last } = logging();
  logger.info("the worker is 100%s ready", { queue: "wflo", slots: 4 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  expect(last()).toMatchObject({ level: "info", msg: "the worker is 100%s ready", queue: "wflo", slots: 4 });
  expect(new Date(String(last().time)).toISOString()).toBe(last().time);
});

test("lines of a run carry run, turn and tool, however deep the child is", () => {
  const { logger, last } = logging();
  const run = logger.child({ workflowId: "run-1", runId: "first" });
  run.child({ turn: 3, tool: "python" }).warn("slow", { seconds: 9 });
  expect(last()).toMatchObject({ workflowId: "run-1", runId: "first", turn: 3, tool: "python", seconds: 9 });
});

test.each([
  ["debug", ["debug", "info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["silent", []],
] as const)("at level %s the lines are %j", (level, expected) => {
  const { logger, parsed } = logging({ level });
  const levels = ["trace", "debug", "info", "warn", "error"] as const;
  for (const at of levels) logger.log(at, "a line");
  expect(parsed().map((line) => line.level)).toEqual(expected);
  expect(levels.filter((at) => logger.isEnabled(at))).toEqual(expected);
});

test.each([
  ["a fact named apiKey", { apiKey: "abc" }],
  ["a header", { headers: { Authorization: "Bearer abc", "x-api-key": "abc", cookie: "abc" } }],
  ["a password in a list", { servers: [{ password: "abc", host: "h" }] }],
  ["a token", { sessionToken: "abc", token: "abc" }],
])("%s is redacted by its name", (_case, facts) => {
  const { logger, lines } = logging();
  logger.info("a call", facts);
  expect(lines[0]).toContain("[redacted]");
  expect(lines[0]).not.toContain("abc");
});

test("token counts are no secrets", () => {
  const { logger, last } = logging();
  logger.info("called", { inputTokens: 1204, tokens: 7, maxOutputTokens: 10 });
  expect(last()).toMatchObject({ inputTokens: 1204, tokens: 7, maxOutputTokens: 10 });
});

test.each([
  ["in the message", (key: string) => ({ message: `401 for ${key}` })],
  ["in a fact", (key: string) => ({ facts: { url: `https://h/?k=${key}` } })],
  ["in an error's message and stack", (key: string) => ({ facts: { error: new Error(`bad key ${key}`) } })],
  ["as a fact's name", (key: string) => ({ facts: { [key]: 1 } })],
])("the value of a key variable is redacted %s", (_case, line) => {
  const secret = 'quote"and\\backslash-0123';
  const { logger, lines } = logging({ environment: { OPENAI_API_KEY: KEY, OTHER_API_KEY: secret } });
  for (const key of [KEY, secret]) {
    const { message = "a line", facts } = line(key) as { message?: string; facts?: Record<string, unknown> };
    logger.error(message, facts);
  }
  const text = lines.join("");
  expect(text.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(2);
  expect(text).not.toContain("of-a-provider");
  expect(text).not.toContain("backslash-0123");
  for (const each of lines) expect(() => JSON.parse(each)).not.toThrow();
});

test.each([
  ["Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"],
  ["key sk-proj-abcdefghijklmnop1234 was refused", "abcdefghijklmnop"],
  ["redis://user:hunter22@host:6379/0 is away", "hunter22"],
  ["postgres://:hunter22@host/db", "hunter22"],
])("%j is logged without what looks like a secret", (message, secret) => {
  const { logger, lines } = logging({ environment: {} });
  logger.info(message);
  expect(lines[0]).toContain("[redacted]");
  expect(lines[0]).not.toContain(secret);
});

test("what people and models say is not logged unless asked for", () => {
  const facts = { prompt: "my diary", messages: [{ text: "my diary" }], args: { q: "my diary" }, turn: 2 };
  const quiet = logging();
  quiet.logger.debug("not at this level", facts);
  quiet.logger.info("called", facts);
  expect(quiet.lines).toHaveLength(1);
  expect(quiet.lines[0]).not.toContain("diary");
  expect(quiet.last()).toMatchObject({ prompt: "[8 characters]", args: "[not logged]", turn: 2 });
  const open = logging({ content: true });
  open.logger.info("called", facts);
  expect(open.last()).toMatchObject(facts);
});

test("an error is logged with name, codes, causes and stack, but without the request that a library hung on it", () => {
  const { logger, last, lines } = logging();
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const error = Object.assign(new TypeError("the call failed", { cause }), {
    statusCode: 503,
    requestBodyValues: { messages: ["my diary"] },
  });
  logger.error("no answer", { error });
  expect(last().error).toMatchObject({
    name: "TypeError",
    message: "the call failed",
    status: 503,
    cause: { message: "connect ECONNREFUSED", code: "ECONNREFUSED" },
    stack: expect.stringContaining("logger.test"),
  });
  expect(lines[0]).not.toContain("diary");
});

test("facts of any shape are logged, and never throw", () => {
  const { logger, last, parsed } = logging();
  const round: Record<string, unknown> = { name: "round" };
  round.self = round;
  const hostile = {
    get trap(): string {
      throw new Error("trapped");
    },
  };
  logger.info("round", { round, big: 10n, bytes: new Uint8Array(3), at: new Date(0), long: "x".repeat(10_000) });
  expect(last()).toMatchObject({ big: "10", bytes: "[3 bytes]", at: "1970-01-01T00:00:00.000Z" });
  expect(String(last().long).length).toBeLessThan(5_000);
  logger.info("hostile", hostile);
  logger.child(hostile).info("child of a hostile one", { level: "mine", time: 1, msg: "mine" });
  expect(last()).toMatchObject({ msg: "child of a hostile one", level: "info", level_: "mine", msg_: "mine" });
  expect(parsed()).toHaveLength(3);
});

test("pretty lines are for people: no JSON, secrets out all the same", () => {
  const { logger, lines } = logging({ pretty: true });
  logger.warn(`slow with ${KEY}`, { turn: 2 });
  expect(lines.join("")).toMatch(/WARN.*slow with \[redacted\]/);
  expect(lines.join("")).toContain("turn: 2");
  expect(lines.join("")).not.toContain("{");
});

test("a pretty line moves no cursor and rings no bell, whatever is said in it", () => {
  const { logger, lines } = logging({ pretty: true, content: true });
  logger.info("title \u001b]0;pwned\u0007 and \u009b2J", { prompt: "\u001b[31mred\b\u0000" });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(lines.join("")).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  expect(lines.join("")).toContain("\\u001b[31mred\\b\\u0000");
});

test("a field of a megabyte is cut, and the line says how long it was", () => {
  const { logger, lines, last } = logging();
  logger.info("called", { detail: "x".repeat(1_000_000) });
  expect(lines[0]?.length).toBeLessThan(5_000);
  expect(last().detail).toMatch(/x… \[1000000 characters\]$/);
});

test("what is going on around a line is on it, but for what the line says itself", () => {
  const { logger, last } = logging({ surroundings: () => ({ workflowId: "run-1", turn: 2, tool: "python" }) });
  logger.warn("slow", { turn: 3 });
  expect(last()).toMatchObject({ workflowId: "run-1", turn: 3, tool: "python" });
});

test("lines go to standard error, and a process whose reader has gone goes on", async () => {
  const script = `
    import { createLogger } from "./adapters/pino/logger.ts";
    createLogger({}).info("to standard error");
    process.stderr.destroy();
    const fs = await import("node:fs");
    fs.closeSync(2);
    createLogger({}).info("nobody reads");
    process.stdout.write("went on\\n");`;
  const started = await startProcess({
    command: process.execPath,
    args: ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", script],
    cwd: packageRoot(),
  });
  expect(await started.ended).toBe(0);
  expect(started.output()).toContain('"msg":"to standard error"');
  expect(started.output()).toContain("went on");
});
