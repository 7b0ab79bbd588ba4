import type { Command } from "commander";
import type { JsonObject } from "../../core/json.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { oneLine } from "../output.js";

/** `wflo events`: what the event log has. */
export function registerEvents(program: Command, context: CommandContext): void {
  withJson(program.command("events"))
    .description("print the events that runs have published")
    .option("--follow", "go on with what comes, until Ctrl-C; with --json one document a line")
    .addHelpText("after", "\nAn event may stand there twice, with the same id: logs store at least once.")
    .action(
      inSession(context, async (session: Session, { follow = false }: { follow?: boolean }) =>
        follow ? await followEvents(session) : await printEvents(session),
      ),
    );
}

async function printEvents(session: Session): Promise<undefined> {
  const { eventLog } = await session.ports();
  const events: JsonObject[] = [];
  for await (const { value } of eventLog.read(session.config.topics.events)) events.push(JSON.parse(value));
  session.output.answer(events, () => (events.length === 0 ? "no events" : events.map(lineOf).join("\n")));
  return undefined;
}

/** Prints event after event; an endless list is no JSON document, so each is one. */
async function followEvents(session: Session): Promise<number> {
  const { surroundings, config, output } = session;
  const stop = new AbortController();
  const stopListening = surroundings.onInterrupt(() => stop.abort());
  try {
    const { eventLog } = await session.ports();
    const options = { follow: true, signal: stop.signal };
    for await (const { value } of eventLog.read(config.topics.events, options)) {
      const event = JSON.parse(value) as JsonObject;
      output.answer(event, () => lineOf(event));
    }
    return EXIT_CODES.interrupted;
  } finally {
    stopListening();
  }
}

function lineOf({ time, type, subject, sequence, data }: JsonObject): string {
  return oneLine(
    `${time} ${subject} ${sequence === undefined ? "–" : Number(sequence)} ${type} ${JSON.stringify(data)}`,
  );
}
