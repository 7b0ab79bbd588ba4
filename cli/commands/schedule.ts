import { type Command, Option } from "commander";
import type { ScheduleTerms, ScheduleView } from "../../client/schedules.js";
import { readInputField, readName, readUsd } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { oneLine } from "../output.js";

interface CreateFlags extends Pick<ScheduleTerms, "cron" | "every" | "timezone" | "overlap"> {
  readonly model?: string;
  readonly budget?: string;
  readonly account?: string;
}

const HELP = `
Runs are trigger:NAME:at-TIME. A server that was away makes up for a day of missed times.

Examples:
  wflo schedule create digest analyst "What changed since yesterday?" --cron "0 7 * * MON-FRI" --timezone Europe/Berlin
  wflo schedule create watch assistant "Is the site up?" --every 15m --budget 0.05`;

/** `wflo schedule`: runs at times, by Temporal's schedules. */
export function registerSchedule(program: Command, context: CommandContext): void {
  const schedule = program.command("schedule").description("start runs at times");
  withJson(schedule.command("create"))
    .description("start runs of an agent from now on, at these times")
    .argument("<NAME>", "of the schedule", readName)
    .argument("<AGENT>", "the agent's name", readInputField("agent"))
    .argument("<INPUT>", "what it is asked each time", readInputField("input"))
    .addOption(new Option("--cron <FIELDS>", "such as 0 9 * * MON-FRI").conflicts("every"))
    .addOption(new Option("--every <TIME>", "such as 1h").conflicts("cron"))
    .option("--timezone <ZONE>", "of --cron, such as Europe/Berlin (default: UTC)")
    .addOption(
      new Option("--overlap <WHAT>", "when the run before goes on still")
        .choices(["skip", "buffer-one", "allow-all"])
        .default("skip"),
    )
    .option("--model <M>", "provider/model instead of the agent's own", readInputField("model"))
    .option("--budget <USD>", "the most that one run may spend", readUsd)
    .option("--account <A>", "account that pays", readInputField("account"))
    .addHelpText("after", HELP)
    .action(
      inSession(context, async (session: Session, name: string, agent: string, input: string, flags: CreateFlags) => {
        const { model, budget, account, ...times } = flags;
        const request = {
          ...{ agent, input },
          ...(model === undefined ? {} : { model }),
          ...(budget === undefined ? {} : { budget: { limitUsd: budget } }),
          ...(account === undefined ? {} : { account }),
        };
        const { cron, every, timezone, overlap } = times;
        const terms = Object.fromEntries(
          Object.entries({ cron, every, timezone, overlap }).filter(([, value]) => value !== undefined),
        );
        await (await session.client()).createSchedule(name, { ...terms, request });
        return done(session, name, "created");
      }),
    );
  withJson(schedule.command("list"))
    .description("print the schedules of the namespace")
    .action(
      inSession(context, async (session: Session) => {
        const all = await (await session.client()).listSchedules();
        session.output.answer(all, () => (all.length === 0 ? "no schedules" : all.map(lineOf).join("\n")));
        return EXIT_CODES.done;
      }),
    );
  const simple = (
    verb: string,
    description: string,
    past: string,
    act: (session: Session, name: string) => Promise<void>,
  ) =>
    withJson(schedule.command(verb))
      .description(description)
      .argument("<NAME>", "of the schedule", readName)
      .action(
        inSession(context, async (session: Session, name: string) => {
          await act(session, name);
          return done(session, name, past);
        }),
      );
  simple("pause", "start no more runs until it is resumed", "paused", async (session, name) => {
    await (await session.client()).pauseSchedule(name);
  });
  simple("resume", "start runs at its times again", "resumed", async (session, name) => {
    await (await session.client()).resumeSchedule(name);
  });
  simple("now", "start a run now, beside its times", "started", async (session, name) => {
    await (await session.client()).triggerSchedule(name);
  });
  simple("delete", "end it; its runs go on", "deleted", async (session, name) => {
    await (await session.client()).deleteSchedule(name);
  });
}

function done({ output }: Session, name: string, what: string): number {
  output.answer({ schedule: name, [what]: true }, () => `${what} ${name}`);
  return EXIT_CODES.done;
}

function lineOf({ name, paused, note, nextAt, runs }: ScheduleView): string {
  const next = paused ? `paused${note === undefined ? "" : `: ${note}`}` : `next ${nextAt ?? "never"}`;
  return oneLine(`${name} · ${next}${runs.length === 0 ? "" : ` · last ${runs.at(-1)}`}`);
}
