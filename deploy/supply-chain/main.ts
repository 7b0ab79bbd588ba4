import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { licenceProblems } from "./licences.js";
import { exceptionProblems, type Policy } from "./policy.js";
import { makeSbom, type Sbom, scanSbom } from "./scan.js";
import { vulnerabilityProblems } from "./vulnerabilities.js";

/*
 * `npm run check:supply`: what Wflo is made of. Writes the bill of materials, checks licences, and asks osv-scanner (OSV_SCANNER, else
 * on the PATH) for known vulnerabilities; `--database FOLDER`: in a database on this machine; `--sbom FILE`: of what that bill of materials
 * has (an image's, of `npm run check:image`), for vulnerabilities alone: a distribution's licences are its own.
 */

const SBOM = ".cache/supply-chain/wflo.cdx.json";

const root = process.cwd();
const option = (name: string) =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
const database = option("--database");
const given = option("--sbom");
const today = new Date().toISOString().slice(0, 10);
const policy = JSON.parse(await readFile(join(root, "deploy/supply-chain/policy.json"), "utf8")) as Policy;
const file = given === undefined ? join(root, SBOM) : resolve(root, given);
if (given === undefined) {
  await mkdir(join(root, ".cache/supply-chain"), { recursive: true });
  await writeFile(file, JSON.stringify(await makeSbom(root)));
}
const sbom = JSON.parse(await readFile(file, "utf8")) as Sbom;
const scanner = process.env.OSV_SCANNER || "osv-scanner";
const report = await scanSbom(file, { scanner, ...(database ? { database } : {}) });
const { problems: vulnerabilities, lower } = vulnerabilityProblems(report, policy, today);
const ownProblems =
  given === undefined ? [...exceptionProblems(policy, today), ...licenceProblems(sbom, policy, today)] : [];
const problems = [...ownProblems, ...vulnerabilities];
for (const line of lower) process.stdout.write(`below the gate: ${line}\n`);
for (const line of problems) process.stderr.write(`${line}\n`);
const words = `${sbom.components?.length ?? 0} components, ${problems.length} problems`;
process.stdout.write(`supply chain: ${words}; the bill of materials is ${given ?? SBOM}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
