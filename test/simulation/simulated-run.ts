import { type NanoUsd, toNanoUsd } from "../../core/money.js";
import { boundNanoUsd, costNanoUsd, type ModelPrice, outputThatFits, type TokenBound } from "../../core/pricing.js";
import type { Usage } from "../../core/usage.js";
import { asNanoUsd, Broken, CheckedBooks } from "./checked-books.js";
import type { Random } from "./random.js";
import { createSimulatedProvider, naiveCost, randomPrice, randomUsage } from "./simulated-provider.js";

/** A moment at which no price changes. */
const NOW = { fromMs: 0, toMs: 0 };

/** One model call that money was reserved for. */
interface Attempt {
  readonly id: string;
  /** Of the call journal. */
  readonly key: string;
  readonly model: number;
  readonly bound: TokenBound;
  readonly hold: bigint;
}

/** An attempt that nobody waits for any more. */
interface Lost extends Attempt {
  /** What the provider does yet: answer, in time for the journal or not, or nothing any more. */
  fate: "answers" | "answers unheard" | "over";
}

interface Answer {
  readonly id: string;
  readonly model: number;
  readonly usage: Usage;
  /** The provider did not say what it counted: so much it is at the most, by bytes. */
  readonly byBytes?: NanoUsd;
}

/** A slot that makes calls one after the other, as a run does; several may share the books. */
interface Lane {
  readonly name: string;
  open: Attempt | undefined;
  turn: number;
  attempts: number;
  model: number;
}

/** Attempts whose bill the provider did not tell. */
const UNCONFIRMED: ReadonlySet<string> = new Set(["lost", "estimated", "late estimate"]);

/**
 * One run, as its seed has it, from its first call until all of its bills are explained. At every step the books are
 * compared with a naive oracle, and with what the provider itself has counted.
 * @throws Broken where a promise does not hold
 */
export class SimulatedRun {
  readonly #random: Random;
  readonly #mark: (happening: string) => void;
  readonly #provider = createSimulatedProvider();
  readonly #models: readonly ModelPrice[];
  readonly #lanes: readonly Lane[];
  readonly #books: CheckedBooks;
  /** Every call is lost: more than anybody waits for. */
  readonly #isUnlucky: boolean;
  /** Answers by key, the first one first. */
  readonly #journal = new Map<string, Answer[]>();
  readonly #lost = new Map<string, Lost>();
  /** Billed above a reservation, and not booked yet. */
  readonly #unheardExcess = new Map<string, bigint>();

  constructor(random: Random, mark: (happening: string) => void = () => {}) {
    this.#random = random;
    this.#mark = mark;
    this.#models = Array.from({ length: random.int(1, 3) }, () => randomPrice(random));
    this.#lanes = Array.from({ length: random.pick([1, 1, 1, 2, 4]) }, (_, index) => newLane(`l${index}`));
    this.#isUnlucky = random.percent(2);
    const most = this.#isUnlucky ? 10 ** 13 : random.pick([5_000_000, 200_000_000, 2_000_000_000]);
    const limit = random.percent(8) ? null : random.int(this.#isUnlucky ? most / 2 : 0, most);
    const soft = limit !== null && random.percent(60) ? toNanoUsd(random.int(0, limit)) : null;
    this.#books = new CheckedBooks(limit === null ? null : toNanoUsd(limit), soft);
  }

  run(): void {
    for (let steps = this.#random.int(10, this.#isUnlucky ? 400 : 90); steps > 0; steps -= 1) {
      const dice = this.#random.int(1, 100);
      if (dice <= (this.#isUnlucky ? 92 : 70)) this.#work(this.#random.pick(this.#lanes));
      else if (dice <= 79) this.#finishLost();
      else if (dice <= 85) this.#hearLate();
      else if (dice <= 92) this.#newTerms();
      else if (dice <= 93) this.#books.child(toNanoUsd(this.#random.int(0, 1_000_000)));
      else if (dice <= 97) this.#crash();
      else this.#continueAsNew();
      this.#check();
    }
    this.#explainEverything();
  }

  #work(lane: Lane): void {
    if (lane.open) this.#end(lane, lane.open);
    else this.#begin(lane);
  }

  /** Reserves for the next attempt: the model's cap, else what fits of it, else the next model. */
  #begin(lane: Lane): void {
    const bound = { inputTokens: this.#random.int(1, 10_000), outputTokens: this.#random.int(1, 4_000) };
    if (this.#random.percent(4)) this.#fitExactly(boundNanoUsd(this.#price(lane.model), bound, NOW));
    for (let model = lane.model; model < this.#models.length; model += 1) {
      if (this.#tryReserve(lane, model, bound)) return;
      const fits = this.#fittingOutput(model, bound.inputTokens);
      if (fits > 0 && this.#tryReserve(lane, model, { ...bound, outputTokens: Math.min(fits, bound.outputTokens) })) {
        this.#mark("lowered cap");
        return;
      }
    }
    this.#mark("exhausted");
  }

  #tryReserve(lane: Lane, model: number, bound: TokenBound): boolean {
    const amount = boundNanoUsd(this.#price(model), bound, NOW);
    const key = `${lane.name}.t${lane.turn}`;
    const id = `${key}.a${lane.attempts + 1}`;
    if (!this.#books.reserve(id, `m${model}`, amount)) return false;
    if (model !== lane.model) this.#mark("degraded");
    lane.attempts += 1;
    lane.model = model;
    lane.open = { id, key, model, bound, hold: BigInt(amount) };
    return true;
  }

  /** A limit that has room for just this amount, or for one nano-dollar less. */
  #fitExactly(amount: NanoUsd): void {
    const limit = this.#books.figures().total + BigInt(amount) - (this.#random.percent(50) ? 1n : 0n);
    if (limit < 0n) return;
    this.#mark("fits exactly, or not by one");
    this.#books.terms({ limitNanoUsd: asNanoUsd(limit) });
  }

  #fittingOutput(model: number, inputTokens: number): number {
    const { limit, total, frozen } = this.#books.figures();
    if (limit === null || frozen || total > limit) return 0;
    return outputThatFits(this.#price(model), { inputTokens: inputTokens, money: asNanoUsd(limit - total) }, NOW) ?? 0;
  }

  /** One of the ways in which an attempt ends. */
  #end(lane: Lane, attempt: Attempt): void {
    lane.open = undefined;
    const winner = this.#journal.get(attempt.key)?.[0];
    const dice = this.#random.int(1, 100);
    if (this.#isUnlucky) this.#lose(attempt);
    else if (winner && this.#random.percent(70)) this.#takeFromJournal(lane, attempt, winner);
    else if (dice <= 45) this.#answer(lane, attempt, randomUsage(this.#random, attempt.bound));
    else if (dice <= 50) this.#answer(lane, attempt, this.#usageAbove(attempt.bound));
    else if (dice <= 55) this.#answerWithoutUsage(lane, attempt);
    else if (dice <= 65) this.#refuse(lane, attempt);
    else if (dice <= 70) this.#cut(attempt);
    else this.#lose(attempt);
  }

  /** The answer that a predecessor bought: nothing is sent. */
  #takeFromJournal(lane: Lane, attempt: Attempt, winner: Answer): void {
    this.#mark("found in the journal");
    this.#books.release(attempt.id);
    this.#late(winner);
    nextTurn(lane);
  }

  #answer(lane: Lane, attempt: Attempt, usage: Usage): void {
    this.#mark("answered");
    this.#bill(attempt, usage);
    const winner = this.#journal.get(attempt.key)?.[0];
    const { id, key, model } = attempt;
    this.#keep({ id, key, model, usage });
    this.#settle(attempt, usage);
    if (winner) {
      this.#mark("bought beside");
      this.#late(winner);
    }
    nextTurn(lane);
  }

  #answerWithoutUsage(lane: Lane, attempt: Attempt): void {
    this.#mark("answered without usage");
    const actual = randomUsage(this.#random, attempt.bound);
    this.#bill(attempt, actual);
    const { inputTokens, outputTokens } = attempt.bound;
    const byBytes = { inputTokens, outputTokens: this.#random.int(actual.outputTokens, outputTokens) };
    this.#books.estimate(attempt.id, boundNanoUsd(this.#price(attempt.model), byBytes, NOW));
    nextTurn(lane);
  }

  /** 429, 5xx before a body, connection refused, or nothing sent at all. */
  #refuse(lane: Lane, attempt: Attempt): void {
    this.#mark("refused");
    this.#books.release(attempt.id);
    if (this.#random.percent(20)) lane.model = Math.min(lane.model + 1, this.#models.length - 1);
  }

  /** Our own word (pause, freeze, cancel) ends a stream whose usage is known. */
  #cut(attempt: Attempt): void {
    this.#mark("cut");
    const usage = randomUsage(this.#random, attempt.bound);
    this.#bill(attempt, usage);
    this.#settle(attempt, usage);
  }

  /** A time-out, a lost connection, or the worker is killed: before sending, while the provider works, after its answer. */
  #lose(attempt: Attempt): void {
    const ends = {
      "killed before sending": "over",
      "timed out": "answers",
      "killed while it worked": this.#random.pick(["answers unheard", "over"] as const),
      "killed after the answer": "over",
      "killed after the journal": "over",
    } as const;
    const end = this.#random.pick(Object.keys(ends) as (keyof typeof ends)[]);
    this.#mark(end);
    if (end === "killed after the answer" || end === "killed after the journal") {
      const usage = this.#usageOfLost(attempt);
      this.#bill(attempt, usage);
      if (end === "killed after the journal") this.#keepLost(attempt, usage);
    }
    this.#lost.set(attempt.id, { ...attempt, fate: ends[end] });
    this.#books.lose(attempt.id);
  }

  /** The provider finishes what nobody waits for any more. */
  #finishLost(): void {
    const unfinished = [...this.#lost.values()].filter(({ fate }) => fate !== "over");
    if (unfinished.length === 0) return;
    const lost = this.#random.pick(unfinished);
    this.#mark("finished late");
    const usage = this.#usageOfLost(lost);
    this.#bill(lost, usage);
    if (lost.fate === "answers") this.#keepLost(lost, usage);
    lost.fate = "over";
  }

  /** A late answer is reported, of a lost attempt or of another one, for the first time or again. */
  #hearLate(): void {
    const answers = [...this.#journal.values()].flat();
    if (answers.length > 0) this.#late(this.#random.pick(answers));
  }

  #late({ id, model, usage, byBytes }: Answer): void {
    const explained =
      byBytes === undefined
        ? this.#books.late(id, this.#cost(model, usage), usage)
        : this.#books.lateEstimate(id, byBytes);
    const what = byBytes === undefined ? "late answer" : "late answer without usage";
    this.#mark(explained ? what : "late answer that nobody awaits");
    if (explained) this.#unheardExcess.delete(id);
  }

  #newTerms(): void {
    const kind = this.#random.pick(["add", "add", "limit", "freeze", "thaw", "thaw"] as const);
    const amount = toNanoUsd(this.#random.int(0, 400_000_000));
    this.#mark(kind === "limit" && BigInt(amount) < this.#books.figures().total ? "limit below the books" : kind);
    if (kind === "add") this.#books.terms({ addNanoUsd: amount });
    else if (kind === "limit") this.#books.terms({ limitNanoUsd: amount });
    else this.#books.terms({ freeze: kind === "freeze" });
  }

  #crash(): void {
    this.#mark("crashed");
    this.#books.crash();
  }

  #continueAsNew(): void {
    this.#mark("continued as new");
    this.#books.continueAsNew();
  }

  /** All that goes on comes to its end, and the provider's invoice explains what no answer explained. */
  #explainEverything(): void {
    for (const lane of this.#lanes) if (lane.open) this.#end(lane, lane.open);
    while ([...this.#lost.values()].some(({ fate }) => fate !== "over")) this.#finishLost();
    for (const id of this.#books.figures().awaited) {
      this.#books.late(id, asNanoUsd(this.#provider.billOf(id)));
      this.#unheardExcess.delete(id);
      this.#check();
    }
    const { reserved, confirmed, attempts } = this.#books.figures();
    const unexplained = [...attempts].filter(([, { state }]) => UNCONFIRMED.has(state));
    const billed = unexplained.reduce((sum, [id]) => sum + this.#provider.billOf(id), 0n);
    if (reserved !== 0n) this.#broken("nothing is reserved when nothing is under way");
    if (confirmed !== this.#provider.total() - billed) this.#broken("what is confirmed is the provider's bill");
    if (unexplained.length === 0) this.#mark("explained to the last nano-dollar");
    if (unexplained.some(([, { state }]) => state === "lost")) this.#mark("lost too long ago to be awaited");
  }

  #usageOfLost({ bound }: Attempt): Usage {
    return this.#random.percent(8) ? this.#usageAbove(bound) : randomUsage(this.#random, bound);
  }

  #usageAbove({ inputTokens, outputTokens }: TokenBound): Usage {
    this.#mark("billed above the bound");
    return randomUsage(this.#random, { inputTokens: inputTokens * 2, outputTokens: outputTokens * 3 });
  }

  #bill(attempt: Attempt, usage: Usage): void {
    const bill = this.#provider.bill(attempt.id, this.#price(attempt.model), usage);
    if (bill > attempt.hold) this.#unheardExcess.set(attempt.id, bill - attempt.hold);
  }

  #settle({ id, model }: Attempt, usage: Usage): void {
    this.#books.settle(id, this.#cost(model, usage), usage);
    this.#unheardExcess.delete(id);
  }

  #keep({ key, ...answer }: Answer & Pick<Attempt, "key">): void {
    this.#journal.set(key, [...(this.#journal.get(key) ?? []), answer]);
  }

  /** Some answers do not say what was counted: their bytes bound it. */
  #keepLost({ id, key, model }: Attempt, usage: Usage): void {
    const byBytes = this.#random.percent(15) ? { byBytes: boundNanoUsd(this.#price(model), usage, NOW) } : {};
    this.#keep({ id, key, model, usage, ...byBytes });
  }

  #cost(model: number, usage: Usage): NanoUsd {
    const cost = costNanoUsd(this.#price(model), usage, NOW.fromMs);
    if (BigInt(cost) !== naiveCost(this.#price(model), usage)) this.#broken("the cost is what the provider bills");
    return cost;
  }

  #price(model: number): ModelPrice {
    return this.#models[model] as ModelPrice;
  }

  /** What a provider has counted is on the books, attempt by attempt, but for an excess that nobody has heard of yet. */
  #check(): void {
    this.#books.check();
    const { total, attempts } = this.#books.figures();
    const unheard = [...this.#unheardExcess.values()].reduce((sum, excess) => sum + excess, 0n);
    if (this.#provider.total() - unheard > total) this.#broken("the provider's bill is on the books");
    for (const [id, { charge, state }] of attempts) {
      const known = this.#provider.billOf(id) - (this.#unheardExcess.get(id) ?? 0n);
      if (known > charge) this.#broken(`${id} (${state}) is billed ${known} and booked ${charge}`);
    }
  }

  #broken(what: string): never {
    throw new Broken(`must hold: ${what}\nthe last facts:\n${this.#books.told(12)}`);
  }
}

function newLane(name: string): Lane {
  return { name, open: undefined, turn: 1, attempts: 0, model: 0 };
}

function nextTurn(lane: Lane): void {
  lane.turn += 1;
  lane.attempts = 0;
  lane.model = 0;
}
