import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Kafka, logLevel } from "kafkajs";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { type KafkaBroker, type SecureBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { describeWith } from "../harness/real-part.js";
import { startTriggerWorld, type TriggerWorld } from "../harness/trigger-world.js";

/* A broker that is spoken to by TLS, with an authority of its own, and that asks for a name and a password. */

const AGENTS = `
import { defineAgent } from "wflo";
export const helper = defineAgent({ name: "helper", instructions: "", model: "scripted/plain" });`;

const run = promisify(execFile);

describeWith("kafka", (libs) => {
  const newFolder = temporaryFolders();
  let secure: SecureBroker;
  let broker: KafkaBroker;
  let world: TriggerWorld;
  beforeAll(async () => {
    const folder = await newFolder();
    const [key, certificateFile, keyFile] = ["key.pem", "certificate.pem", "both.pem"].map((name) =>
      join(folder, name),
    );
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-keyout", key ?? "", "-out", certificateFile ?? ""];
    await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, ...files]);
    const both = [await readFile(key ?? "", "utf8"), await readFile(certificateFile ?? "", "utf8")];
    await writeFile(keyFile ?? "", both.join(""));
    secure = {
      username: "wflo",
      password: "correct-horse",
      keyFile: keyFile ?? "",
      certificateFile: certificateFile ?? "",
    };
    broker = await startKafkaBroker(libs, { secure });
    world = await startTriggerWorld({ agents: AGENTS, environment: settings("scram-sha-512") });
    await world.workers.startWorker();
  }, 120_000);
  afterAll(async () => {
    await world.stop();
    await broker.stop();
  });

  const settings = (mechanism: string, more: NodeJS.ProcessEnv = {}) => ({
    KAFKA_BROKERS: broker.address,
    KAFKA_SSL: "true",
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: secure.username,
    KAFKA_SASL_PASSWORD: secure.password,
    NODE_EXTRA_CA_CERTS: secure.certificateFile,
    ...more,
  });
  const kafkaCheck = async (environment: NodeJS.ProcessEnv) => {
    const said = await world
      .cliWith(environment, "doctor", "--json")
      .catch((error: { readonly stdout: string }) => error.stdout);
    const { checks } = JSON.parse(said) as { checks: { name: string; ok: boolean; detail: string }[] };
    return checks.find(({ name }) => name === "kafka");
  };

  test.each(["plain", "scram-sha-256", "scram-sha-512"])(
    "doctor gets in by %s",
    async (mechanism) => {
      const detail = expect.stringMatching(/1 broker answers/);
      expect(await kafkaCheck(settings(mechanism))).toMatchObject({ ok: true, detail });
    },
    60_000,
  );

  test("who has a wrong password, no trust in the authority, or speaks in clear, is told and not let in", async () => {
    const secret = "wrong-horse";
    const wrong = await kafkaCheck(settings("scram-sha-256", { KAFKA_SASL_PASSWORD: secret }));
    expect(wrong).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/[Aa]uthentication failed|invalid credentials/),
    });
    expect(JSON.stringify(wrong)).not.toContain(secret);
    expect(await kafkaCheck(settings("plain", { NODE_EXTRA_CA_CERTS: "" }))).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/self-signed certificate/),
    });
    expect(await kafkaCheck(settings("plain", { KAFKA_SSL: "false" }))).toMatchObject({ ok: false });
  }, 90_000);

  test("a trigger starts a run there, and its events go there", async () => {
    const triggers = await world.startTriggers();
    const kafka = new Kafka({
      brokers: [broker.address],
      logLevel: logLevel.NOTHING,
      ssl: { ca: [await readFile(secure.certificateFile, "utf8")] },
      sasl: { mechanism: "plain", username: secure.username, password: secure.password },
    });
    const producer = kafka.producer();
    await producer.connect();
    const value = JSON.stringify({ id: "secure-1", agent: "helper", input: "hi" });
    await producer.send({ topic: "wflo.triggers", messages: [{ value }] });
    await producer.disconnect();
    await eventually(async () => expect(await world.runs("trigger:")).toEqual(["trigger:wflo.triggers:secure-1"]));
    await eventually(async () => expect(await world.cli("events")).toMatch(/secure-1 .* wflo\.run\.completed/), {
      withinMs: 60_000,
    });
    await triggers.stop();
    expect(triggers.output()).not.toContain(secure.password);
  }, 120_000);
});
