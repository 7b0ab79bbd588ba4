import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { licenceProblems } from "./licences.js";
import { exceptionProblems, type Policy } from "./policy.js";
import { makeSbom, scanSbom } from "./scan.js";
import { vulnerabilityProblems } from "./vulnerabilities.js";

/*
 * `npm run check:supply`: what Wflo is made of. Writes the bill of materials, checks licences, and asks osv-scanner (OSV_SCANNER, else
 * on the PATH) for known vulnerabilities; `--database FOLDER`: in a database on this machine.
 */

const SBOM = ".cache/supply-chain/wflo.cdx.json";

const root = process.cwd();
const at = process.argv.indexOf("--database");
const database = at < 0 ? undefined : process.argv[at + 1];
const today = new Date().toISOString().slice(0, 10);
const policy = JSON.parse(await readFile(join(root, "deploy/supply-chain/policy.json"), "utf8")) as Policy;
const sbom = await makeSbom(root);
await mkdir(join(root, ".cache/supply-chain"), { recursive: true });
await writeFile(join(root, SBOM), JSON.stringify(sbom));
const scanner = process.env.OSV_SCANNER || "osv-scanner";
const report = await scanSbom(join(root, SBOM), { scanner, ...(database ? { database } : {}) });
const { problems: vulnerabilities, lower } = vulnerabilityProblems(report, policy, today);
const problems = [...exceptionProblems(policy, today), ...licenceProblems(sbom, policy, today), ...vulnerabilities];
for (const line of lower) process.stdout.write(`below the gate: ${line}\n`);
for (const line of problems) process.stderr.write(`${line}\n`);
const words = `${sbom.components?.length ?? 0} components, ${problems.length} problems`;
process.stdout.write(`supply chain: ${words}; the bill of materials is ${SBOM}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
