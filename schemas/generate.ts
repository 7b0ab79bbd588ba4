import { join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";
import { asyncApi } from "./async-api.js";
import { type Definitions, documentName, type JsonSchema } from "./definitions.js";
import { eventsPage } from "./events-page.js";

/*
 * What this folder has: JSON Schemas of each event's data and of the documents around them, an AsyncAPI document of the topics, and a page
 * for people. The types and words of core/event-data.ts are their only source.
 */

/** The texts of the generated files, by name. @param root of the package */
export function schemaFiles(root: string): Readonly<Record<string, string>> {
  const { definitions, ...rest } = eventsSchema(root);
  return {
    "events.json": `${JSON.stringify({ ...rest, definitions }, null, 2)}\n`,
    "asyncapi.json": `${JSON.stringify(asyncApi(definitions), null, 2)}\n`,
    "events.md": eventsPage(definitions),
  };
}

/** Every event of Wflo is one of `oneOf`; the data of one type is `#/definitions/wflo.run.started` and so on. */
function eventsSchema(root: string) {
  const generator = createGenerator({
    path: join(root, "core/event-data.ts"),
    tsconfig: join(root, "tsconfig.json"),
    type: "EventData",
    expose: "none",
    topRef: false,
    additionalProperties: true,
    skipTypeCheck: true,
  });
  const { properties = {} } = generator.createSchema("EventData");
  const data = properties as Definitions;
  const types = Object.keys(data);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: "urn:wflo:schemas:events",
    title: "Events of Wflo",
    description:
      "CloudEvents 1.0 in structured JSON. Members may be added: ignore those that you do not know. Where Wflo encrypts, `data_base64` stands in the place of `data`, and these schemas do not hold.",
    oneOf: types.map((type) => ({ $ref: `#/definitions/${documentName(type)}` })),
    definitions: {
      ...Object.fromEntries(types.map((type) => [documentName(type), documentSchema(type)])),
      ...data,
    } as Definitions,
  };
}

function documentSchema(type: string): JsonSchema {
  const text = { type: "string" } as const;
  return {
    type: "object",
    properties: {
      specversion: { const: "1.0" },
      id: {
        ...text,
        description: "workflowId/firstRunId/sequence: the same however often the event comes. Dedupe by it.",
      },
      source: { ...text, format: "uri-reference", description: "/wflo/NAMESPACE/WORKFLOW-ID" },
      type: { const: type },
      time: { ...text, format: "date-time" },
      subject: { ...text, description: "The run's workflow id, or the account's." },
      sequence: {
        ...text,
        pattern: "^[0-9]{10}$",
        description: "Gapless from 0000000001 in a run. Absent in a correction after the run's end.",
      },
      datacontenttype: { const: "application/json" },
      data: { $ref: `#/definitions/${type}` },
    },
    required: ["specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data"],
  };
}
