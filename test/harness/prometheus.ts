import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../workers/free-port.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { type StartedProcess, startProcess } from "./processes.js";
import { realPart } from "./real-part.js";

/** A sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds, and the value as text. */
  readonly value: readonly [number, string];
}

/** A real Prometheus, with Wflo's rules and, where one is given, an Alertmanager. */
export interface Prometheus {
  readonly url: string;
  /** @throws Error with what Prometheus says is wrong in the query */
  query(expr: string): Promise<readonly Sample[]>;
  /** Labels of the exemplars of a series, of the last minutes. */
  exemplars(series: string): Promise<readonly Readonly<Record<string, string>>[]>;
  /** Names of the alerts that fire. */
  firing(): Promise<readonly string[]>;
  stop: StartedProcess["stop"];
}

const OURS = join(packageRoot(), "deploy/observability");

/** @param programs the folder with the programs @param ports of the targets, scraped each second */
export async function startPrometheus(
  programs: string,
  folder: string,
  { ports, alertmanagerPort }: { readonly ports: readonly string[]; readonly alertmanagerPort: number },
): Promise<Prometheus> {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  await copyFile(join(OURS, "rules.yml"), join(folder, "rules.yml"));
  // The one that is shipped, with this machine's ports and a test's patience.
  const config = (await readFile(join(OURS, "prometheus.yml"), "utf8"))
    .replace(/targets: \["localhost:9464".*\]/, `targets: [${ports.map((one) => `"127.0.0.1:${one}"`).join(", ")}]`)
    .replace("localhost:9093", `127.0.0.1:${alertmanagerPort}`)
    .replaceAll("15s", "1s");
  await writeFile(join(folder, "prometheus.yml"), config);
  const { stop } = await startProcess({
    command: join(programs, "prometheus"),
    args: [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--rules.alert.resend-delay=1s",
      "--enable-feature=exemplar-storage",
    ],
    ready: /Server is ready to receive web requests/,
  });
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string) => {
    const answer = (await (await fetch(`${url}${path}`)).json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== "success") throw new Error(answer.error);
    return answer.data;
  };
  return {
    url,
    async query(expr) {
      const { result } = (await ask(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as { result: Sample[] };
      return result;
    },
    async exemplars(series) {
      const now = Date.now() / 1_000;
      const path = `/api/v1/query_exemplars?query=${series}&start=${now - 600}&end=${now}`;
      const found = (await ask(path)) as { exemplars: { labels: Record<string, string> }[] }[];
      return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels));
    },
    async firing() {
      const { alerts } = (await ask("/api/v1/alerts")) as {
        alerts: { state: string; labels: { alertname: string } }[];
      };
      return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    },
    stop,
  };
}

/** A real Alertmanager with the configuration that is shipped, which speaks to a webhook. */
export async function startAlertmanager(
  programs: string,
  folder: string,
  { webhook }: { readonly webhook: string },
): Promise<{ readonly port: number; readonly stop: StartedProcess["stop"] }> {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  const config = (await readFile(join(OURS, "alertmanager.yml"), "utf8"))
    .replace("http://localhost:9094/alerts", webhook)
    .replace("group_wait: 30s", "group_wait: 0s");
  await writeFile(join(folder, "alertmanager.yml"), config);
  const bubblewrap = realPart("bubblewrap");
  if ("missing" in bubblewrap) throw new Error(bubblewrap.missing);
  const { stop } = await startProcess({
    command: bubblewrap.path,
    args: [
      // Debian's looks for its templates where its package is installed, and nowhere else.
      ...["--ro-bind", "/", "/", "--dev", "/dev", "--bind", folder, folder, "--tmpfs", "/usr/share"],
      ...["--ro-bind", join(programs, "../share/prometheus"), "/usr/share/prometheus", "--die-with-parent", "--"],
      join(programs, "prometheus-alertmanager"),
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    ready: /Listening/,
  });
  return { port, stop };
}
