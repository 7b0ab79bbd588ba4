import { resolve } from "node:path";
import type { Command } from "commander";
import { ClientError } from "../../client/client-error.js";
import type { GateView, RunHandle, WfloClient } from "../../client/index.js";
import { digestOf as digestOfValue } from "../../core/digest.js";
import type { Json } from "../../core/json.js";
import { readDigest, readJsonObject, readName, whoAmI } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { signerOf } from "../decision-signer.js";
import { gateWords } from "../gate-prompt.js";
import { oneLine } from "../output.js";

interface DecisionFlags {
  readonly by?: string;
  readonly comment?: string;
  readonly args?: Json;
  readonly digest?: string;
  readonly key?: string;
}

/** So many runs are asked about their gates at a time. */
const ASKED_TOGETHER = 16;

/** `wflo approvals`, `wflo approve`, `wflo reject`: what people are asked, and their word. */
export function registerApprovals(program: Command, context: CommandContext): void {
  withJson(program.command("approvals"))
    .description("show the gates that wait for a decision; of one run also those that were decided")
    .argument("[ID]", "workflow id of a run (default: all runs)", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string | undefined) => {
        const client = await session.client();
        const gates = workflowId === undefined ? await openGates(session) : await gatesOf(client, workflowId);
        session.output.answer(gates, () => (gates.length === 0 ? "no gates" : gates.map(wordsOf).join("\n\n")));
        return undefined;
      }),
    );
  for (const decision of ["approve", "reject"] as const) registerDecision(program, context, decision);
}

function registerDecision(program: Command, context: CommandContext, decision: "approve" | "reject"): void {
  const command = withJson(program.command(decision))
    .description(
      decision === "approve" ? "let a tool call run, or answer a question" : "refuse a tool call: the run ends",
    )
    .argument("<ID>", "workflow id of the run", readName)
    .argument("<GATE>", "the gate's id, such as g1", readName)
    .option("--by <WHO>", "who decides (default: your user name)", readName)
    .option("--comment <T>", "why; for a question (ask_human) it is the answer", readName)
    .option(
      "--digest <D>",
      "the digest that the gate showed: refused when it asks about something else by now",
      readDigest,
    );
  command.option("--key <FILE>", "sign it with your private key (PEM; default: WFLO_APPROVER_KEY)", readName);
  if (decision === "approve") {
    command.option("--args <JSON>", "run it with these arguments instead, a JSON object", readJsonObject);
  }
  command.action(
    inSession(context, async (session: Session, workflowId: string, gate: string, flags: DecisionFlags) => {
      const by = flags.by ?? whoAmI(session.surroundings.environment);
      const key = flags.key === undefined ? undefined : resolve(session.surroundings.folder, flags.key);
      const sign = await signerOf(session, key);
      const run = (await session.client()).attach(workflowId);
      const { comment, args, digest = sign && (await digestOf(run, gate)) } = flags;
      const given = Object.fromEntries(
        Object.entries({ comment, args, digest, sign }).filter(([, value]) => value !== undefined),
      );
      const decided = await run.decide(gate, decision, { by, ...given });
      session.output.answer({ workflowId, ...decided }, () => decidedWords(decided, by));
      return undefined;
    }),
  );
}

/** What is signed says what it is about; of a gate that is not there, the run says so. */
async function digestOf(run: RunHandle, gate: string): Promise<string> {
  const found = (await run.approvals()).find((one) => one.gate === gate);
  return found?.digest ?? digestOfValue(null);
}

type RunGate = GateView & { readonly workflowId: string };

async function gatesOf(client: WfloClient, workflowId: string): Promise<readonly RunGate[]> {
  return (await client.attach(workflowId).approvals()).map((gate) => ({ workflowId, ...gate }));
}

/** Open gates of all runs: of those that the index says wait for people; without such an index of all that are open. */
async function openGates(session: Session): Promise<readonly RunGate[]> {
  const client = await session.client();
  const status = (await client.hasRunAttributes()) ? "awaiting_approval" : "running";
  const waiting: string[] = [];
  for await (const run of client.list({ status })) waiting.push(run.workflowId);
  const gates: RunGate[] = [];
  const silent: string[] = [];
  for (let at = 0; at < waiting.length; at += ASKED_TOGETHER) {
    const asked = waiting.slice(at, at + ASKED_TOGETHER).map(async (id) => {
      const found = await gatesOfOpenRun(client, id);
      if (found === "no worker") silent.push(id);
      else gates.push(...found);
    });
    await Promise.all(asked);
  }
  if (silent.length > 0) session.output.say(`no worker answers for: ${silent.join(", ")}`);
  return gates.filter(({ state }) => state === "pending").sort((a, b) => a.requestedAt.localeCompare(b.requestedAt));
}

/** The index lags behind: a run may have ended since. One without a worker does not hide the others. */
async function gatesOfOpenRun(client: WfloClient, workflowId: string): Promise<readonly RunGate[] | "no worker"> {
  try {
    return await gatesOf(client, workflowId);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (error.kind === "no-worker") return "no worker";
    if (error.kind === "no-such-run") return [];
    throw error;
  }
}

function wordsOf(gate: RunGate): string {
  const words = gate.decisions.map(({ by, decision, comment }) =>
    oneLine(`${decision} by ${by}${comment ? `: ${comment}` : ""}`),
  );
  return [`${gate.workflowId} · ${gate.state}`, gateWords(gate), ...words.map((line) => `  ${line}`)].join("\n");
}

function decidedWords({ gate, state, quorum, decisions }: GateView, by: string): string {
  if (state !== "pending") return `${gate} is ${state}`;
  const approved = decisions.filter((one) => one.decision === "approve" && !("superseded" in one)).length;
  return `${by}'s word on ${gate} is on record; ${approved} of ${quorum} have approved`;
}
