import { type Definitions, eventTypes, type JsonSchema, resolved } from "./definitions.js";

const HEAD = `# Events

Made by \`npm run schemas\` from \`core/event-data.ts\`. Each is a CloudEvents 1.0 document; these are the members of its \`data\`. Money is in nano-dollars (1e-9 US dollars).
Members may be added: ignore those that you do not know. \`events.json\` has the JSON Schemas, \`asyncapi.json\` the topics.
Where Wflo encrypts, \`data_base64\` stands in the place of \`data\` (docs/reference/encryption.md).`;

/** For people: each event, its members, what they say. */
export function eventsPage(definitions: Definitions): string {
  const parts = eventTypes(definitions).map((type) => {
    const schema = definitions[type] ?? {};
    const variants = (schema.anyOf as readonly JsonSchema[] | undefined) ?? [schema];
    const tables = variants.map((variant) => tableOf(resolved(variant, definitions), variants.length > 1));
    return [`## ${type}`, schema.description ?? "", ...tables].join("\n\n");
  });
  return `${[HEAD, ...parts].join("\n\n")}\n`;
}

function tableOf({ description, properties = {}, required = [] }: JsonSchema, isVariant: boolean): string {
  const rows = Object.entries(properties as Definitions).map(([name, member]) => {
    const words = (member.description ?? "").replaceAll("\n", " ").replaceAll("|", "\\|");
    return `| \`${name}${required.includes(name) ? "" : "?"}\` | ${typeWords(member)} | ${words} |`;
  });
  const words = isVariant ? [description ?? "Or:", ""] : [];
  return [...words, "| member | type | |", "| --- | --- | --- |", ...rows].join("\n");
}

function typeWords({ const: constant, enum: choices, anyOf, type, items }: JsonSchema): string {
  if (constant !== undefined) return code(constant);
  if (choices) return choices.map(code).join(", ");
  if (anyOf) return (anyOf as readonly JsonSchema[]).map(typeWords).join(" or ");
  if (type === "array") return `list of ${typeWords((items ?? {}) as JsonSchema)}`;
  return [type ?? "object"].flat().join(" or ");
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
