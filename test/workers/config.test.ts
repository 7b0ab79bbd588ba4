import { describe, expect, test } from "@jest/globals";
import { DEFAULT_SANDBOX_LIMITS } from "../../core/sandbox-limits.js";
import { type Config, readConfig, WrongSettings } from "../../workers/config.js";
import { VARIABLES } from "../../workers/variables.js";

const read = (environment: NodeJS.ProcessEnv) => readConfig(environment, "/app");

describe("settings", () => {
  test("have the contract's defaults, and an empty variable counts as unset", () => {
    const empty = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, " "]));
    for (const environment of [{}, empty]) {
      const { environment: _environment, ...config } = read(environment);
      expect(config).toEqual({
        blobs: { kind: "file", folder: "/app/.wflo/blobs" },
        taskQueue: "wflo",
        sandbox: "auto",
        sandboxCeiling: DEFAULT_SANDBOX_LIMITS,
        sandboxConcurrency: undefined,
        sandboxStandby: 0,
        triggerSecrets: new Map(),
        httpPort: 9464,
        agentsModule: undefined,
        priceFile: undefined,
        catalogueFile: { path: "/app/.wflo/prices.json", isDefault: true },
        unpriced: "refuse",
        scriptsFolder: undefined,
        recordFolder: undefined,
        traceKeepNanoUsd: 1_000_000_000,
        traceUrl: undefined,
        logContent: false,
        logLevel: "info",
        topics: { events: "wflo.events", audit: "wflo.audit" },
        stateFolder: "/app/.wflo",
        allowScriptPaths: true,
        redisUrl: undefined,
        access: undefined,
        secrets: { env: expect.anything(), file: expect.anything() },
        auditKeyFile: undefined,
        auditPublicKeyFiles: [],
        rateLimits: new Map(),
        kafka: undefined,
      });
    }
  });

  test.each<[string, NodeJS.ProcessEnv, Partial<Config>]>([
    ["a blob folder", { WFLO_BLOBS: "file:data/b" }, { blobs: { kind: "file", folder: "/app/data/b" } }],
    ["a blob folder as a URL", { WFLO_BLOBS: "file:///data" }, { blobs: { kind: "file", folder: "/data" } }],
    ["a bucket", { WFLO_BLOBS: "s3://my-bucket" }, { blobs: { kind: "s3", bucket: "my-bucket", prefix: "" } }],
    [
      "a bucket's prefix",
      { WFLO_BLOBS: "s3://my-bucket/a/b/" },
      { blobs: { kind: "s3", bucket: "my-bucket", prefix: "a/b" } },
    ],
    ["a free port", { WFLO_HTTP_PORT: "0" }, { httpPort: 0 }],
    ["no port", { WFLO_HTTP_PORT: "off" }, { httpPort: "off" }],
    ["prices", { WFLO_PRICES: "prices.json" }, { priceFile: "/app/prices.json" }],
    [
      "a catalogue of prices",
      { WFLO_PRICE_CATALOGUE: "p.json" },
      { catalogueFile: { path: "/app/p.json", isDefault: false } },
    ],
    ["production", { NODE_ENV: "production" }, { allowScriptPaths: false }],
    ["Redis", { REDIS_URL: "rediss://user:word@redis:6380/2" }, { redisUrl: "rediss://user:word@redis:6380/2" }],
    [
      "providers' limits",
      { WFLO_RATE_LIMITS: " openai=500rpm, 200000tpm; anthropic=50rpm; " },
      {
        rateLimits: new Map([
          ["openai", { requestsPerMinute: 500, tokensPerMinute: 200_000 }],
          ["anthropic", { requestsPerMinute: 50 }],
        ]),
      },
    ],
    [
      "brokers",
      { KAFKA_BROKERS: "kafka-1:9092, [::1]:9093" },
      { kafka: { brokers: ["kafka-1:9092", "[::1]:9093"], ssl: false } },
    ],
    [
      "brokers with a login",
      {
        KAFKA_BROKERS: "k:1",
        KAFKA_SSL: "true",
        KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
        KAFKA_SASL_USERNAME: "u",
        KAFKA_SASL_PASSWORD: "p",
      },
      { kafka: { brokers: ["k:1"], ssl: true, sasl: { mechanism: "scram-sha-512", username: "u", password: "p" } } },
    ],
  ])("take %s", (_case, environment, wanted) => {
    expect(read(environment)).toMatchObject(wanted);
  });

  test.each<[string, string, RegExp]>([
    ["WFLO_BLOBS", "data/blobs", /must be file:PATH or s3:\/\/BUCKET\/PREFIX \(default file:.wflo\/blobs\)/],
    ["WFLO_BLOBS", "s3://B", /s3:/],
    ["WFLO_TASK_QUEUE", "a b", /letters, digits/],
    ["REDIS_URL", "localhost:6379", /redis:\/\/HOST:PORT/],
    ["WFLO_RATE_LIMITS", "openai=500", /Nrpm/],
    ["WFLO_RATE_LIMITS", "openai=0rpm", /Nrpm/],
    ["WFLO_RATE_LIMITS", "openai=5rpm,6rpm", /Nrpm/],
    ["WFLO_RATE_LIMITS", "openai=5rpm;openai=6tpm", /Nrpm/],
    ["KAFKA_BROKERS", "kafka", /host:port/],
    ["KAFKA_SASL_MECHANISM", "gssapi", /one of plain, scram-sha-256, scram-sha-512/],
    ["WFLO_SANDBOX", "docker", /one of auto, gvisor, bubblewrap, wasm, none/],
    ["WFLO_HTTP_PORT", "80a", /a whole number from 0 to 65535, or off \(default 9464\)/],
    ["WFLO_HTTP_PORT", "65536", /65535/],
    ["WFLO_UNPRICED", "yes", /one of refuse, allow/],
    ["WFLO_LOG_LEVEL", "verbose", /one of trace, debug, info/],
    ["WFLO_EVENTS_TOPIC", "a topic", /letters, digits/],
    ["WFLO_AUDIT_TOPIC", "ä", /letters, digits/],
  ])("refuse %s=%s, naming the variable and what is accepted", (name, value, message) => {
    expect(() => read({ [name]: value })).toThrow(message);
    expect(() => read({ [name]: value })).toThrow(`${name}: ${JSON.stringify(value)} is not accepted`);
  });

  test("refuse keys that are none without showing them, and two sources of keys", () => {
    const refused = (environment: NodeJS.ProcessEnv) => {
      try {
        return read(environment);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const keys = refused({ WFLO_ENCRYPTION_KEYS: "a:secret" });
    expect(keys).toMatch(/WFLO_ENCRYPTION_KEYS: the key a is not 32 bytes in base64/);
    expect(keys).not.toContain("secret");
    const one = `a:${Buffer.alloc(32).toString("base64")}`;
    expect(refused({ WFLO_ENCRYPTION_KEYS: one, WFLO_KEY_RING: "./keys.mjs" })).toMatch(/both set: unset one of them/);
  });

  test("tell everything that is wrong at once", () => {
    const wrong = () => read({ WFLO_HTTP_PORT: "x", WFLO_SANDBOX: "x", WFLO_LOG_LEVEL: "x" });
    expect(wrong).toThrow(WrongSettings);
    expect(wrong).toThrow(/WFLO_SANDBOX.*\n.*WFLO_HTTP_PORT.*\n.*WFLO_LOG_LEVEL|WFLO_HTTP_PORT/s);
  });
});

test("a ceiling of sandboxes is told as wrong by what is wrong in it", () => {
  const wrong = () => read({ WFLO_SANDBOX_LIMITS: "memory=lots" });
  expect(wrong).toThrow(/^WFLO_SANDBOX_LIMITS: memory: "lots" is no amount such as "512MiB"; it must be NAME=AMOUNT/);
  const { sandboxCeiling } = read({ WFLO_SANDBOX_LIMITS: "wall=5m" });
  expect(sandboxCeiling).toEqual({ ...DEFAULT_SANDBOX_LIMITS, wallMs: 300_000 });
});

test.each(["ftp://a.example", "http://login.example.com", "login.example.com"])(
  "an issuer is asked by TLS alone: %s",
  (issuer) => {
    expect(() => read({ WFLO_OIDC_ISSUER: issuer })).toThrow(/^WFLO_OIDC_ISSUER: /);
  },
);

test("who may use our HTTP surfaces is nobody's business where nothing says so", () => {
  expect(read({ WFLO_OIDC_AUDIENCE: "x" }).access).toBeUndefined();
  const oidc = { issuer: "https://login.example.com", audience: "wflo", rolesClaim: "roles" };
  expect(read({ WFLO_OIDC_ISSUER: oidc.issuer }).access).toEqual({ tokenFile: undefined, oidc });
  expect(read({ WFLO_ACCESS_TOKENS: "t.json" }).access).toEqual({ tokenFile: "/app/t.json", oidc: undefined });
});
