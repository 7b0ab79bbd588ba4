import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { redactionOf } from "../../activities/tool-secrets.js";
import { parseSecretRef } from "../../core/secret-ref.js";

const SECRET = 'pä$$ "word"/42';
const { text, json } = redactionOf({ crm: SECRET, short: "abc" });

test.each([
  ["as it is", `login with ${SECRET}!`, "login with [secret crm]!"],
  ["percent-encoded", `https://x/?key=${encodeURIComponent(SECRET)}&a`, "https://x/?key=[secret crm]&a"],
  ["in JSON", JSON.stringify({ key: SECRET }), '{"key":"[secret crm]"}'],
  ["in hexadecimal", Buffer.from(SECRET).toString("hex"), "[secret crm]"],
])("a secret is taken out %s", (_how, said, expected) => {
  expect(text(said)).toBe(expected);
});

test("a secret is taken out of base64 wherever it starts", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
      (before, after, url) => {
        const bytes = Buffer.concat([before, Buffer.from(SECRET), after]);
        expect(text(bytes.toString(url ? "base64url" : "base64"))).toContain("[secret crm]");
      },
    ),
  );
});

test("a secret is taken out of values and names at any depth; what is too short is not looked for", () => {
  const value = { a: [SECRET, { [`x-${SECRET}`]: 1 }], b: null, c: 3, d: "abc" };
  expect(json(value)).toEqual({ a: ["[secret crm]", { "x-[secret crm]": 1 }], b: null, c: 3, d: "abc" });
});

test.each(["env:CRM", "file:/run/secrets/crm", "store:crm/key"])("%s says where a secret is", (place) => {
  const [from, name] = place.split(":");
  expect(parseSecretRef(place)).toEqual({ from, name });
});

test.each(["sk-live-1234567890", "env:", "env:1A", "env:A B", "vault:x", "", 7, null])("%j says nothing", (place) => {
  const ref = parseSecretRef(place);
  expect(ref).toEqual({ problem: expect.stringMatching(/^must (be|name)/) });
  // It may be the secret itself.
  expect(JSON.stringify(ref)).not.toContain("1234567890");
});
