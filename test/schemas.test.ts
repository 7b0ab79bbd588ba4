import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Ajv } from "ajv";
import { schemaFiles } from "../schemas/generate.js";
import { packageRoot } from "../workers/tool-finder.js";
import { eventProblems } from "./harness/event-schemas.js";

/* That every event fits its schema is looked at wherever a test runs something (test/harness/agent-worker.ts). */

test("schemas/ is what `npm run schemas` makes of the types", async () => {
  for (const [name, text] of Object.entries(schemaFiles(packageRoot()))) {
    expect(await readFile(join(packageRoot(), "schemas", name), "utf8")).toBe(text);
  }
}, 60_000);

const event = (type: string, data: object) => ({
  specversion: "1.0",
  id: "w/r/1",
  source: "/wflo/default/w",
  type,
  time: "2026-11-30T10:00:00.000Z",
  subject: "w",
  sequence: "0000000001",
  datacontenttype: "application/json",
  data,
});

test("a schema takes what fits, and names what does not", () => {
  const completed = { status: "completed", nanoUsd: 7, turns: 1, new: "member" };
  expect(eventProblems(event("wflo.run.completed", completed))).toEqual([]);
  expect(eventProblems(event("wflo.run.completed", { ...completed, status: "done" }))[0]).toMatch(/data\/status/);
  expect(eventProblems(event("wflo.run.completed", { status: "completed" }))[0]).toMatch(/nanoUsd/);
  expect(eventProblems({ ...event("wflo.run.completed", completed), sequence: "1" })[0]).toMatch(/sequence/);
  expect(eventProblems({ ...event("wflo.run.completed", completed), time: "now" })[0]).toMatch(/time/);
  expect(eventProblems(event("wflo.run.ended", completed))[0]).toMatch(/no schema of wflo\.run\.ended/);
  expect(eventProblems(event("wflo.budget.changed", { degradedTo: "a/b" }))).toEqual([]);
  expect(eventProblems(event("wflo.budget.changed", {}))).toHaveLength(1);
});

test("the AsyncAPI document is one, and what it points to is there", async () => {
  const text = await readFile(join(packageRoot(), "schemas/asyncapi.json"), "utf8");
  const document = JSON.parse(text) as object;
  const read = createRequire(import.meta.url);
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(
    read("@asyncapi/specs/schemas/3.0.0-without-$id.json"),
  );
  expect(validate(document) ? [] : validate.errors).toEqual([]);
  for (const [, pointer = ""] of text.matchAll(/"\$ref": "#([^"]+)"/g)) {
    const found = pointer
      .split("/")
      .slice(1)
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], document);
    expect({ pointer, found: typeof found }).toEqual({ pointer, found: "object" });
  }
});
