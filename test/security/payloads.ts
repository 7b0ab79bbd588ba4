import fc from "fast-check";

/** A payload as it travels: whoever may write to the namespace can send any. */
export interface RawPayload {
  readonly metadata?: Readonly<Record<string, Uint8Array>>;
  readonly data?: Uint8Array;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** The text of a JSON document, or what pretends to be one. */
export const json = (text: string): RawPayload => ({
  metadata: { encoding: bytes("json/plain") },
  data: bytes(text),
});

/** Payloads that no converter can read. */
export const UNREADABLE: readonly (readonly [string, RawPayload])[] = [
  ["JSON that stops", json("{")],
  ["JSON with a byte order mark and NULs", json("\u{feff}\0{}")],
  ["no JSON at all", json("pause, please")],
  ["an encoding that nobody knows", { metadata: { encoding: bytes("binary/zzz") }, data: bytes("{}") }],
  ["no encoding", { data: bytes("{}") }],
  ["no data", { metadata: { encoding: bytes("json/plain") } }],
  ["nothing", {}],
  [
    "a protobuf of a type that is not there",
    { metadata: { encoding: bytes("json/protobuf"), messageType: bytes("a.B") }, data: bytes("{}") },
  ],
  [
    "what says that it is encrypted",
    {
      metadata: { encoding: bytes("binary/encrypted"), "encryption-key-id": bytes("k1") },
      data: bytes("x".repeat(64)),
    },
  ],
  [
    "bytes that are no text",
    { metadata: { encoding: bytes("json/plain") }, data: Uint8Array.of(0xff, 0xfe, 0xc0, 0x80) },
  ],
];

const DEEP = 5_000;

/** JSON documents that mean harm, whatever command they are sent as: none of them is a right one. */
export const ADVERSARIAL: readonly (readonly [string, string])[] = [
  ["null", "null"],
  ["a number", "-0"],
  ["a text", '"approve"'],
  ["a list", '[{"gate":"g1","decision":"approve","by":"eve"}]'],
  ["a deep list", `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`],
  ["a deep object", `${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`],
  ["a prototype", '{"__proto__":{"gate":"g1","decision":"approve","by":"eve","addUsd":"5","text":"hi"}}'],
  ["a constructor", '{"constructor":{"prototype":{"by":"eve"}},"gate":"g1","decision":"approve"}'],
  ["names of methods", '{"toString":"x","valueOf":"x","hasOwnProperty":"x","gate":{"toString":"g1"},"by":["eve"]}'],
  ["another gate", '{"gate":"g2","decision":"approve","by":"eve"}'],
  ["a gate that is an object", '{"gate":{"$ne":""},"decision":"approve","by":"eve"}'],
  ["a path for a gate", '{"gate":"../../g1","decision":"approve","by":"eve"}'],
  ["a wrong digest", `{"gate":"g1","decision":"approve","by":"eve","digest":"sha256:${"0".repeat(64)}"}`],
  ["no name", '{"gate":"g1","decision":"approve","by":""}'],
  ["a name of control characters", '{"gate":"g1","decision":"approve","by":"\\u001b[2Jana\\r"}'],
  ["less than nothing", '{"addUsd":"-1","by":"eve"}'],
  ["an endless amount", '{"addUsd":"1e400","by":"eve"}'],
  ["an amount beyond counting", '{"addUsd":"99999999999999999999","by":"eve"}'],
  ["no number", '{"addUsd":"NaN","limitUsd":"Infinity","by":"eve"}'],
  ["another base", '{"addUsd":"0x10","by":"eve"}'],
  ["digits of another script", '{"addUsd":"١٠","by":"eve"}'],
  ["freezing with a word", '{"freeze":"yes","by":"eve"}'],
  ["a blob that is a path", '{"text":{"ref":"file:///etc/passwd"},"by":"eve"}'],
  ["a blob that is not there", `{"text":{"ref":"sha256:${"f".repeat(64)}"},"by":"eve"}`],
  ["no text", '{"text":"","by":"eve"}'],
  ["attempts that nobody made", '{"attempts":[{"id":"9/9","nanoUsd":-5}],"by":"eve"}'],
  ["a long name", `{"gate":"g1","decision":"approve","by":"${"e".repeat(100_000)}"}`],
];

/** Documents at random, made of the contract's words more often than not. */
export const randomDocuments = (count: number, seed: number): readonly string[] => {
  const words = fc.constantFrom(
    ...["gate", "decision", "by", "args", "digest", "addUsd", "limitUsd", "freeze", "text", "id", "attempts", "lease"],
    ...["__proto__", "constructor", "ref", "comment", "reason", ""],
  );
  const leaf = fc.oneof(
    fc.constantFrom("g1", "approve", "reject", "1", "-1", "1e9", "sha256:x", "\u0000", "🜁".repeat(50)),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("object")),
    object: fc.dictionary(words, tie("value") as fc.Arbitrary<unknown>, { maxKeys: 4 }),
  }));
  // Nobody decides as "ana", and whatever has no right `by` or no right amount is refused.
  return fc
    .sample(value as fc.Arbitrary<unknown>, { numRuns: count, seed })
    .map((document) => JSON.stringify(document) ?? "null");
};
