import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { addressOf } from "../../core/digest.js";
import { type ModelAnswer, ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";
import { answerTurn, errorTurn, type RecordedTurn } from "./recorded-turn.js";
import { writeWholeText } from "./whole-text.js";

/** A script as it is recorded: CONTRACT's fields, and where each turn stood. */
interface Recording {
  readonly model: string;
  readonly turns: readonly RecordedTurn[];
}

/**
 * Models whose answers and failures are kept as scripts, a file a run: `scripted/NAME` plays the run again, with the same
 * texts, tool calls, usage and prices. The file holds nothing of the request, no key and no header.
 */
export function createRecorder({
  models,
  folder,
  onProblem = () => {},
}: {
  readonly models: Models;
  /** Made where it is not there. */
  readonly folder: string;
  /** A recording could not be written; the answer goes on all the same. */
  readonly onProblem?: (message: string) => void;
}): Models {
  const writes = new Map<string, Promise<void>>();
  const record = async (request: ModelRequest, turn: RecordedTurn | undefined) => {
    if (!turn) return;
    const file = join(folder, `${recordingName(request.conversation)}.json`);
    const write = (writes.get(file) ?? Promise.resolve()).then(async () => await addTurn(file, request.model, turn));
    const settled = write.catch((error: unknown) => onProblem(`${file} was not recorded: ${(error as Error).message}`));
    writes.set(file, settled);
    await settled;
    if (writes.get(file) === settled) writes.delete(file);
  };
  return {
    facts: async (model, at) => await models.facts(model, at),
    knownBound: async (model, turn) => await models.knownBound(model, turn),
    async call(request, options) {
      let answer: ModelAnswer;
      try {
        answer = await models.call(request, options);
      } catch (error) {
        if (error instanceof ModelCallFailed) await record(request, errorTurn(request, error));
        throw error;
      }
      await record(request, answerTurn(request, answer));
      return answer;
    },
  };
}

const LONGEST_NAME = 120;

/** The name that a run is recorded under, and played by: its conversation, as a script's name may be. */
export function recordingName(conversation: string): string {
  const name = conversation.replace(/[^\w.-]/g, "-").replace(/^\.+/, "-");
  if (name === conversation.replaceAll("/", "-") && name.length <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME)}-${addressOf(conversation).slice("sha256:".length, "sha256:".length + 12)}`;
}

/** A run that changed its model plays at the prices of the first. */
async function addTurn(file: string, model: string, turn: RecordedTurn): Promise<void> {
  const before = await readRecording(file);
  const recording: Recording = { model: before?.model ?? model, turns: withTurn(before?.turns ?? [], turn) };
  await writeWholeText(file, `${JSON.stringify(recording, null, 2)}\n`);
}

async function readRecording(file: string): Promise<Recording | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Recording;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A turn has one answer: that of its last attempt, as an earlier one was lost before it was of use. */
function withTurn(turns: readonly RecordedTurn[], turn: RecordedTurn): readonly RecordedTurn[] {
  const rivals = turns.filter((other) => other.turn === turn.turn && Boolean(other.error) === Boolean(turn.error));
  if (!turn.error && rivals.some(({ attempt }) => attempt > turn.attempt)) return turns;
  const replaced = turn.error ? rivals.filter(({ attempt }) => attempt === turn.attempt) : rivals;
  return [...turns.filter((other) => !replaced.includes(other)), turn].sort(inOrder);
}

function inOrder(a: RecordedTurn, b: RecordedTurn): number {
  return a.turn - b.turn || Number(!a.error) - Number(!b.error) || a.attempt - b.attempt;
}
