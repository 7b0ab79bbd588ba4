import type { Command } from "commander";
import { LRUCache } from "lru-cache";
import type { JsonObject } from "../../core/json.js";
import type { EventReader, ReadOptions } from "../../ports/event-log.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { oneLine } from "../output.js";
import { WrongUse } from "../problems.js";

interface Flags {
  readonly follow?: boolean;
  readonly from?: string;
}

/** Ids of so many events are remembered: one that comes again does so soon. */
const REMEMBERED = 100_000;

/** `wflo events`: what the event log has. */
export function registerEvents(program: Command, context: CommandContext): void {
  withJson(program.command("events"))
    .description("print the events that runs have published, each once")
    .option("--follow", "go on with what comes, until Ctrl-C; with --json one document a line")
    .option("--from <POSITION>", "start, end, or the position that an earlier --follow ended at", "start")
    .addHelpText("after", "\nWhat follows says at its end, on stderr, where to go on.")
    .action(
      inSession(context, async (session: Session, { follow = false, from = "start" }: Flags) =>
        follow ? await followEvents(session, from) : await printEvents(session, from),
      ),
    );
}

async function printEvents(session: Session, from: string): Promise<undefined> {
  const { eventLog } = await session.ports();
  const events: JsonObject[] = [];
  for await (const { event } of once(read(eventLog, session.config.topics.events, { from }))) events.push(event);
  session.output.answer(events, () => (events.length === 0 ? "no events" : events.map(lineOf).join("\n")));
  return undefined;
}

/** Prints event after event; an endless list is no JSON document, so each is one. */
async function followEvents(session: Session, from: string): Promise<number> {
  const { surroundings, config, output } = session;
  const stop = new AbortController();
  const stopListening = surroundings.onInterrupt(() => stop.abort());
  let position: string | undefined;
  try {
    const { eventLog } = await session.ports();
    const options = { from, follow: true, signal: stop.signal };
    for await (const told of once(read(eventLog, config.topics.events, options))) {
      output.answer(told.event, () => lineOf(told.event));
      position = told.position;
    }
    if (position !== undefined) output.say(`go on with: wflo events --follow --from ${position}`);
    return EXIT_CODES.interrupted;
  } finally {
    stopListening();
  }
}

interface Told {
  readonly event: JsonObject;
  readonly position: string;
}

async function* read(eventLog: EventReader, topic: string, options: ReadOptions): AsyncGenerator<Told> {
  try {
    for await (const { value, position } of eventLog.read(topic, options)) {
      yield { event: JSON.parse(value) as JsonObject, position };
    }
  } catch (error) {
    // A position of another kind of log.
    if (error instanceof RangeError) throw new WrongUse(`--from: ${error.message}`, "Give start, end, or no --from.");
    throw error;
  }
}

/** Logs store at least once: an event that comes again is left out by its id. */
async function* once(all: AsyncIterable<Told>): AsyncGenerator<Told> {
  const known = new LRUCache<string, true>({ max: REMEMBERED });
  for await (const told of all) {
    const { id } = told.event;
    if (typeof id === "string") {
      if (known.has(id)) continue;
      known.set(id, true);
    }
    yield told;
  }
}

function lineOf({ time, type, subject, sequence, data }: JsonObject): string {
  return oneLine(
    `${time} ${subject} ${sequence === undefined ? "–" : Number(sequence)} ${type} ${JSON.stringify(data)}`,
  );
}
