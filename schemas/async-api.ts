import { BUILT_IN_TRIGGER, deadLetterTopic, TRIGGER_GROUP, TRIGGER_SIGNALS } from "../core/trigger.js";
import { type Definitions, documentName, eventTypes, type JsonSchema } from "./definitions.js";

const CONTENT_TYPE = "application/cloudevents+json";

/** AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0): what is published to Kafka, and what is taken from there. */
export function asyncApi(definitions: Definitions): object {
  const types = eventTypes(definitions);
  const messages = Object.fromEntries(types.map((type) => [nameOf(type), messageOf(type, definitions)]));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Wflo",
      version: "1.0.0",
      description:
        "What Wflo publishes to Kafka, and what it takes from there. The events' topic may be set: WFLO_EVENTS_TOPIC.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    channels: {
      events: {
        address: "wflo.events",
        description: "What runs do. At least once: dedupe by id.",
        messages: Object.fromEntries(
          types.map((type) => [nameOf(type), { $ref: `#/components/messages/${nameOf(type)}` }]),
        ),
      },
      triggers: {
        address: BUILT_IN_TRIGGER,
        description: `Events that start runs. What can't be acted on goes to ${deadLetterTopic(BUILT_IN_TRIGGER)}, with its bytes and why.`,
        messages: { trigger: { $ref: "#/components/messages/trigger" } },
      },
    },
    operations: {
      publishEvents: {
        action: "send",
        channel: { $ref: "#/channels/events" },
        summary: "Wflo tells what runs do.",
      },
      takeTriggers: {
        action: "receive",
        channel: { $ref: "#/channels/triggers" },
        summary: "Wflo starts runs, and tells runs that go on.",
        bindings: { kafka: { groupId: { type: "string", enum: [TRIGGER_GROUP] } } },
      },
    },
    components: {
      messages: {
        ...messages,
        trigger: { name: "trigger", contentType: "application/json", payload: TRIGGER },
      },
      schemas: Object.fromEntries(
        Object.entries(definitions)
          .filter(([name]) => !types.some((type) => documentName(type) === name))
          .map(([name, schema]) => [nameOf(name), inComponents(schema)]),
      ),
    },
  };
}

const TRIGGER: JsonSchema = {
  type: "object",
  description:
    "An input of agentRun with an id, which starts the run trigger:wflo.triggers:ID; or a word to a run that goes on.",
  properties: { id: { type: "string", minLength: 1 } },
  required: ["id"],
  anyOf: [
    { properties: { agent: { type: "string" }, input: {} }, required: ["agent", "input"] },
    {
      properties: {
        workflowId: { type: "string" },
        signal: { enum: [...TRIGGER_SIGNALS] },
        payload: { type: "object" },
      },
      required: ["workflowId", "signal"],
    },
  ],
};

function messageOf(type: string, definitions: Definitions): object {
  const schema = definitions[documentName(type)] ?? {};
  return {
    name: type,
    title: definitions[type]?.description ?? type,
    contentType: CONTENT_TYPE,
    headers: { type: "object", properties: { "content-type": { const: `${CONTENT_TYPE}; charset=UTF-8` } } },
    payload: inComponents(schema),
    bindings: {
      kafka: {
        key: { type: "string", description: "The workflow id: a run's events are in one partition, in order." },
      },
    },
  };
}

/** Names of components have no dots. */
function nameOf(type: string): string {
  return type.replaceAll(".", "_");
}

function inComponents(schema: JsonSchema): object {
  const text = JSON.stringify(schema).replaceAll(
    /"#\/definitions\/([^"]+)"/g,
    (_all, name: string) => `"#/components/schemas/${nameOf(name)}"`,
  );
  return JSON.parse(text) as object;
}
