import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import type { LogRecord } from "../../ports/event-log.js";
import { packageRoot } from "../../workers/tool-finder.js";

const schema = JSON.parse(readFileSync(join(packageRoot(), "schemas/events.json"), "utf8")) as {
  readonly definitions: Readonly<Record<string, object>>;
};

const ajv = new Ajv({ allowUnionTypes: true, strict: true });
addFormats.default(ajv);
ajv.addSchema(schema, "events");

/** What does not fit the schema of an event's type, for people. */
export function schemaProblems(records: readonly (LogRecord & { readonly topic: string })[]): string[] {
  return records.flatMap(({ topic, value }) => (topic === "wflo.events" ? eventProblems(JSON.parse(value)) : []));
}

export function eventProblems(event: unknown): string[] {
  const { type, id } = event as { readonly type?: string; readonly id?: string };
  const definition = `event.${type}`;
  if (!Object.hasOwn(schema.definitions, definition)) return [`${id}: there is no schema of ${type}`];
  const validate = ajv.getSchema(`events#/definitions/${definition}`);
  if (!validate) throw new Error(`${definition} does not compile`);
  return validate(event) ? [] : [`${id} (${type}): ${ajv.errorsText(validate.errors)}: ${JSON.stringify(event)}`];
}
