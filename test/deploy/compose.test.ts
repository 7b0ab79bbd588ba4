import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { providersOf } from "../../adapters/models/provider-table.js";
import { readConfig } from "../../workers/config.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { VARIABLES } from "../../workers/variables.js";

/* There is no Docker where this is tested: what the file says is compared with what Wflo takes. */

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly volumes?: readonly string[];
}

const folder = join(packageRoot(), "deploy");
const compose = parse(await readFile(join(folder, "compose.yaml"), "utf8"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build);

test.each(services)(
  "%s: a pinned image or our own, volumes that are declared, and services that it waits for",
  (_name, service) => {
    if (service.build)
      expect(existsSync(join(resolve(folder, service.build.context), service.build.dockerfile))).toBe(true);
    else expect(service.image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+[\w.-]*$/);
    for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(":")[0]);
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(Object.keys(compose.services)).toContain(name);
      if (condition === "service_healthy") expect(compose.services[name]?.healthcheck).toBeDefined();
    }
  },
);

test.each(ours)("%s: its settings are right ones", (_name, { environment = {}, command = [] }) => {
  const known = new Set([...Object.keys(VARIABLES), "TEMPORAL_ADDRESS"]);
  const names = Object.keys(environment).filter((name) => !/^AWS_|_API_KEY$/.test(name));
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  const texts = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
  const config = readConfig(texts);
  expect(config.kafka?.brokers).toEqual(["kafka:19092"]);
  expect(config.blobs).toEqual({ kind: "s3", bucket: "wflo", prefix: "blobs" });
  expect(providersOf(texts).length).toBeGreaterThan(0);
  expect(["worker", "triggers"]).toContain(command[0]);
});

test("Wflo reaches the listeners that the services have", () => {
  const { environment = {} } = compose.services.kafka ?? {};
  expect(environment.KAFKA_ADVERTISED_LISTENERS).toContain("INSIDE://kafka:19092");
  expect(compose.services.temporal?.command).toContain("--ip=0.0.0.0");
});
