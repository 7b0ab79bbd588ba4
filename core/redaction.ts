import type { Json, JsonObject } from "./json.js";

/** A shorter secret would be found in innocent words, so it is not looked for. In characters. */
export const SHORTEST_HIDDEN = 8;

/** Takes secrets out of what is said. */
export interface Redaction {
  text(text: string): string;
  json(value: Json): Json;
}

/**
 * Each secret, by its name, is taken out as it is and in the forms in which it travels: percent-encoded, base64, base64url, hexadecimal;
 * `[secret NAME]` stands in its place.
 * @param encode what base64 and hexadecimal make of a text's UTF-8, from whoever has a way
 */
export function createRedaction(
  secrets: Readonly<Record<string, string>>,
  encode: (text: string) => readonly string[],
): Redaction {
  const forms = Object.entries(secrets)
    .filter(([, secret]) => secret.length >= SHORTEST_HIDDEN)
    .flatMap(([name, secret]) =>
      [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), ...encode(secret)].map(
        (form) => [form, `[secret ${name}]`] as const,
      ),
    )
    // A longer form may have a shorter one within it.
    .sort(([one], [other]) => other.length - one.length);
  const text = (of: string) => forms.reduce((left, [form, word]) => left.replaceAll(form, word), of);
  const json = (value: Json): Json => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(json);
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value as JsonObject).map(([name, member]) => [text(name), json(member as Json)]);
    return Object.fromEntries(members) as JsonObject;
  };
  return forms.length === 0 ? { text: (of) => of, json: (value) => value } : { text, json };
}
