import {
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleSummary,
} from "@temporalio/client";
import { parseDuration } from "../core/duration.js";
import { invalidInput } from "../core/failures.js";
import { checkRunInput } from "../core/input.js";
import { describeRun } from "../core/run-description.js";
import type { RunRequest } from "../core/run-request.js";
import { isTriggerName, triggeredWorkflowId } from "../core/trigger.js";
import { ClientError } from "./client-error.js";
import type { Temporal } from "./temporal.js";

/** When a schedule starts runs, and what they are asked. */
export interface ScheduleTerms {
  /** Of five fields, such as `0 9 * * MON-FRI`. One of this and `every`. */
  readonly cron?: string;
  /** Such as "1h". */
  readonly every?: string;
  /** Of `cron`, such as `Europe/Berlin`. @default UTC */
  readonly timezone?: string;
  /** What happens when the run before goes on still. @default "skip" */
  readonly overlap?: "skip" | "buffer-one" | "allow-all";
  readonly request: RunRequest;
}

/** A schedule of the namespace. */
export interface ScheduleView {
  readonly name: string;
  readonly paused: boolean;
  /** Why it is paused, where somebody said. */
  readonly note?: string;
  /** In ISO 8601. */
  readonly nextAt?: string;
  /** The last runs that it started, the newest last. */
  readonly runs: readonly string[];
}

/** Schedules of runs: Temporal's own. Every method rejects with ClientError where the call does not go through. */
export interface Schedules {
  /**
   * Starts runs `trigger:NAME:at-TIME` from now on; a time is started once.
   * @throws WfloError `InvalidInput`; ClientError `id-taken` where there is one of this name
   */
  createSchedule(name: string, terms: ScheduleTerms): Promise<void>;
  /** By name. */
  listSchedules(): Promise<readonly ScheduleView[]>;
  pauseSchedule(name: string, note?: string): Promise<void>;
  resumeSchedule(name: string): Promise<void>;
  /** Starts a run now, beside its times. */
  triggerSchedule(name: string): Promise<void>;
  /** Its runs go on. */
  deleteSchedule(name: string): Promise<void>;
}

const AGENT_RUN = "agentRun";
/** A server that was away makes up for the times of so long, and forgets older ones. */
const CATCH_UP = "1 day";
const OVERLAP = { skip: "SKIP", "buffer-one": "BUFFER_ONE", "allow-all": "ALLOW_ALL" } as const;

export function createSchedules(temporal: Temporal): Schedules {
  const { schedule } = temporal.client;
  const withHandle = async (name: string, work: (handle: ScheduleHandle) => Promise<void>) =>
    await told(name, async () => await temporal.call(async () => await work(schedule.getHandle(name))));
  return {
    async createSchedule(name, terms) {
      const checked = checkRunInput(terms.request);
      const problems = [...problemsOf(name, terms), ...("problems" in checked ? checked.problems : [])];
      if (problems.length > 0 || !("input" in checked)) throw invalidInput(problems);
      const { cron, every, timezone, overlap = "skip", request } = terms;
      const spec = {
        ...(cron === undefined ? {} : { cronExpressions: [cron] }),
        ...(every === undefined ? {} : { intervals: [{ every: parseDuration(every) as number }] }),
        ...(timezone === undefined ? {} : { timezone }),
      };
      await told(name, async () => {
        await temporal.call(async () => {
          await schedule.create({
            scheduleId: name,
            spec,
            policies: { overlap: OVERLAP[overlap], catchupWindow: CATCH_UP },
            action: {
              type: "startWorkflow",
              workflowType: AGENT_RUN,
              // The server puts the time behind it.
              workflowId: triggeredWorkflowId(name, "at"),
              taskQueue: temporal.taskQueue,
              args: [request],
              ...describeRun(checked.input),
            },
          });
        });
      });
    },
    async listSchedules() {
      const found: ScheduleView[] = [];
      const summaries = schedule.list()[Symbol.asyncIterator]();
      for (;;) {
        const next = await temporal.call(async () => await summaries.next());
        if (next.done) break;
        const { action } = next.value;
        if (action?.workflowType === AGENT_RUN) found.push(viewOf(next.value));
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    pauseSchedule: async (name, note) => await withHandle(name, async (handle) => await handle.pause(note)),
    resumeSchedule: async (name) => await withHandle(name, async (handle) => await handle.unpause()),
    triggerSchedule: async (name) => await withHandle(name, async (handle) => await handle.trigger()),
    deleteSchedule: async (name) => await withHandle(name, async (handle) => await handle.delete()),
  };
}

function problemsOf(name: string, { cron, every, overlap }: ScheduleTerms): readonly string[] {
  const everyMs = every === undefined ? undefined : parseDuration(every);
  const isOnce = (cron === undefined) !== (every === undefined);
  return [
    ...(isTriggerName(name) ? [] : ["name: must be 1 to 100 letters, digits, _, - or ."]),
    ...(isOnce ? [] : ["cron: must be given, or every: one of the two"]),
    ...(typeof everyMs === "object" ? [`every: ${everyMs.problem}`] : []),
    ...(typeof everyMs === "number" && everyMs < 1_000 ? ["every: must be a second or more"] : []),
    ...(overlap === undefined || overlap in OVERLAP
      ? []
      : [`overlap: must be one of ${Object.keys(OVERLAP).join(", ")}`]),
  ];
}

/** What goes wrong with schedules, in words for people. */
async function told(name: string, call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) {
      const advice = "Delete it first with `wflo schedule delete NAME`, or choose another name.";
      throw new ClientError("id-taken", `there is a schedule ${name} already`, advice, { cause: error });
    }
    if (error instanceof ScheduleNotFoundError) {
      const advice = "`wflo schedule list` has those that there are.";
      throw new ClientError("no-such-schedule", `there is no schedule ${name}`, advice, { cause: error });
    }
    // The SDK's name for what the server says of a time that is none.
    if (error instanceof TypeError) throw invalidInput([`cron: ${error.message}`]);
    throw error;
  }
}

function viewOf({ scheduleId, state, info }: ScheduleSummary): ScheduleView {
  const next = info.nextActionTimes[0];
  const runs = info.recentActions.flatMap(({ action }) =>
    action.type === "startWorkflow" ? [action.workflow.workflowId] : [],
  );
  return {
    name: scheduleId,
    paused: state.paused,
    ...(state.note ? { note: state.note } : {}),
    ...(next && !state.paused ? { nextAt: next.toISOString() } : {}),
    runs,
  };
}
