import type { Schema } from "ts-json-schema-generator";

/** A JSON Schema, as far as it is looked into here. */
export type JsonSchema = Schema;
export type Definitions = Readonly<Record<string, JsonSchema>>;

/** The document of one event is the definition of this name and the event's type. */
const DOCUMENT = "event.";

export function eventTypes(definitions: Definitions): readonly string[] {
  return Object.keys(definitions).flatMap((name) => (name.startsWith(DOCUMENT) ? [name.slice(DOCUMENT.length)] : []));
}

export function documentName(type: string): string {
  return `${DOCUMENT}${type}`;
}

/** What a `$ref` to a definition points to; anything else is itself. */
export function resolved(schema: JsonSchema, definitions: Definitions): JsonSchema {
  const name = /^#\/definitions\/(.+)$/.exec(schema.$ref ?? "")?.[1];
  return (name === undefined ? undefined : definitions[decodeURIComponent(name)]) ?? schema;
}
