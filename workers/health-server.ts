import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { MetricsFormat } from "../adapters/prometheus/meters.js";
import type { Access } from "../ports/access.js";
import { PortTaken } from "./dev-server.js";

/** What the server tells of. */
export interface HealthSources {
  /** Our metrics, and others of this process that come as Prometheus text, with their content type. */
  metrics(format: MetricsFormat, others: string): Promise<{ readonly contentType: string; readonly text: string }>;
  /** The SDK core's own metrics, where it serves them. */
  readonly coreMetricsUrl: string | undefined;
  /** Who may read the metrics. @default whoever asks */
  readonly access?: Access | undefined;
  /** Why the process should get no work; empty: it is ready. */
  unready(): readonly string[];
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** The core's metrics are local and small: slower means that something is wrong. In milliseconds. */
const CORE_PATIENCE_MS = 2_000;

/**
 * Serves `/metrics` (ours and the SDK core's), `/healthz` (200 while the process answers) and `/readyz` (200 while its
 * workers poll, else 503 with the reasons).
 * @param port 0 takes a free one @throws PortTaken
 */
export async function startHealthServer(port: number, sources: HealthSources): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET\n");
    answerPath(path, sources, request, response).catch((error: unknown) => answer(response, 500, `${String(error)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const words = error.code === "EADDRINUSE" ? "is taken" : `cannot be used: ${error.message}`;
      reject(new PortTaken(`WFLO_HTTP_PORT: port ${port} ${words}; set another, 0 for a free one, or off`));
    });
    server.listen(port, () => resolve());
  });
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answerPath(
  path: string,
  sources: HealthSources,
  { headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (path) {
    case "/metrics": {
      // Names of agents, accounts and tools, and what they cost. Whoever may look at all may look at these.
      if (sources.access && !(await identified(sources.access, headers.authorization))) {
        response.setHeader("www-authenticate", "Bearer");
        return answer(response, 401, "metrics are for whoever has a role (WFLO_ACCESS_TOKENS, WFLO_OIDC_ISSUER)\n");
      }
      const format = (headers.accept ?? "").includes("application/openmetrics-text") ? "open-metrics" : "prometheus";
      const { contentType, text } = await sources.metrics(format, await coreMetrics(sources.coreMetricsUrl));
      answer(response, 200, text, contentType);
      return;
    }
    case "/healthz":
      answer(response, 200, "ok\n");
      return;
    case "/readyz": {
      const reasons = sources.unready();
      answer(response, reasons.length === 0 ? 200 : 503, reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`);
      return;
    }
    default:
      answer(response, 404, "there are /metrics, /healthz and /readyz\n");
  }
}

/** An issuer that does not answer knows nobody. */
async function identified(access: Access, authorization = ""): Promise<boolean> {
  const token = /^Bearer\s+(.+)$/i.exec(authorization)?.[1] ?? "";
  return (await access.identify(token).catch(() => undefined)) !== undefined;
}

/** Empty where the core does not answer: our own metrics are worth more than an error. */
async function coreMetrics(url: string | undefined): Promise<string> {
  if (url === undefined) return "";
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(CORE_PATIENCE_MS) });
    return response.ok ? await response.text() : "";
  } catch {
    return "";
  }
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" }).end(body);
}
