import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { licenceProblems } from "../../deploy/supply-chain/licences.js";
import { exceptionProblems, type Policy } from "../../deploy/supply-chain/policy.js";
import { makeSbom, nameOf, scanSbom } from "../../deploy/supply-chain/scan.js";
import { vulnerabilityProblems } from "../../deploy/supply-chain/vulnerabilities.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { describeWith } from "../harness/real-part.js";

/* What Wflo is made of: the gates hold for what is here, and are seen to close for what is planted. */

const run = promisify(execFile);
const root = packageRoot();
const DAY = "2026-11-30";
let folder: string;
let policy: Policy;
let sbom: Awaited<ReturnType<typeof makeSbom>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-supply-"));
  policy = JSON.parse(await readFile(join(root, "deploy/supply-chain/policy.json"), "utf8")) as Policy;
  sbom = await makeSbom(root);
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

interface Lock {
  readonly packages: Readonly<
    Record<string, { version: string; dev?: boolean; devOptional?: boolean; optional?: boolean; peer?: boolean }>
  >;
}

describe("the bill of materials", () => {
  test("is CycloneDX, and has all that the lock file has for production, and nothing else", async () => {
    expect(sbom).toMatchObject({ bomFormat: "CycloneDX", specVersion: expect.stringMatching(/^1\.[5-9]$/) });
    const has = new Set((sbom.components ?? []).map((component) => `${nameOf(component)}@${component.version}`));
    const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lock;
    const entries = Object.entries(lock.packages).filter(([path]) => path !== "");
    const named = (kept: (entry: Lock["packages"][string]) => boolean) =>
      entries
        .filter(([, entry]) => kept(entry))
        .map(([path, { version }]) => `${path.split("node_modules/").at(-1)}@${version}`);
    const wanted = named((entry) => !entry.dev && !entry.devOptional && !entry.optional && !entry.peer);
    expect(wanted.filter((name) => !has.has(name))).toEqual([]);
    const installed = new Set(named((entry) => !entry.dev));
    // The package `node` installs the program for this machine by itself.
    const extra = [...has].filter((name) => !installed.has(name) && !/^node-(linux|darwin|win)-/.test(name));
    expect(extra).toEqual([]);
  });

  test("has licences of the policy alone", () => {
    expect(licenceProblems(sbom, policy, DAY)).toEqual([]);
  });

  test.each<[string, object[] | undefined, boolean]>([
    ["MIT", [{ license: { id: "MIT" } }], true],
    ["one of two", [{ expression: "(GPL-3.0 OR MIT)" }], true],
    ["both of two", [{ expression: "MIT AND GPL-3.0" }], false],
    ["GPL-3.0", [{ license: { id: "GPL-3.0" } }], false],
    ["a name that is none", [{ license: { name: "SEE LICENSE IN x" } }], false],
    ["none", undefined, false],
  ])("is gated by licences: %s", (_name, licenses, isAllowed) => {
    const components = [{ name: "planted", version: "1.0.0", ...(licenses ? { licenses } : {}) }];
    expect(licenceProblems({ components }, policy, DAY)).toHaveLength(isAllowed ? 0 : 1);
  });
});

describe("an exception", () => {
  const exception = {
    package: "planted",
    licence: "GPL-3.0",
    until: "2026-12-31",
    reason: "only used while it is built",
  };
  const components = [{ name: "planted", version: "1.0.0", licenses: [{ license: { id: "GPL-3.0" } }] }];
  const problemsOf = (change: object, day = DAY) => {
    const changed = { ...policy, exceptions: [{ ...exception, ...change }] };
    return [...exceptionProblems(changed, day), ...licenceProblems({ components }, changed, day)];
  };

  test("with a reason and a day holds until that day", () => {
    expect(problemsOf({})).toEqual([]);
    const ended = problemsOf({}, "2027-01-01");
    expect(ended).toEqual([
      expect.stringContaining("ended on 2026-12-31"),
      expect.stringContaining("has the licence GPL-3.0"),
    ]);
  });

  test.each([
    ["no reason", { reason: "  " }, "has no reason"],
    ["no day", { until: "later" }, "has no day"],
    ["nothing", { licence: undefined }, "must name a licence or a vulnerability"],
  ])("with %s is none", (_what, change, problem) => {
    expect(problemsOf(change)[0]).toContain(problem);
  });
});

describeWith("osv-scanner", (scanner) => {
  const planted = (id: string, name: string, vector: string | undefined) => ({
    schema_version: "1.7.0",
    ...{ id, modified: `${DAY}T00:00:00Z`, published: `${DAY}T00:00:00Z`, summary: "planted" },
    ...(vector ? { severity: [{ type: "CVSS_V3", score: `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/${vector}` }] } : {}),
    affected: [{ package: { ecosystem: "npm", name }, ranges: [{ type: "SEMVER", events: [{ introduced: "0" }] }] }],
  });

  test("finds what is planted in its database: high findings close the gate, dated exceptions open it", async () => {
    const database = join(folder, "database");
    await mkdir(join(database, "osv-scanner/npm"), { recursive: true });
    const findings = [
      planted("GHSA-plnt-0000-0001", "ioredis", "C:H/I:H/A:H"),
      planted("GHSA-plnt-0000-0002", "zod", "C:L/I:N/A:N"),
      planted("GHSA-plnt-0000-0003", "pino", undefined),
      planted("GHSA-plnt-0000-0004", "not-installed", "C:H/I:H/A:H"),
    ];
    await zipped(join(database, "osv-scanner/npm/all.zip"), findings);
    const sbomPath = join(folder, "wflo.cdx.json");
    await writeFile(sbomPath, JSON.stringify(sbom));
    const report = await scanSbom(sbomPath, { scanner, database });
    const { problems, lower } = vulnerabilityProblems(report, policy, DAY);
    expect(problems.map((line) => line.replace(/@[^:]+/, "")).sort()).toEqual([
      "ioredis: GHSA-plnt-0000-0001 (severity 9.8)",
      "pino: GHSA-plnt-0000-0003 (severity unknown)",
    ]);
    expect(lower).toEqual([expect.stringMatching(/^zod@.*0002 \(severity 5\.3\)$/)]);
    const exception = {
      package: "ioredis",
      vulnerability: "GHSA-plnt-0000-0001",
      until: DAY,
      reason: "planted by this test",
    };
    const excepting = { ...policy, exceptions: [...policy.exceptions, exception] };
    expect(vulnerabilityProblems(report, excepting, DAY).problems).toHaveLength(1);
    expect(vulnerabilityProblems(report, excepting, "2026-12-01").problems).toHaveLength(2);
  }, 120_000);

  test("finds what is planted of an image's own packages, by its bill of materials", async () => {
    const database = join(folder, "debian");
    for (const name of ["npm", "Debian"]) await mkdir(join(database, "osv-scanner", name), { recursive: true });
    const finding = {
      ...planted("DSA-plnt-0001", "openssl", "C:H/I:H/A:H"),
      affected: [
        {
          package: { ecosystem: "Debian:12", name: "openssl" },
          ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "3.0.15-1" }] }],
        },
      ],
    };
    await zipped(join(database, "osv-scanner/Debian/all.zip"), [finding]);
    await zipped(join(database, "osv-scanner/npm/all.zip"), [planted("GHSA-plnt-0000-0009", "nothing", "C:H/I:H/A:H")]);
    const gate = async (version: string) => {
      const purl = `pkg:deb/debian/openssl@${version}?arch=amd64&distro=debian-12`;
      const image = {
        bomFormat: "CycloneDX",
        specVersion: "1.6",
        version: 1,
        components: [{ type: "library", name: "openssl", version, purl }],
      };
      const file = join(folder, "image.cdx.json");
      await writeFile(file, JSON.stringify(image));
      const program = ["--import", join(root, "scripts/typescript.mjs"), join(root, "deploy/supply-chain/main.ts")];
      const env = { ...process.env, OSV_SCANNER: scanner };
      return await run(process.execPath, [...program, "--database", database, "--sbom", file], { cwd: root, env }).then(
        ({ stdout }) => stdout,
        (error: { stderr: string }) => error.stderr,
      );
    };
    expect(await gate("3.0.11-1")).toContain("openssl@3.0.11-1: DSA-plnt-0001 (severity 9.8)");
    expect(await gate("3.0.15-1")).toContain("1 components, 0 problems");
  }, 60_000);

  test("a scan that fails is no clean one", async () => {
    await writeFile(join(folder, "broken.cdx.json"), "{");
    await expect(scanSbom(join(folder, "broken.cdx.json"), { scanner, database: folder })).rejects.toThrow(
      /osv-scanner failed/,
    );
  });
});

describeWith("hadolint", (hadolint) => {
  const lint = async (file: string) =>
    await run(hadolint, ["--config", join(root, ".hadolint.yaml"), file]).then(
      () => "",
      (error: { stdout: string }) => error.stdout,
    );

  test("has nothing to say of the image, and does of a planted one", async () => {
    expect(await lint(join(root, "deploy/Dockerfile"))).toBe("");
    const bad = join(folder, "Dockerfile");
    await writeFile(bad, "FROM node:latest\nRUN cd /tmp && sudo apt-get install curl\nADD x /x\n");
    expect(await lint(bad)).toMatch(/DL3007[\s\S]*DL3004/);
  });
});

describeWith("gitleaks", (gitleaks) => {
  const scan = async (place: string) => {
    const report = join(folder, "leaks.json");
    const flags = ["--config", join(root, ".gitleaks.toml"), "--no-banner", "--redact", "-f", "json", "-r", report];
    await run(gitleaks, ["dir", place, ...flags]).catch((error: { code: number }) => {
      // It found something.
      if (error.code !== 1) throw error;
    });
    const leaks = JSON.parse(await readFile(report, "utf8")) as { RuleID: string; File: string; StartLine: number }[];
    return leaks.map(({ RuleID, File, StartLine }) => `${RuleID} ${File.replace(`${root}/`, "")}:${StartLine}`);
  };

  test("finds no key in what is ours, and a planted one", async () => {
    expect(await scan(root)).toEqual([]);
    const place = join(folder, "leak");
    await mkdir(place);
    // In two pieces here, so that this file has none.
    await writeFile(join(place, "settings.env"), `GITHUB_TOKEN=ghp_${"aB3dE5fG7hJ9kL1mN3pQ"}${"5rS7tU9vW1xY3zA5"}\n`);
    expect(await scan(place)).toEqual([expect.stringMatching(/^github-pat /)]);
  });
});

/** A zip without compression, of JSON documents by their ids: what osv-scanner's own download looks like. */
async function zipped(path: string, documents: readonly { readonly id: string }[]): Promise<void> {
  const script = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for document in json.load(sys.stdin):
        archive.writestr(document["id"] + ".json", json.dumps(document))`;
  const zipping = run("python3", ["-c", script, path]);
  zipping.child.stdin?.end(JSON.stringify(documents));
  await zipping;
}
