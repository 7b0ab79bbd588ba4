/** One metric. */
export interface MetricRow {
  readonly kind: "counter" | "histogram" | "gauge";
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds in seconds, of a histogram. */
  readonly buckets?: readonly number[];
}

/** Of histograms without buckets of their own. */
export const CALL_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300];
const RUN_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800];
const WAIT_SECONDS = [10, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800];

/** Every metric of a Wflo process, as CONTRACT 'Metrics' and docs/reference/metrics.md have them. */
export const METRICS = {
  wflo_runs_started_total: { kind: "counter", labels: ["agent"], help: "Runs that started." },
  wflo_runs_closed_total: { kind: "counter", labels: ["agent", "status"], help: "Runs that ended, by how." },
  wflo_run_duration_seconds: {
    kind: "histogram",
    labels: ["agent"],
    help: "From a run's start to its end, waiting for people included.",
    buckets: RUN_SECONDS,
  },
  wflo_model_calls_total: {
    kind: "counter",
    labels: ["provider", "model", "outcome"],
    help: "Attempts to call a model, by outcome: ok, or the kind of failure.",
  },
  wflo_model_call_duration_seconds: {
    kind: "histogram",
    labels: ["provider", "model"],
    help: "One attempt to call a model, until its answer is journalled or it has failed.",
    buckets: CALL_SECONDS,
  },
  wflo_model_tokens_total: {
    kind: "counter",
    labels: ["provider", "model", "kind"],
    help: "Tokens by kind: input, output, cached_input, cache_write, reasoning.",
  },
  wflo_cost_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Cost in US dollars that providers and tools have confirmed, as runs booked it.",
  },
  wflo_cost_unconfirmed_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Cost in US dollars of attempts that may have been billed, as runs booked it.",
  },
  wflo_cost_explained_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Of the unconfirmed cost, what late answers have explained since: it is confirmed, or was never billed.",
  },
  wflo_model_changes_total: {
    kind: "counter",
    labels: ["from", "to", "why"],
    help: "Runs that went on with another model: budget (a cheaper one, as the money ran short), unavailable.",
  },
  wflo_model_cache_total: {
    kind: "counter",
    labels: ["result"],
    help: "Questions of agents with a cache, by result: hit, miss, away (Redis could not be asked).",
  },
  wflo_unpriced_calls_total: {
    kind: "counter",
    labels: ["provider", "model"],
    help: "Calls of models without a price, which no cost has.",
  },
  wflo_model_circuit_open: {
    kind: "gauge",
    labels: ["provider"],
    help: "1 while a provider that has failed too often in a row is left alone, else 0.",
  },
  wflo_budget_remaining_usd: {
    kind: "gauge",
    labels: ["account"],
    help: "What an account has neither spent nor leased, in US dollars.",
  },
  wflo_tool_calls_total: { kind: "counter", labels: ["tool", "outcome"], help: "Tool calls that ran: ok or error." },
  wflo_sandbox_executions_total: {
    kind: "counter",
    labels: ["backend", "outcome"],
    help: "Executions of code in a sandbox: ok, error, timeout, or the limit that was hit.",
  },
  wflo_sandbox_duration_seconds: {
    kind: "histogram",
    labels: ["backend"],
    help: "One execution of code in a sandbox.",
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  wflo_approvals_total: { kind: "counter", labels: ["decision"], help: "Gates that people decided, by decision." },
  wflo_approval_wait_seconds: {
    kind: "histogram",
    labels: [],
    help: "From a gate's opening to its decision.",
    buckets: WAIT_SECONDS,
  },
  wflo_events_published_total: {
    kind: "counter",
    labels: ["outcome"],
    help: "Events and audit records handed to the event log: ok, or error (they go out again).",
  },
  wflo_triggers_total: {
    kind: "counter",
    labels: ["trigger", "outcome"],
    help: "Events that triggers acted on: started, duplicate, signaled, filtered, or refused (to the dead letters).",
  },
  wflo_runs_open: {
    kind: "gauge",
    labels: ["state"],
    help: "Runs in the namespace that go on, by what they do: running, awaiting_approval, awaiting_budget, paused.",
  },
  wflo_task_queue_backlog: {
    kind: "gauge",
    labels: ["queue", "kind"],
    help: "Tasks that wait for a worker, as the server counts them, by kind: workflow, activity.",
  },
  wflo_task_queue_backlog_age_seconds: {
    kind: "gauge",
    labels: ["queue", "kind"],
    help: "How long the oldest of them waits.",
  },
  wflo_trigger_lag: {
    kind: "gauge",
    labels: ["topic", "partition"],
    help: "Messages of a partition that triggers have not dealt with yet.",
  },
} as const satisfies Record<string, MetricRow>;
