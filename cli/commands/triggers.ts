import { type Command, InvalidArgumentError } from "commander";
import { readConfig } from "../../workers/config.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { WrongUse } from "../problems.js";

interface Flags {
  readonly port?: number;
  readonly host: string;
}

/** `wflo triggers`: starts runs from events until it is told to stop; `wflo trigger`: from one event. */
export function registerTriggers(program: Command, context: CommandContext): void {
  const { environment, folder } = context.surroundings;
  program
    .command("triggers")
    .description("start and tell runs by events: of Kafka's topics, or of the event file's; and by HTTP")
    .option("--port <PORT>", "take events by POST /triggers/NAME too; 0 takes a free port", readPort)
    .option("--host <HOST>", "address to listen on; whatever is not this machine wants TLS before it", "127.0.0.1")
    .addHelpText("after", "\nSenders sign as Standard Webhooks has it, with a secret of WFLO_TRIGGER_SECRETS.")
    .action(async ({ port, host }: Flags) => {
      const { startTriggerProcess } = await import("../../workers/trigger-process.js");
      const config = readConfig(environment, folder);
      const running = await startTriggerProcess(config, port === undefined ? {} : { http: { port, host } });
      let stopping: Promise<void> | undefined;
      const stopped = new Promise<void>((resolve, reject) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
          process.on(signal, () => {
            if (stopping) process.exit(130);
            stopping = running.stop();
            stopping.then(resolve, reject);
          });
        }
      });
      try {
        await Promise.race([stopped, running.ended.then(async () => await stopped)]);
      } catch (error) {
        await running.stop();
        throw error;
      }
    });

  withJson(program.command("trigger"))
    .description("act on one event, as the trigger does with those of its topic")
    .argument("<name>", "of the trigger")
    .argument("<json>", "the event", readJson)
    .action(inSession(context, trigger));
}

async function trigger(session: Session, name: string, event: { readonly value: unknown }): Promise<number> {
  const { submitOnce } = await import("../../workers/trigger-process.js");
  const { createLogger } = await import("../../adapters/pino/logger.js");
  const { config, output } = session;
  const logger = createLogger({ level: "error", environment: config.environment });
  const done = await submitOnce({ config, client: await session.client(), logger }, name, event.value);
  if ("missing" in done) throw new WrongUse(`there is no trigger ${name}`, `There are ${done.missing.join(", ")}.`);
  if (done.outcome === "refused") throw new WrongUse(done.problems.join("; "), "Correct the event.");
  output.answer({ ...done }, () => WORDS[done.outcome]("workflowId" in done ? done.workflowId : ""));
  return EXIT_CODES.done;
}

const WORDS = {
  started: (id: string) => `started ${id}`,
  duplicate: (id: string) => `nothing was started: ${id} is there already`,
  signaled: (id: string) => `told ${id}`,
  filtered: () => "nothing was done: the trigger's filter does not want it",
} as const;

function readJson(text: string): { readonly value: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}.`);
  }
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}
