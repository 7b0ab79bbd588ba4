import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** A component's name, as npm has it. */
export const nameOf = ({ group, name }: Component): string => (group ? `${group}/${name}` : name);

/** Of CycloneDX what the gates look at. */
export interface Sbom {
  readonly components?: readonly Component[];
}

export interface Component {
  /** A scope, such as `@temporalio`. */
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly expression?: string;
    readonly license?: { readonly id?: string; readonly name?: string };
  }[];
}

/** Of osv-scanner's JSON what the gate looks at. */
export interface ScanReport {
  readonly results?: readonly {
    readonly packages?: readonly {
      readonly package: { readonly name: string; readonly version: string };
      readonly groups?: readonly { readonly ids: readonly string[]; readonly max_severity?: string }[];
    }[];
  }[];
}

const run = promisify(execFile);
const MOST_BYTES = 256 * 1024 * 1024;
/** osv-scanner's code for findings. */
const FOUND = 1;

/** The bill of materials of what is installed for production. `npm sbom` leaves out what development needs too (zod, here). */
export async function makeSbom(root: string): Promise<Sbom> {
  const flags = ["--omit", "dev", "--flatten-components", "--output-format", "JSON", "--spec-version", "1.6"];
  const program = join(root, "node_modules/.bin/cyclonedx-npm");
  return JSON.parse((await run(program, flags, { cwd: root, maxBuffer: MOST_BYTES })).stdout) as Sbom;
}

/**
 * What osv-scanner finds.
 * @param sbomPath ends with `.cdx.json`, by which it is known
 * @param database a folder: nothing is asked of the network then
 * @throws Error where the scan itself failed
 */
export async function scanSbom(
  sbomPath: string,
  { scanner, database }: { readonly scanner: string; readonly database?: string },
): Promise<ScanReport> {
  const offline = database === undefined ? [] : ["--offline-vulnerabilities", "--local-db-path", database];
  const flags = ["scan", "source", "--format", "json", ...offline, "--lockfile", sbomPath];
  try {
    return JSON.parse((await run(scanner, flags, { maxBuffer: MOST_BYTES })).stdout) as ScanReport;
  } catch (error) {
    const { code, stdout, stderr, message } = error as Error & { code?: unknown; stdout?: string; stderr?: string };
    if (code === FOUND && stdout) return JSON.parse(stdout) as ScanReport;
    throw new Error(`osv-scanner failed: ${(stderr || message).trim().slice(-2_000)}`);
  }
}
