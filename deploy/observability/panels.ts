/** One picture: what is asked of Prometheus, and how it is read. */
export interface Panel {
  readonly title: string;
  /** What to make of it. */
  readonly description: string;
  /** Of Grafana. */
  readonly unit?: string;
  /** One figure in place of a line. */
  readonly stat?: true;
  readonly queries: readonly { readonly expr: string; readonly legend?: string }[];
}

/** Pictures side by side, below a heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** The share of the observations that `q` says was at most so long. */
const quantile = (q: number, histogram: string, by: string) =>
  `histogram_quantile(${q}, sum by (le${by === "" ? "" : `, ${by}`}) (rate(${histogram}_bucket[$__rate_interval])))`;

const quantiles = (histogram: string, by = "") => [
  { expr: quantile(0.5, histogram, by), legend: `half ${by === "" ? "" : `{{${by}}}`}`.trim() },
  { expr: quantile(0.95, histogram, by), legend: `95 % ${by === "" ? "" : `{{${by}}}`}`.trim() },
];

const RUNS: readonly Row[] = [
  {
    title: "Now",
    panels: [
      {
        title: "Runs that go on",
        description: "By what they do. The same on every worker, so the largest counts.",
        queries: [{ expr: "max by (state) (wflo_runs_open)", legend: "{{state}}" }],
      },
      {
        title: "Waiting for people",
        description: "`wflo approvals` lists them.",
        stat: true,
        queries: [{ expr: 'max(wflo_runs_open{state="awaiting_approval"})' }],
      },
      {
        title: "Waiting for money",
        description: "`wflo budget add` lets them go on.",
        stat: true,
        queries: [{ expr: 'max(wflo_runs_open{state="awaiting_budget"})' }],
      },
    ],
  },
  {
    title: "Runs",
    panels: [
      {
        title: "Started",
        description: "A second, by agent.",
        unit: "ops",
        queries: [{ expr: "sum by (agent) (rate(wflo_runs_started_total[$__rate_interval]))", legend: "{{agent}}" }],
      },
      {
        title: "Ended",
        description: "A second, by how.",
        unit: "ops",
        queries: [{ expr: "sum by (status) (rate(wflo_runs_closed_total[$__rate_interval]))", legend: "{{status}}" }],
      },
      {
        title: "How long they take",
        description: "From start to end, waiting for people included.",
        unit: "s",
        queries: quantiles("wflo_run_duration_seconds"),
      },
      {
        title: "Tool calls that failed",
        description: "Share of a tool's calls.",
        unit: "percentunit",
        queries: [
          {
            expr: 'sum by (tool) (rate(wflo_tool_calls_total{outcome="error"}[$__rate_interval])) / sum by (tool) (rate(wflo_tool_calls_total[$__rate_interval]))',
            legend: "{{tool}}",
          },
        ],
      },
    ],
  },
  {
    title: "Approvals",
    panels: [
      {
        title: "Decisions",
        description: "By what was decided.",
        unit: "ops",
        queries: [{ expr: "sum by (decision) (rate(wflo_approvals_total[$__rate_interval]))", legend: "{{decision}}" }],
      },
      {
        title: "How long people take",
        description: "From a gate's opening to its decision.",
        unit: "s",
        queries: quantiles("wflo_approval_wait_seconds"),
      },
    ],
  },
  {
    title: "Events",
    panels: [
      {
        title: "Published",
        description: "`error`: the log did not take them; they go out again.",
        unit: "ops",
        queries: [
          { expr: "sum by (outcome) (rate(wflo_events_published_total[$__rate_interval]))", legend: "{{outcome}}" },
        ],
      },
      {
        title: "Triggers",
        description: "`refused` is among the dead letters: `wflo dlq list`.",
        unit: "ops",
        queries: [
          {
            expr: "sum by (trigger, outcome) (rate(wflo_triggers_total[$__rate_interval]))",
            legend: "{{trigger}} {{outcome}}",
          },
        ],
      },
      {
        title: "Not dealt with yet",
        description: "Messages of a topic that triggers have still to act on.",
        queries: [{ expr: "sum by (topic) (wflo_trigger_lag)", legend: "{{topic}}" }],
      },
    ],
  },
];

const COST: readonly Row[] = [
  {
    title: "Spent",
    panels: [
      {
        title: "In this range",
        description:
          "Confirmed by providers. An estimate of Prometheus, from samples; `wflo cost` has the ledgers' figures.",
        unit: "currencyUSD",
        stat: true,
        queries: [{ expr: "sum(increase(wflo_cost_usd_total[$__range]))" }],
      },
      {
        title: "Unconfirmed in this range",
        description: "Attempts that may have been billed, and that nobody has explained since: `wflo reconcile FILE`.",
        unit: "currencyUSD",
        stat: true,
        queries: [
          {
            expr: "sum(increase(wflo_cost_unconfirmed_usd_total[$__range])) - (sum(increase(wflo_cost_explained_usd_total[$__range])) or vector(0))",
          },
        ],
      },
      {
        title: "By team",
        description: "Dollars an hour, by the account that pays.",
        unit: "currencyUSD",
        queries: [
          { expr: "3600 * sum by (account) (rate(wflo_cost_usd_total[$__rate_interval]))", legend: "{{account}}" },
        ],
      },
      {
        title: "By model",
        description: "Dollars an hour.",
        unit: "currencyUSD",
        queries: [{ expr: "3600 * sum by (model) (rate(wflo_cost_usd_total[$__rate_interval]))", legend: "{{model}}" }],
      },
    ],
  },
  {
    title: "Budgets",
    panels: [
      {
        title: "Left",
        description: "What an account has neither spent nor leased.",
        unit: "currencyUSD",
        queries: [{ expr: "min by (account) (wflo_budget_remaining_usd)", legend: "{{account}}" }],
      },
      {
        title: "Lasts for",
        description: "At the rate of the last hour.",
        unit: "s",
        queries: [
          {
            expr: "min by (account) (wflo_budget_remaining_usd) / (sum by (account) (rate(wflo_cost_usd_total[1h])) > 0)",
            legend: "{{account}}",
          },
        ],
      },
    ],
  },
  {
    title: "Tokens",
    panels: [
      {
        title: "By kind",
        description: "Cached input is part of input, reasoning of output.",
        queries: [{ expr: "sum by (kind) (rate(wflo_model_tokens_total[$__rate_interval]))", legend: "{{kind}}" }],
      },
      {
        title: "Calls without a price",
        description: "No cost has them: give them one (`WFLO_PRICES`).",
        queries: [{ expr: "sum by (model) (rate(wflo_unpriced_calls_total[$__rate_interval]))", legend: "{{model}}" }],
      },
    ],
  },
];

const MODELS: readonly Row[] = [
  {
    title: "Calls",
    panels: [
      {
        title: "Attempts",
        description: "By model and outcome.",
        unit: "ops",
        queries: [
          {
            expr: "sum by (model, outcome) (rate(wflo_model_calls_total[$__rate_interval]))",
            legend: "{{model}} {{outcome}}",
          },
        ],
      },
      {
        title: "How long they take",
        description: "Until the answer is journalled, or the attempt has failed. Exemplars lead to traces.",
        unit: "s",
        queries: quantiles("wflo_model_call_duration_seconds", "model"),
      },
      {
        title: "Providers left alone",
        description: "1 while a provider that failed too often in a row is not asked.",
        queries: [{ expr: "max by (provider) (wflo_model_circuit_open)", legend: "{{provider}}" }],
      },
      {
        title: "Runs that changed their model",
        description: "For want of money, or as the model was unavailable.",
        unit: "ops",
        queries: [
          {
            expr: "sum by (from, to, why) (rate(wflo_model_changes_total[$__rate_interval]))",
            legend: "{{from}} → {{to}} ({{why}})",
          },
        ],
      },
      {
        title: "Answers bought before",
        description: "Share of the questions of agents with a cache.",
        unit: "percentunit",
        queries: [
          {
            expr: 'sum(rate(wflo_model_cache_total{result="hit"}[$__rate_interval])) / sum(rate(wflo_model_cache_total[$__rate_interval]))',
          },
        ],
      },
    ],
  },
];

const WORKERS: readonly Row[] = [
  {
    title: "Queues",
    panels: [
      {
        title: "Tasks that wait",
        description: "As the server counts them.",
        queries: [{ expr: "max by (queue, kind) (wflo_task_queue_backlog)", legend: "{{queue}} {{kind}}" }],
      },
      {
        title: "How long the oldest waits",
        description: "More than moments: too few workers, or too few slots.",
        unit: "s",
        queries: [{ expr: "max by (queue, kind) (wflo_task_queue_backlog_age_seconds)", legend: "{{queue}} {{kind}}" }],
      },
      {
        title: "Activities: from the queue to a worker",
        description: "95 %.",
        unit: "ms",
        queries: [
          {
            expr: quantile(0.95, "temporal_activity_schedule_to_start_latency", "task_queue"),
            legend: "{{task_queue}}",
          },
        ],
      },
      {
        title: "Workflow tasks: from the queue to a worker",
        description: "95 %.",
        unit: "ms",
        queries: [
          {
            expr: quantile(0.95, "temporal_workflow_task_schedule_to_start_latency", "task_queue"),
            legend: "{{task_queue}}",
          },
        ],
      },
    ],
  },
  {
    title: "Workers",
    panels: [
      {
        title: "Up",
        description: "Workers that Prometheus reaches.",
        stat: true,
        queries: [{ expr: 'sum(up{job="wflo"})' }],
      },
      {
        title: "Slots that are free",
        description: "By kind of work; at zero a worker takes no more.",
        queries: [
          {
            expr: "sum by (worker_type) (temporal_worker_task_slots_available)",
            legend: "{{worker_type}}",
          },
        ],
      },
      {
        title: "Workflows in memory",
        description: "Others are replayed when they go on.",
        queries: [{ expr: "sum(temporal_sticky_cache_size)" }],
      },
      {
        title: "Workflow tasks",
        description: "95 % of what a worker takes for one.",
        unit: "ms",
        queries: [{ expr: quantile(0.95, "temporal_workflow_task_execution_latency", "") }],
      },
    ],
  },
  {
    title: "Sandbox",
    panels: [
      {
        title: "Executions",
        description: "By backend and outcome.",
        unit: "ops",
        queries: [
          {
            expr: "sum by (backend, outcome) (rate(wflo_sandbox_executions_total[$__rate_interval]))",
            legend: "{{backend}} {{outcome}}",
          },
        ],
      },
      {
        title: "How long they take",
        description: "Start-up of the sandbox included.",
        unit: "s",
        queries: quantiles("wflo_sandbox_duration_seconds", "backend"),
      },
    ],
  },
];

/** The dashboards, by the id that Grafana knows them by. */
export const DASHBOARDS: Readonly<Record<string, { readonly title: string; readonly rows: readonly Row[] }>> = {
  "wflo-runs": { title: "Wflo: runs", rows: RUNS },
  "wflo-cost": { title: "Wflo: cost and budgets", rows: COST },
  "wflo-models": { title: "Wflo: models", rows: MODELS },
  "wflo-workers": { title: "Wflo: workers, queues, sandbox", rows: WORKERS },
};
