import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { createFileInbox } from "../../adapters/file/inbox.js";
import { METRICS } from "../../adapters/prometheus/metrics.js";
import { dashboardFiles, dashboardQueries } from "../../deploy/observability/dashboards.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { type StartedProcess, startProcess } from "../harness/processes.js";
import { type Prometheus, startAlertmanager, startPrometheus } from "../harness/prometheus.js";
import { describeWith } from "../harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

const run = promisify(execFile);
const OURS = join(packageRoot(), "deploy/observability");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

async function rules(): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(join(OURS, "rules.yml"), "utf8")) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

async function queries(): Promise<readonly { readonly where: string; readonly expr: string }[]> {
  const ofRules = (await rules()).map(({ alert, expr }) => ({ where: `alert ${alert}`, expr }));
  const ofPanels = dashboardQueries().map(({ panel, expr }) => ({ where: panel, expr }));
  return [...ofRules, ...ofPanels].map(({ where, expr }) => ({
    where,
    // What Grafana puts there.
    expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h"),
  }));
}

describe("what is shipped", () => {
  test("the dashboards' files are what `npm run dashboards` makes", async () => {
    for (const [name, text] of Object.entries(dashboardFiles())) {
      expect(await readFile(join(OURS, "grafana", name), "utf8")).toBe(text);
    }
  });

  test("every alert has its paragraph in the runbook, and every paragraph its alert", async () => {
    const runbook = await readFile(join(packageRoot(), "docs/runbook.md"), "utf8");
    const headings = [...runbook.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(headings.sort()).toEqual((await rules()).map(({ alert }) => alert).sort());
    for (const { alert, annotations } of await rules()) {
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    }
  });

  test("every metric of ours is asked for with labels that it has", async () => {
    for (const { where, expr } of await queries()) {
      for (const [, name = ""] of expr.matchAll(/\b(wflo_\w+)/g)) {
        const family = name.replace(/_bucket$/, "");
        expect({ where, family, known: family in METRICS }).toEqual({ where, family, known: true });
      }
    }
  });
});

/** Of the runs: tools, code, a gate, an error of a tool, a failure, an account. */
const AGENTS = `
import { defineAgent, defineTool, python } from "wflo";
import { z } from "zod";
const add = defineTool({ name: "add", description: "Adds.", input: z.object({ a: z.number() }), safe: true,
  execute: async ({ a }) => { if (a < 0) throw new Error("no"); return a + 1; } });
const buy = defineTool({ name: "buy", description: "Buys.", input: z.object({}), safe: false, execute: async () => "bought" });
export const adder = defineAgent({ name: "adder", instructions: "Add.", model: "scripted/words", tools: [add, buy] });
export const refuser = defineAgent({ name: "refuser", instructions: "No.", model: "scripted/no" });
export const coder = defineAgent({ name: "coder", instructions: "Compute.", model: "scripted/code", tools: [python] });
`;

const USAGE = { inputTokens: 1_000, outputTokens: 123, cachedInputTokens: 64, reasoningTokens: 7 };
const WORDS = {
  model: "openai/gpt-4.1-mini",
  turns: [
    {
      toolCalls: [
        { name: "add", args: { a: 1 } },
        { name: "add", args: { a: -1 } },
      ],
      usage: USAGE,
    },
    { toolCalls: [{ name: "buy", args: {} }], usage: USAGE },
    { text: "done", usage: USAGE },
  ],
};
const CODE = {
  model: "openai/gpt-4.1-mini",
  turns: [
    { toolCalls: [{ name: "python", args: { code: "print(1)" } }], usage: USAGE },
    { text: "1", usage: USAGE },
  ],
};

describeWith("prometheus", (programs) => {
  test("promtool takes the rules, their tests and the settings; amtool takes Alertmanager's", async () => {
    const promtool = async (...args: readonly string[]) =>
      (await run(join(programs, "promtool"), args, { cwd: OURS })).stdout;
    expect(await promtool("check", "rules", "rules.yml")).toMatch(/SUCCESS: 16 rules found/);
    expect(await promtool("test", "rules", "rules.test.yml")).toContain("SUCCESS");
    expect(await promtool("check", "config", "prometheus.yml")).toContain("SUCCESS");
    expect((await run(join(programs, "amtool"), ["check-config", join(OURS, "alertmanager.yml")])).stdout).toContain(
      "SUCCESS",
    );
    const tested = await readFile(join(OURS, "rules.test.yml"), "utf8");
    for (const { alert } of await rules())
      expect(tested).toMatch(new RegExp(`alertname: ${alert}\\s+exp_alerts:\\s+- `));
  }, 60_000);

  describe("with workers under load", () => {
    let folder: string;
    let workers: WorkerProcesses;
    let worker: StartedProcess;
    let triggers: StartedProcess;
    let prometheus: Prometheus;
    let alertmanager: Awaited<ReturnType<typeof startAlertmanager>>;
    const heard: {
      alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
    }[] = [];
    const webhook = createServer((request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      request.on("end", () => {
        heard.push(JSON.parse(text) as (typeof heard)[0]);
        response.end();
      });
    });
    let costs: { cost: { confirmedNanoUsd: number } }[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "wflo-observed-"));
      await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve));
      // Spans are printed: what is measured in a traced run leads to its trace.
      const environment = {
        OTEL_TRACES_EXPORTER: "console",
        WFLO_SCRIPTS: ".",
        WFLO_STATE: "state",
        WFLO_BLOBS: "file:blobs",
        WFLO_SANDBOX: "bubblewrap",
      };
      workers = await workerProcesses({ agents: AGENTS, environment: { ...environment, WFLO_HTTP_PORT: "0" } });
      const scripts = { words: WORDS, code: CODE, no: { turns: [{ text: "", finishReason: "content-filter" }] } };
      for (const [name, script] of Object.entries(scripts)) {
        await writeFile(join(workers.folder, `${name}.json`), JSON.stringify(script));
      }
      worker = await workers.startWorker();
      triggers = await startProcess({
        command: process.execPath,
        args: [join(packageRoot(), "scripts/wflo.mjs"), "triggers"],
        cwd: workers.folder,
        env: {
          PATH: process.env.PATH,
          TEMPORAL_ADDRESS: temporalAddress(),
          WFLO_TASK_QUEUE: workers.taskQueue,
          WFLO_AGENTS: "./agents.mjs",
          ...environment,
          WFLO_HTTP_PORT: "0",
        },
        ready: /triggers wflo.triggers on/,
      });
      const portOf = ({ output }: StartedProcess) => /http:\/\/localhost:(\d+)\/metrics/.exec(output())?.[1] ?? "";
      const { port } = webhook.address() as AddressInfo;
      alertmanager = await startAlertmanager(programs, join(folder, "alertmanager"), {
        webhook: `http://127.0.0.1:${port}/alerts`,
      });
      const ports = [portOf(worker), portOf(triggers)];
      prometheus = await startPrometheus(programs, join(folder, "prometheus"), {
        ports,
        alertmanagerPort: alertmanager.port,
      });
      // Everything begins at nothing.
      await eventually(async () => expect(await prometheus.query('up{job="wflo"} == 1')).toHaveLength(2), {
        withinMs: 20_000,
      });
      costs = [...(await load()), ...(await load())];
    }, 120_000);

    afterAll(async () => {
      await Promise.all([prometheus?.stop(), alertmanager?.stop(), triggers?.stop()]);
      await workers?.stop();
      await new Promise((resolve) => webhook.close(resolve));
      await rm(folder, { recursive: true, force: true });
    });

    async function load() {
      const adding = await Promise.all(
        Array.from(
          { length: 5 },
          async () => await workers.startRun({ agent: "adder", input: "hi", budget: { limitUsd: "1" } }),
        ),
      );
      const coding = await workers.startRun({ agent: "coder", input: "hi" });
      const refused = await workers.startRun({ agent: "refuser", input: "hi" });
      for (const one of adding) {
        await eventually(async () => expect(await one.query("approvals")).toHaveLength(1), { withinMs: 20_000 });
        await one.signal("approve", { gate: "g1", by: "ann" });
      }
      await refused.result().catch(() => undefined);
      return (await Promise.all([...adding, coding].map(async (one) => await one.result()))) as typeof costs;
    }

    test("the cost that Prometheus has is the ledgers', to the nano-dollar", async () => {
      const ledgers = costs.reduce((sum, { cost }) => sum + cost.confirmedNanoUsd, 0);
      expect(ledgers).toBeGreaterThan(0);
      await eventually(
        async () => {
          const [sum] = await prometheus.query("sum(wflo_cost_usd_total)");
          expect(Math.round(Number(sum?.value[1]) * 1e9)).toBe(ledgers);
        },
        { withinMs: 20_000 },
      );
    }, 40_000);

    test("every query of a rule or a picture is answered, and all that there was something of with figures", async () => {
      // What this load has nothing of: accounts, unpriced calls, other models, a cache, Kafka, code that was stopped, an
      // event log that is away.
      const without =
        /budget_remaining|circuit_open|account!=""|unpriced|model_changes|model_cache|trigger_lag|executions_total\{outcome!~|published_total\{outcome="error"|unconfirmed|explained/;
      const empty = async () => {
        const found: string[] = [];
        for (const { where, expr } of await queries()) {
          if (where.startsWith("alert")) await prometheus.query(expr);
          else if ((await prometheus.query(expr)).length === 0) found.push(`${where}: ${expr}`);
          // An alert has no figures as long as all is well: the series that it looks at have.
          for (const [selector] of expr.matchAll(/\b(?:wflo_|temporal_|up\b)\w*(?:\{[^}]*\})?/g)) {
            if ((await prometheus.query(selector)).length === 0) found.push(`${where}: ${selector}`);
          }
        }
        return found.filter((one) => !without.test(one));
      };
      // A rate needs a second look at its series.
      await eventually(async () => expect(await empty()).toEqual([]), { withinMs: 20_000 });
    }, 60_000);

    test("what the SDK measures has the labels that are asked for", async () => {
      const port = /http:\/\/localhost:(\d+)\/metrics/.exec(worker.output())?.[1];
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const asked = (await queries()).flatMap(({ expr }) =>
        [...expr.matchAll(/by \(([^)]*)\) \((?:rate\()?(temporal_\w+)/g)].map(([, labels = "", name = ""]) => ({
          name,
          labels: labels.split(/,\s*/).filter((label) => label !== "le"),
        })),
      );
      expect(asked.length).toBeGreaterThan(3);
      for (const { name, labels } of asked) {
        const sample = text.split("\n").find((line) => line.startsWith(`${name}{`)) ?? "";
        for (const label of labels) expect(`${name}: ${sample}`).toContain(`${label}="`);
      }
      const lint = await run("sh", [
        "-c",
        `curl -s http://127.0.0.1:${port}/metrics | "${programs}/promtool" check metrics`,
      ]);
      expect(lint.stdout + lint.stderr).toBe("");
    }, 30_000);

    test("a measurement leads to a trace that there is", async () => {
      const exemplars = await prometheus.exemplars("wflo_model_call_duration_seconds_bucket");
      expect(exemplars.length).toBeGreaterThan(0);
      for (const { trace_id: traceId, span_id: spanId } of exemplars) {
        expect(worker.output()).toContain(`traceId: '${traceId}'`);
        expect(spanId).toMatch(/^[0-9a-f]{16}$/);
      }
    }, 20_000);

    test("an alert reaches a webhook, by way of Alertmanager", async () => {
      const inbox = createFileInbox({
        folder: join(workers.folder, "state"),
        topics: { events: "wflo.events", audit: "wflo.audit" },
      });
      await inbox.send("wflo.triggers", { key: null, value: Buffer.from('{"agent":"nobody"}'), headers: {} });
      await inbox.close();
      await eventually(
        () => {
          const alerts = heard.flatMap((message) => message.alerts);
          expect(alerts.map(({ labels }) => labels.alertname)).toContain("WfloDeadLetters");
        },
        { withinMs: 60_000 },
      );
      const [alert] = heard
        .flatMap(({ alerts }) => alerts)
        .filter(({ labels }) => labels.alertname === "WfloDeadLetters");
      expect(alert).toMatchObject({
        status: "firing",
        labels: { trigger: "wflo.triggers", severity: "warning" },
        annotations: { summary: "The trigger wflo.triggers refuses events" },
      });
      expect(await prometheus.firing()).toContain("WfloDeadLetters");
    }, 90_000);
  });
});
