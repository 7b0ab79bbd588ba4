import { type Command, InvalidArgumentError } from "commander";
import type { DeadLetter } from "../../core/dead-letter.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { oneLine } from "../output.js";
import { WrongUse } from "../problems.js";

interface Flags {
  readonly topic?: string;
  readonly all?: boolean;
}

/** `wflo dlq`: events that could not be acted on. */
export function registerDlq(program: Command, context: CommandContext): void {
  const dlq = program
    .command("dlq")
    .description("events that could not be acted on: the dead letters of the triggers' topics");
  const command = (name: string, description: string) =>
    withJson(dlq.command(name)).description(description).option("--topic <TOPIC>", "dead letters of this topic alone");
  command("list", "print the dead letters that wait, and why").action(inSession(context, list));
  command("show", "print one with its bytes")
    .argument("<id>", "as `wflo dlq list` has it: TOPIC/PARTITION/OFFSET", readId)
    .action(inSession(context, show));
  const many = "as `wflo dlq list` has them";
  command("retry", "send them to their topic again, as they were")
    .argument("[ids...]", many)
    .option("--all", "every one that waits", false)
    .action(
      inSession(
        context,
        async (session: Session, ids: readonly string[], flags: Flags) => await settle(session, ids, flags, "retried"),
      ),
    );
  command("drop", "give them up")
    .argument("[ids...]", many)
    .option("--all", "every one that waits", false)
    .action(
      inSession(
        context,
        async (session: Session, ids: readonly string[], flags: Flags) => await settle(session, ids, flags, "dropped"),
      ),
    );
}

async function list(session: Session, { topic }: Flags): Promise<number> {
  const letters = await withLetters(session, topic, async (desk) => await desk.waiting());
  const facts = letters.map((letter) => {
    const { key: _key, value: _value, headers: _headers, ...rest } = described(letter);
    return { ...rest, bytes: letter.value?.length ?? 0 };
  });
  session.output.answer(facts, () =>
    letters.length === 0 ? "no dead letters" : letters.map(({ id, error }) => oneLine(`${id} ${error}`)).join("\n"),
  );
  return EXIT_CODES.done;
}

async function show(session: Session, id: string, { topic }: Flags): Promise<number> {
  const letters = await withLetters(session, topic, async (desk) => await desk.waiting());
  const letter = letters.find((one) => one.id === id);
  if (!letter) throw noSuch([id]);
  const { value, headers, key, ...facts } = described(letter);
  session.output.answer({ ...facts, key, headers, value }, () =>
    [
      ...[`id      ${id}`, `error   ${letter.error}`, `from    ${letter.topic}/${letter.partition}/${letter.offset}`],
      ...Object.entries(headers).map(([name, text]) => `header  ${oneLine(`${name}: ${text}`)}`),
      `value   ${letter.value === null ? "none" : oneLine(Buffer.from(letter.value).toString("utf8"))}`,
    ].join("\n"),
  );
  return EXIT_CODES.done;
}

async function settle(
  session: Session,
  ids: readonly string[],
  { topic, all = false }: Flags,
  how: "retried" | "dropped",
): Promise<number> {
  if (all === ids.length > 0) throw new WrongUse("name dead letters, or --all", "`wflo dlq list` has their ids.");
  const settled = await withLetters(session, topic, async (desk) => {
    const waiting = await desk.waiting();
    const wanted = all ? waiting : waiting.filter(({ id }) => ids.includes(id));
    const missing = ids.filter((id) => !wanted.some((letter) => letter.id === id));
    if (missing.length > 0) throw noSuch(missing);
    for (const letter of wanted) await desk.settle(letter, how);
    return wanted.map(({ id }) => id);
  });
  session.output.answer({ [how]: settled }, () =>
    settled.length === 0 ? "no dead letters" : settled.map((id) => `${how} ${id}`).join("\n"),
  );
  return EXIT_CODES.done;
}

function noSuch(ids: readonly string[]): WrongUse {
  return new WrongUse(`no dead letter waits as ${ids.join(", ")}`, "`wflo dlq list` has those that wait.");
}

async function withLetters<T>(
  session: Session,
  topic: string | undefined,
  work: (desk: import("../../triggers/dead-letters.js").DeadLetterDesk) => Promise<T>,
): Promise<T> {
  const { openInbox } = await import("../../workers/stores.js");
  const { createDeadLetterDesk } = await import("../../triggers/dead-letters.js");
  const { loadAgents } = await import("../../workers/agent-module.js");
  const inbox = openInbox(session.config, (message) => session.output.say(message));
  try {
    const { triggers } = await loadAgents(session.config);
    const topics = [...new Set(triggers.flatMap((one) => one.topic ?? []))];
    return await work(createDeadLetterDesk(inbox, topic === undefined ? topics : [topic]));
  } finally {
    await inbox.close();
  }
}

/** Bytes as text where they are, else as base64. */
function described({ key, value, headers, offset, ...facts }: DeadLetter) {
  const shown = (bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString("utf8");
    return Buffer.from(text, "utf8").equals(Buffer.from(bytes))
      ? text
      : { base64: Buffer.from(bytes).toString("base64") };
  };
  return {
    ...facts,
    offset: Number(offset),
    key: key && shown(key),
    value: value && shown(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, shown(bytes)])),
  };
}

function readId(text: string): string {
  if (/^[\w.-]{1,249}\/\d{1,9}\/\d{1,19}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be like wflo.triggers/0/17, as `wflo dlq list` has it.");
}
