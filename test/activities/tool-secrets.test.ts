import { expect, test } from "@jest/globals";
import { openPolicy, redactionOf, resolveSecrets } from "../../activities/tool-secrets.js";
import type { SecretRef } from "../../core/secret-ref.js";

const values: Readonly<Record<string, string>> = { A: "planted-aaaa", B: "planted-bbbb" };
const store = { get: async (name: string) => values[name] };
const secrets = { env: store, file: store };
const ref = (name: string): SecretRef => ({ from: "env", name });

test("every credential of a policy is at hand, and taken out, also where a host stands there twice", async () => {
  const credential = (name: string) => ({ header: "authorization", prefix: "Bearer ", secret: ref(name) });
  const hosts = [
    { host: "api.example.com", ports: [80], credential: credential("A") },
    { host: "api.example.com", ports: [8080], credential: credential("B") },
    { host: "other.example.com" },
  ];
  const { policy, found } = await openPolicy(secrets, { hosts, bytes: 1, requests: 1 });
  expect(policy.hosts.map((host) => host.credential?.value)).toEqual([
    "Bearer planted-aaaa",
    "Bearer planted-bbbb",
    undefined,
  ]);
  expect(redactionOf(found).text("planted-aaaa planted-bbbb")).not.toContain("planted");
});

test("a secret that is not there is told with the place where it was looked for, and without a store there is none", async () => {
  await expect(resolveSecrets(secrets, { crm: ref("C") })).rejects.toThrow(
    "the secret crm is not there: the environment variable C",
  );
  const stored = { crm: { from: "store", name: "crm" } } as const;
  await expect(resolveSecrets(secrets, stored)).rejects.toThrow(/crm in the store of secrets \(WFLO_SECRETS\)/);
});
