import type { SandboxLanguage, SandboxLimits, SandboxResult } from "../../../ports/sandbox.js";
import type { HostileWorld } from "./world.js";

/**
 * A program that wants out. It says `ESCAPED` and how where it got through, and `tried` where it came to its end;
 * the world judges the rest from outside.
 */
export interface HostileProgram {
  /** What it does, as the end of the sentence "code cannot …". */
  readonly name: string;
  readonly language?: SandboxLanguage;
  readonly code: (world: HostileWorld) => string;
  readonly limits?: Partial<SandboxLimits>;
  /** What the result has to look like; without it the program has come to its end. */
  readonly expected?: Partial<Pick<SandboxResult, "timedOut" | "truncated" | "limit" | "exitCode">>;
  /** Paths that are collected afterwards. @default none */
  readonly files?: readonly string[];
}

/** Python before each program: `attempt` says what came of an action, `call` makes a system call by number. */
const PRELUDE = `
import ctypes, os, platform, signal, socket, stat, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
def attempt(what, action):
    try:
        outcome = action()
    except BaseException as error:
        print("held:", what, "-", type(error).__name__, error, flush=True)
        return
    if outcome is False or outcome is None:
        print("held:", what, flush=True)
    else:
        print("ESCAPED:", what, "-", repr(outcome)[:200], flush=True)
def call(x64, arm64, *arguments):
    number = arm64 if ARM else x64
    if number is None:
        raise OSError("not on this processor")
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "system call answered %d" % result
def read(path):
    with open(path, "rb") as file:
        return file.read(4096) or None
def leave(marker):
    os.execv("/bin/sleep", [marker, "600"])
`;

/** A Python program that is not expected to be ended from outside. */
export function python(
  name: string,
  code: (world: HostileWorld) => string,
  more: Partial<HostileProgram> = {},
): HostileProgram {
  return {
    name,
    language: "python",
    code: (world) => `${PRELUDE}\n${code(world)}\nprint("tried", flush=True)\n`,
    ...more,
  };
}

/** A text as Python and JavaScript both read it. */
export const literal = (value: unknown): string => JSON.stringify(value);
