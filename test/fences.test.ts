import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageRoot } from "../workers/tool-finder.js";

/*
 * The fences between the rooms are seen to hold: test/fences has planted violations, and the linters, with the
 * project's own configuration, must report exactly those (see test/fences/README.md).
 */

const run = promisify(execFile);
const root = packageRoot();
const CONFIGURATION = ["biome.json", ".oxlintrc.json", "package.json", "tsconfig.json", ".gitignore"];
const ROOMS = [
  ...[
    "core",
    "ports",
    "workflows",
    "activities",
    "agents",
    "triggers",
    "encryption",
    "client",
    "testing",
    "workers",
    "cli/commands",
  ],
  ...[
    "adapters/models",
    "adapters/s3",
    "adapters/pino",
    "adapters/prometheus",
    "adapters/opentelemetry",
    "adapters/redis",
    "adapters/file",
    "test/core",
  ],
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-fences-"));
  await cp(join(root, "test/fences"), folder, { recursive: true });
  for (const name of CONFIGURATION) await cp(join(root, name), join(folder, name));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("every planted violation is reported, and nothing else", async () => {
  const planted = await plantedViolations();
  const found = [...(await biomeViolations()), ...(await oxlintViolations())].sort();
  expect(found).toEqual(planted);
});

test.each(ROOMS)("%s has at least one planted import that is refused", async (room) => {
  const planted = await plantedViolations();
  expect(planted.filter((line) => line.startsWith(`${room}/planted`) && line.includes("noRestricted"))).not.toEqual([]);
});

test.each([
  [
    "a file of 401 lines",
    "long-file.ts",
    Array.from({ length: 401 }, (_, n) => `export const c${n} = ${n};\n`),
    "noExcessiveLinesPerFile",
  ],
  ["a function of 71 lines", "long-function.ts", longFunction(71), "noExcessiveLinesPerFunction"],
  ["a file name with capitals", "LongName.ts", ["export const one = 1;\n"], "useFilenamingConvention"],
])("%s is refused", async (_case, name, lines, rule) => {
  const file = join("core", name);
  await writeFile(join(folder, file), lines.join(""));
  try {
    const violations = await biomeViolations(file);
    expect(violations.map((violation) => violation.split("/").at(-1))).toEqual([rule]);
  } finally {
    await rm(join(folder, file));
  }
});

function longFunction(lines: number): string[] {
  const body = Array.from({ length: lines }, () => "  sum += sum;\n");
  return ["export function long(): number {\n", "  let sum = 1;\n", ...body, "  return sum;\n", "}\n"];
}

/** `FILE:LINE RULE` for each note in the fixtures. */
async function plantedViolations(): Promise<string[]> {
  const planted: string[] = [];
  for (const file of await readdir(join(root, "test/fences"), { recursive: true })) {
    if (!file.endsWith(".ts")) continue;
    const lines = (await readFile(join(root, "test/fences", file), "utf8")).split("\n");
    lines.forEach((line, index) => {
      const rules = /\/\/ breaks (.+)$/.exec(line)?.[1]?.split(" ") ?? [];
      planted.push(...rules.map((rule) => `${file}:${index + 1} ${rule}`));
    });
  }
  return planted.sort();
}

interface BiomeReport {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location: { readonly path: string; readonly start: { readonly line: number } };
  }[];
}

async function biomeViolations(path = "."): Promise<string[]> {
  const args = ["lint", "--reporter=json", "--max-diagnostics=none", path];
  const { diagnostics } = JSON.parse(await outputOf("@biomejs/biome/bin/biome", args)) as BiomeReport;
  return diagnostics.map(
    ({ category, location }) => `${location.path}:${location.start.line} ${category.replace(/^lint\//, "")}`,
  );
}

interface OxlintReport {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

async function oxlintViolations(): Promise<string[]> {
  const args = ["--type-aware", "--format=json", "."];
  const { diagnostics } = JSON.parse(await outputOf("oxlint/bin/oxlint", args)) as OxlintReport;
  return diagnostics.map(({ code, filename, labels }) => `${filename}:${labels[0]?.span.line} ${code}`);
}

/** A linter's stdout; it ends with 1 when it found something. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const script = join(root, "node_modules", program);
  const options = { cwd: folder, maxBuffer: 16 * 1024 * 1024, env: { ...process.env, NODE_OPTIONS: "" } };
  const result = await run(process.execPath, [script, ...args], options).catch(
    (error: Error & { stdout: string }) => error,
  );
  return result.stdout;
}
