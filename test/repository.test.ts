import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { FAILURES } from "../core/failures.js";
import { QUERIES, SIGNALS, UPDATES } from "../core/messages.js";
import { packageRoot } from "../workers/tool-finder.js";
import { VARIABLES } from "../workers/variables.js";
import { bundledModules } from "../workers/workflow-bundle.js";
import { workflowBundlePath } from "./harness/environment.js";

/* The rules of this repository that no other tool checks. */

const root = packageRoot();
const ROOMS = [
  "core",
  "ports",
  "workflows",
  "activities",
  "adapters",
  "encryption",
  "agents",
  "triggers",
  "workers",
  "client",
  "cli",
  "testing",
];
const DRAWERS = /(^|\/)(utils?|common|helpers?|lib|misc|shared|types)(\.ts|\/)/;
/** Rooms with folders inside. */
const NESTED = /^(adapters\/[a-z0-9-]+|cli\/commands|cli\/prove|agents\/scripts\/models)\//;
const MOST_BUNDLE_BYTES = 2 * 1024 * 1024;

async function sourceFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const room of ROOMS) {
    const entries = await readdir(join(root, room), { recursive: true, withFileTypes: true });
    files.push(...entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
  }
  return files.map((file) => file.slice(root.length + 1)).sort();
}

const read = async (file: string) => await readFile(join(root, file), "utf8");

/** First cells of a Markdown table's rows that are code. */
const firstCells = (text: string) => [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell ?? "");

describe("the source tree", () => {
  test("has no drawers, and rooms are flat", async () => {
    const files = await sourceFiles();
    expect(files.length).toBeGreaterThan(80);
    expect(files.filter((file) => DRAWERS.test(file))).toEqual([]);
    expect(files.filter((file) => file.split("/").length > 2 && !NESTED.test(file))).toEqual([]);
  });

  test("names no machine, no registry and no key", async () => {
    const suspicious = /(?<![\w}])\/(work\/main|root\/)|registry\.npmjs|sk-[A-Za-z0-9]{20}|AKIA[A-Z0-9]{16}/;
    const files = [...(await sourceFiles()), "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "package.json"];
    const docs = (await readdir(join(root, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
    for (const file of [...files, ...docs.map((name) => join("docs", name))]) {
      expect([file, suspicious.exec(await read(file))?.[0]]).toEqual([file, undefined]);
    }
    expect(await read("package-lock.json")).not.toContain('"resolved"');
  });
});

describe("the reference", () => {
  test("lists exactly the environment variables that are read, with their defaults and meanings", async () => {
    const text = await read("docs/reference/environment.md");
    const rows = Object.entries(VARIABLES).map(
      ([name, { defaultText, meaning }]) => `| \`${name}\` | ${defaultText} | ${meaning} |`,
    );
    expect(firstCells(text)).toEqual(Object.keys(VARIABLES));
    for (const row of rows) expect(text).toContain(row);
  });

  test("lists exactly the failures that there are, with their advice", async () => {
    const text = await read("docs/reference/failures.md");
    expect(firstCells(text).sort()).toEqual(Object.keys(FAILURES).sort());
    for (const [type, { advice, contract, retry }] of Object.entries(FAILURES)) {
      expect(text).toContain(
        `| \`${type}\` | ${contract ? "yes" : "no"} | ${retry === "later" ? "yes" : "no"} | ${advice} |`,
      );
    }
  });

  test("lists exactly the signals, queries and updates that a run takes", async () => {
    expect(firstCells(await read("docs/reference/contract.md"))).toEqual([...SIGNALS, ...QUERIES, ...UPDATES]);
  });
});

describe("a port", () => {
  test("that can have several adapters has a suite, and every adapter runs it", async () => {
    const tests = await readdir(join(root, "test"), { recursive: true });
    const texts = await Promise.all(
      tests.filter((name) => name.endsWith(".ts")).map(async (name) => [name, await read(join("test", name))] as const),
    );
    const files = await sourceFiles();
    for (const port of ["object-store", "token-stream", "event-log"]) {
      expect(tests).toContain(`ports/${port}.suite.ts`);
      const adapters = files.filter((file) => file.startsWith("adapters/") && file.endsWith(`/${port}.ts`));
      expect(adapters).not.toEqual([]);
      for (const adapter of adapters) {
        const runs = texts.filter(
          ([, text]) => text.includes(`${port}.suite.js`) && text.includes(adapter.replace(/\.ts$/, ".js")),
        );
        expect([adapter, runs.length > 0]).toEqual([adapter, true]);
      }
    }
  });
});

describe("the workflow bundle", () => {
  test("is small, and holds nothing but core/, workflows/, Temporal and what that brings", async () => {
    const bundle = await readFile(workflowBundlePath(), "utf8");
    const [code = ""] = bundle.split("//# sourceMappingURL");
    expect(code.length).toBeLessThan(MOST_BUNDLE_BYTES);
    const modules = bundledModules(bundle);
    expect(modules.length).toBeGreaterThan(30);
    const strangers = modules.filter(
      (name) =>
        !/(^|\/)(core|workflows)\/[^/]+\.[jt]s$/.test(name) &&
        !/node_modules\/(@temporalio\/|@noble\/hashes\/|long\/|ms\/|protobufjs\/|@protobufjs\/|nexus-rpc\/)/.test(
          name,
        ) &&
        !/webpack|autogenerated|__temporal/.test(name),
    );
    expect(strangers).toEqual([]);
  });
});

test("tests wait for facts: none sleeps, none is the only one", async () => {
  const tests = (await readdir(join(root, "test"), { recursive: true })).filter(
    (name) => name.endsWith(".test.ts") && !name.startsWith("fences/"),
  );
  expect(tests.length).toBeGreaterThan(20);
  for (const name of tests) {
    const text = await read(join("test", name));
    expect([name, /\b(test|describe|it)\.only\(|timers\/promises/.exec(text)?.[0]]).toEqual([name, undefined]);
  }
});
