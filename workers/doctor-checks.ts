import type { NativeConnection } from "@temporalio/worker";
import { isTracingWanted } from "../adapters/opentelemetry/wanted.js";
import { readAuditKey } from "../encryption/audit-key.js";
import { readDeciders } from "../encryption/decision-keys.js";
import type { Config } from "./config.js";
import { encryptionProblems } from "./encryption-marks.js";
import { readPriceSettings } from "./price-settings.js";
import { openStores } from "./stores.js";

/** One thing that was looked at. `fix` says what to do where it is not well. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

const DAY_MS = 86_400_000;

/** Providers change prices every few weeks; a budget that is reckoned with old ones holds another amount than it says. */
const OLD_PRICES_DAYS = 120;

/** Leases, signatures and tokens allow for seconds. */
const MOST_SKEW_MS = 5_000;

const EXPORT_PATIENCE_MS = 5_000;

export async function pricesCheck(config: Config): Promise<Check> {
  const { catalogue, overrides } = await readPriceSettings(config);
  const days = Math.floor((Date.now() - Date.parse(catalogue.day)) / DAY_MS);
  const own = overrides.size === 0 ? "" : `, and ${overrides.size} of WFLO_PRICES`;
  const detail = `${catalogue.name}, ${days} days old${own}`;
  if (days <= OLD_PRICES_DAYS) return { name: "prices", ok: true, detail };
  return { name: "prices", ok: false, detail, fix: "`wflo prices refresh` takes newer ones, and says what changes" };
}

/** Keys that encrypt, the one that signs, and those of people who sign. */
export async function keysCheck(config: Config): Promise<Check> {
  const stores = openStores(config);
  try {
    const problems = await encryptionProblems(stores.stored, config.keyRing);
    const current = await config.keyRing?.current();
    const signing = config.auditKeyFile === undefined ? undefined : readAuditKey(config.auditKeyFile);
    const { approverKeysFile } = config;
    const people = approverKeysFile === undefined ? [] : readDeciders(approverKeysFile).names;
    const signed = people.length === 0 ? "" : `; decisions may be signed by ${people.join(", ")}`;
    const encrypts = current === undefined ? "nothing is encrypted" : `the key ${current.id} encrypts`;
    const signs = signing === undefined ? "the audit log is not signed" : `the key ${signing.id} signs the audit log`;
    if (problems.length === 0) return { name: "keys", ok: true, detail: `${encrypts}; ${signs}${signed}` };
    return {
      name: "keys",
      ok: false,
      detail: problems.join("; "),
      fix: "give every process all keys that were ever used",
    };
  } finally {
    await stores.close();
  }
}

/** Sends no span to where spans are to go: address, protocol, headers and certificates are seen to be right, or wrong. */
export async function exporterCheck({ environment }: Config): Promise<Check> {
  if (!isTracingWanted(environment)) {
    return { name: "traces", ok: true, detail: "nobody is told of spans (OTEL_EXPORTER_OTLP_ENDPOINT is not set)" };
  }
  const { openExporter } = await import("../adapters/opentelemetry/exporter.js");
  const exporter = await openExporter(environment);
  const where =
    environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? "its default";
  const problem = await new Promise<string | undefined>((resolve) => {
    setTimeout(() => resolve(`no answer within ${EXPORT_PATIENCE_MS / 1_000} s`), EXPORT_PATIENCE_MS).unref();
    exporter.export([], ({ code, error }) => resolve(code === 0 ? undefined : (error?.message ?? "refused")));
  });
  await exporter.shutdown().catch(() => undefined);
  if (problem === undefined) return { name: "traces", ok: true, detail: `a receiver takes spans at ${where}` };
  const fix = "see OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL and …_HEADERS; runs go on without, and their spans are lost";
  return { name: "traces", ok: false, detail: `${where}: ${problem}`, fix };
}

/** Against the server's, by when it last heard of whoever polls: never later than now. */
export async function clockCheck(connection: NativeConnection, namespace: string): Promise<Check> {
  const name = "clock";
  const queue = `wflo-doctor-${process.pid}`;
  const request = { namespace, taskQueue: { name: queue }, identity: queue };
  const sent = Date.now();
  // The server notes when it hears of a poll; one of less than two seconds it does not take.
  void connection
    .withDeadline(sent + 3_000, async () => await connection.workflowService.pollActivityTaskQueue(request))
    .catch(() => undefined);
  const seen = await heardOf(connection, request, sent + 2_000);
  if (!seen) return { name, ok: true, detail: "the server does not say what time it is" };
  const server = Number(seen.seconds ?? 0) * 1_000 + (seen.nanos ?? 0) / 1e6;
  // It was between these two that the server looked at its clock.
  const skew = server < sent ? server - sent : Math.max(0, server - Date.now());
  const detail = `${Math.abs(Math.round(skew))} ms ${skew < 0 ? "ahead of" : "behind"} the server's`;
  if (Math.abs(skew) <= MOST_SKEW_MS) return { name, ok: true, detail };
  return { name, ok: false, detail, fix: "let the machines keep time (NTP): leases, signatures and tokens go by it" };
}

async function heardOf(
  connection: NativeConnection,
  request: { readonly namespace: string; readonly taskQueue: { readonly name: string }; readonly identity: string },
  untilMs: number,
) {
  while (Date.now() < untilMs) {
    const { pollers } = await connection.workflowService.describeTaskQueue({ ...request, taskQueueType: 2 });
    const seen = pollers?.find(({ identity }) => identity === request.identity)?.lastAccessTime;
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}
