import type { RunChange } from "../client/index.js";
import { formatDuration } from "../core/duration.js";
import { cut, oneLine } from "./output.js";
import { AT_START, changeLine, progressAfter, progressLine } from "./run-progress.js";
import type { TerminalOut } from "./surroundings.js";

/** Progress on stderr: one line that changes on a terminal, a line for each change elsewhere. */
export interface LiveView {
  show(change: RunChange): void;
  /** A line that stays. */
  say(line: string): void;
  /** Clears the line, and keeps quiet until `release`: somebody else writes to the terminal. */
  hold(): void;
  release(): void;
  end(): void;
}

const CLEAR_LINE = "\r\u001b[2K";
/** The seconds on the line go on by themselves. */
const REDRAW_MS = 1_000;
/** The usual width of a terminal that does not say. */
const COLUMNS = 80;

/** @param live false: a line for each change, also on a terminal (while tokens are printed there) */
export function createLiveView(stderr: TerminalOut, { live = stderr.isTTY === true } = {}): LiveView {
  return live ? changingLine(stderr) : plainLines(stderr);
}

function plainLines(stderr: TerminalOut): LiveView {
  let waiting: string[] | undefined;
  const say = (line: string) => {
    if (waiting) waiting.push(line);
    else stderr.write(`${line}\n`);
  };
  const release = () => {
    const lines = waiting ?? [];
    waiting = undefined;
    for (const line of lines) say(line);
  };
  return {
    show(change) {
      const line = changeLine(change);
      if (line !== undefined) say(oneLine(line));
    },
    say,
    hold() {
      waiting ??= [];
    },
    release,
    end: release,
  };
}

/** What is worth a line that stays, beside the one that changes. */
const STAYS: readonly RunChange["kind"][] = ["gate", "unanswered"];

function changingLine(stderr: TerminalOut): LiveView {
  const startedAt = performance.now();
  let progress = AT_START;
  let isHeld = false;
  let hasEnded = false;
  const waiting: string[] = [];
  const draw = () => {
    if (isHeld || hasEnded) return;
    const seconds = Math.floor((performance.now() - startedAt) / 1_000);
    const line = oneLine(`${progressLine(progress)} · ${seconds === 0 ? "0s" : formatDuration(seconds * 1_000)}`);
    stderr.write(`${CLEAR_LINE}${cut(line, (stderr.columns || COLUMNS) - 1)}`);
  };
  const timer = setInterval(draw, REDRAW_MS).unref();
  const say = (line: string) => {
    if (isHeld) waiting.push(line);
    else {
      stderr.write(`${hasEnded ? "" : CLEAR_LINE}${line}\n`);
      draw();
    }
  };
  const release = () => {
    isHeld = false;
    for (const line of waiting.splice(0)) say(line);
    draw();
  };
  draw();
  return {
    show(change) {
      progress = progressAfter(progress, change);
      const line = STAYS.includes(change.kind) ? changeLine(change) : undefined;
      if (line === undefined) draw();
      else say(oneLine(line));
    },
    say,
    hold() {
      stderr.write(CLEAR_LINE);
      isHeld = true;
    },
    release,
    end() {
      if (hasEnded) return;
      clearInterval(timer);
      release();
      hasEnded = true;
      stderr.write(CLEAR_LINE);
    },
  };
}
