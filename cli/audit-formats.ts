import type { JsonObject } from "../core/json.js";
import type { LoggedRecord } from "./audit-log.js";

/** How audit records leave for other systems. */
export const AUDIT_FORMATS = ["jsonl", "ocsf", "cef"] as const;
export type AuditFormat = (typeof AUDIT_FORMATS)[number];

/** One line for a record, without its end. @param version of this package */
export function auditLine(entry: LoggedRecord, format: AuditFormat, version: string): string {
  if (format === "ocsf") return JSON.stringify(ocsfEvent(entry, version));
  return format === "cef" ? cefLine(entry, version) : JSON.stringify(entry.record);
}

/** What records of both kinds say. */
interface Said {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly by: string | undefined;
  /** What it is about: a run, or the worker itself. */
  readonly subject: { readonly type: string; readonly name: string; readonly uid: string };
  readonly isRefusal: boolean;
}

function said({ of, record }: LoggedRecord): Said {
  const isRefusal = /refused|reject|exhausted/.test(record.action);
  const time = Date.parse(record.at);
  if (of === "worker") {
    const subject = { type: "worker", name: record.worker, uid: record.boot };
    return { time, by: undefined, subject, isRefusal };
  }
  const subject = { type: "workflow", name: record.workflowId, uid: record.firstRunId };
  return { time, by: record.by, subject, isRefusal };
}

/** OCSF 1.3 (schema.ocsf.io): class API Activity; what happened is `api.operation`. */
const API_ACTIVITY = 6003;
const APPLICATION_ACTIVITY = 6;
const ACTIVITIES = [
  [/started|requested|new$/, 1, "Create"],
  [/changed|approve|reject|paused|resumed|reconciled|decided/, 3, "Update"],
  [/ended|canceled|failed|stopped/, 99, "Other"],
] as const;

function ocsfEvent(entry: LoggedRecord, version: string): JsonObject {
  const { record } = entry;
  const { time, by, subject, isRefusal } = said(entry);
  const [, id, name] = ACTIVITIES.find(([words]) => words.test(record.action)) ?? [undefined, 99, "Other"];
  return {
    class_uid: API_ACTIVITY,
    class_name: "API Activity",
    category_uid: APPLICATION_ACTIVITY,
    category_name: "Application Activity",
    activity_id: id,
    activity_name: name,
    type_uid: API_ACTIVITY * 100 + id,
    severity_id: isRefusal ? 3 : 1,
    severity: isRefusal ? "Medium" : "Informational",
    status_id: isRefusal ? 2 : 1,
    status: isRefusal ? "Failure" : "Success",
    time,
    message: record.action,
    metadata: {
      version: "1.3.0",
      product: { name: "Wflo", vendor_name: "Wflo", version },
      uid: record.hash,
      sequence: record.seq,
      correlation_uid: subject.uid,
    },
    actor: by === undefined ? { app_name: "wflo" } : { user: { name: by } },
    api: { operation: record.action, service: { name: "wflo" } },
    src_endpoint: { name: entry.of === "worker" ? entry.record.worker : "wflo" },
    resources: [subject],
    unmapped: { prev: record.prev, facts: record.facts },
  };
}

/** ArcSight Common Event Format, version 0. */
function cefLine(entry: LoggedRecord, version: string): string {
  const { record } = entry;
  const { time, by, subject, isRefusal } = said(entry);
  const head = ["Wflo", "Wflo", version, record.action, record.action, isRefusal ? "6" : "2"].map(cefHead);
  const fields = {
    rt: String(time),
    ...(by === undefined ? {} : { suser: by }),
    act: record.action,
    outcome: isRefusal ? "failure" : "success",
    externalId: record.hash,
    cn1Label: "seq",
    cn1: String(record.seq),
    cs1Label: subject.type,
    cs1: subject.name,
    cs2Label: "uid",
    cs2: subject.uid,
    cs3Label: "prev",
    cs3: record.prev,
    cs4Label: "facts",
    cs4: JSON.stringify(record.facts),
  };
  const extension = Object.entries(fields).map(([name, value]) => `${name}=${cefValue(value)}`);
  return `CEF:0|${head.join("|")}|${extension.join(" ")}`;
}

function cefHead(text: string): string {
  return text.replace(/[\r\n]+/g, " ").replace(/[\\|]/g, "\\$&");
}

function cefValue(text: string): string {
  return text.replace(/[\\=]/g, "\\$&").replace(/\r?\n|\r/g, "\\n");
}
