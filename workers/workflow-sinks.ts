import type { InjectedSinks } from "@temporalio/worker";
import type { WfloSinks } from "../core/sinks.js";
import type { EndedSpan } from "../core/trace.js";
import type { Meters } from "../ports/meters.js";

/** Makes metrics and spans of what workflows tell; a replay measures nothing again. */
export function workflowSinks(
  meters: Meters,
  spanEnded: (span: EndedSpan) => void = () => {},
): InjectedSinks<WfloSinks> {
  const callDuringReplay = false;
  return {
    wflo: {
      runStarted: { callDuringReplay, fn: (_run, { agent }) => meters.count("wflo_runs_started_total", { agent }) },
      runClosed: {
        callDuringReplay,
        fn: (_run, { agent, status, seconds }) => {
          meters.count("wflo_runs_closed_total", { agent, status });
          meters.observe("wflo_run_duration_seconds", { agent }, seconds);
        },
      },
      costBooked: {
        callDuringReplay,
        fn: (_run, { model, account, confirmedNanoUsd, unconfirmedNanoUsd }) => {
          const labels = { provider: model.split("/", 1)[0] ?? "", model, account };
          const counted = [
            ["wflo_cost_usd_total", confirmedNanoUsd],
            ["wflo_cost_unconfirmed_usd_total", unconfirmedNanoUsd],
            ["wflo_cost_explained_usd_total", -unconfirmedNanoUsd],
          ] as const;
          for (const [name, nanoUsd] of counted) if (nanoUsd > 0) meters.count(name, labels, nanoUsd / 1e9);
        },
      },
      modelChanged: {
        callDuringReplay,
        fn: (_run, { from, to, why }) => meters.count("wflo_model_changes_total", { from, to, why }),
      },
      budgetLeft: {
        callDuringReplay,
        fn: (_run, { account, nanoUsd }) => meters.set("wflo_budget_remaining_usd", { account }, nanoUsd / 1e9),
      },
      approvalDecided: {
        callDuringReplay,
        fn: (_run, { decision, waitSeconds }) => {
          meters.count("wflo_approvals_total", { decision });
          meters.observe("wflo_approval_wait_seconds", {}, waitSeconds);
        },
      },
      spanEnded: { callDuringReplay, fn: (_run, span) => spanEnded(span) },
    },
  };
}
