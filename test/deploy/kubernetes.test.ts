import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import { readConfig } from "../../workers/config.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { VARIABLES } from "../../workers/variables.js";
import { describeWith } from "../harness/real-part.js";

/* There is no cluster where this is tested: what the manifests say is compared with Kubernetes' schemas, with its Pod
 * Security Standards, and with what Wflo takes. That code is contained in such a pod: test/adapters/sandbox/gvisor-pod.test.ts. */

const run = promisify(execFile);
const KUBERNETES = "1.37";
const folder = join(packageRoot(), "deploy/kubernetes");
const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml").sort();

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own
  readonly [field: string]: any;
}

const manifests = await Promise.all(files.map(async (file) => await manifestsOf(join(folder, file))));
const all = manifests.flat();
const kustomization = parse(await readFile(join(folder, "kustomization.yaml"), "utf8")) as {
  readonly resources: readonly string[];
  readonly namespace: string;
  readonly configMapGenerator: readonly { readonly name: string; readonly literals: readonly string[] }[];
};

async function manifestsOf(path: string): Promise<Manifest[]> {
  return parseAllDocuments(await readFile(path, "utf8")).map((document) => document.toJS() as Manifest);
}

function the(kind: string): Manifest {
  const found = all.find((manifest) => manifest.kind === kind);
  if (!found) throw new Error(`there is no ${kind}`);
  return found;
}

describeWith("kubernetes-validate", (validate) => {
  const problems = async (path: string) =>
    await run(validate, ["--strict", "-k", KUBERNETES, path]).then(
      () => "",
      (error: { readonly stdout: string; readonly stderr: string }) => error.stdout + error.stderr,
    );

  test.each(files)("%s is what Kubernetes takes, to the last field", async (file) => {
    expect(await problems(join(folder, file))).toBe("");
  });

  test("a field that there is not is found", async () => {
    const planted = await mkdtemp(join(tmpdir(), "wflo-manifest-"));
    try {
      const path = join(planted, "wrong.yaml");
      const text = await readFile(join(folder, "sandbox-worker.yaml"), "utf8");
      await writeFile(path, text.replace("runtimeClassName:", "runtimeClass:"));
      expect(await problems(path)).toMatch(/runtimeClass/);
    } finally {
      await rm(planted, { recursive: true });
    }
  });
});

test("the kustomization has every manifest, and its namespace is one that holds pods to `restricted`", () => {
  expect([...kustomization.resources].sort()).toEqual(files);
  const { metadata } = the("Namespace");
  expect(metadata.name).toBe(kustomization.namespace);
  expect(metadata.labels?.["pod-security.kubernetes.io/enforce"]).toBe("restricted");
});

describe("the sandbox worker", () => {
  const { spec } = the("Deployment");
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const environment = Object.fromEntries(
    container.env.map(({ name, value }: { readonly name: string; readonly value: string }) => [name, value]),
  );

  /** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
  test("fits the Pod Security Standard `restricted`", () => {
    expect(pod).not.toHaveProperty("hostNetwork");
    expect(pod).not.toHaveProperty("hostPID");
    expect(pod).not.toHaveProperty("hostIPC");
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    for (const volume of pod.volumes) expect(Object.keys(volume).filter((key) => key !== "name")).toEqual(["emptyDir"]);
    for (const { hostPort } of container.ports) expect(hostPort).toBeUndefined();
  });

  test("runs in gVisor and nowhere else, holds no token of the cluster, and has a limit on memory", () => {
    const { metadata, handler } = the("RuntimeClass");
    expect([pod.runtimeClassName, handler]).toEqual([metadata.name, "runsc"]);
    expect(environment.WFLO_SANDBOX).toBe("gvisor");
    expect([pod.automountServiceAccountToken, the("ServiceAccount").automountServiceAccountToken]).toEqual([
      false,
      false,
    ]);
    const { sandboxConcurrency = 0, sandboxCeiling } = readConfig(environment);
    const gibibytes = Number(/^(\d+)Gi$/.exec(container.resources.limits.memory)?.[1]);
    expect(sandboxConcurrency).toBeGreaterThan(0);
    // And one for the worker.
    expect(sandboxConcurrency * sandboxCeiling.memoryBytes).toBeLessThanOrEqual((gibibytes - 1) * 1024 ** 3);
  });

  test("is the image's user, takes the queue of code alone, and is asked on the port that it has", async () => {
    const dockerfile = await readFile(join(packageRoot(), "deploy/Dockerfile"), "utf8");
    const { runAsUser, runAsGroup } = pod.securityContext;
    expect(dockerfile).toContain(`USER ${runAsUser}:${runAsGroup}`);
    expect(dockerfile).toContain(`EXPOSE ${container.ports[0].containerPort}`);
    expect(container.args).toEqual(["worker", "--queues", "sandbox"]);
    expect(readConfig({}).httpPort).toBe(container.ports[0].containerPort);
    const paths = [container.readinessProbe, container.livenessProbe].map(({ httpGet }) => httpGet.path);
    expect(paths).toEqual(["/readyz", "/healthz"]);
    const mounted = container.volumeMounts.map(({ mountPath }: { readonly mountPath: string }) => mountPath);
    expect(mounted).toContain(/WFLO_STATE=(\S+)/.exec(dockerfile)?.[1]);
  });

  test("has settings that are right ones", () => {
    const [map] = kustomization.configMapGenerator;
    const settings = Object.fromEntries((map?.literals ?? []).map((literal) => literal.split(/=(.*)/s).slice(0, 2)));
    const known = new Set([...Object.keys(VARIABLES), "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "AWS_REGION"]);
    expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([]);
    expect(container.envFrom[0].configMapRef.name).toBe(map?.name);
    expect(readConfig({ ...settings, ...environment })).toMatchObject({
      sandbox: "gvisor",
      blobs: { kind: "s3", bucket: "wflo", prefix: "blobs" },
    });
  });

  test("is what the disruption budget and the network policy are about", () => {
    const labels = spec.template.metadata.labels;
    expect(spec.selector.matchLabels).toEqual(labels);
    expect(the("PodDisruptionBudget").spec.selector.matchLabels).toEqual(labels);
    expect(the("NetworkPolicy").spec.podSelector.matchLabels).toEqual(labels);
    expect(the("NetworkPolicy").spec.policyTypes).toEqual(["Ingress", "Egress"]);
  });
});
