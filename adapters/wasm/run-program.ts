import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { EvalFlags, type JSValueHandle, QuickJS } from "quickjs-wasi";
import { createOutput, type Output } from "./output.js";
import type { WasmAnswer, WasmQuestion } from "./wire.js";

/** Of QuickJS's own stack, which is in the memory of the module. */
const STACK_BYTES = 512 * 1024;

/** Runs one program as a module; for a process that does nothing else. */
export async function runProgram({ code, memoryBytes, cpuMs, outputBytes }: WasmQuestion): Promise<WasmAnswer> {
  const output = createOutput(outputBytes);
  const endsAt = performance.now() + cpuMs;
  let isLate = false;
  const vm = await QuickJS.create({
    wasm: await readFile(fileURLToPath(import.meta.resolve("quickjs-wasi/quickjs.wasm"))),
    memoryLimit: memoryBytes,
    maxStackSize: STACK_BYTES,
    timezoneOffset: 0,
    interruptHandler: () => {
      // Asked by the interpreter once in ten thousand jumps.
      isLate ||= performance.now() > endsAt;
      return isLate;
    },
  });
  giveConsole(vm, output);
  let failure: string | undefined;
  try {
    failure = await finished(vm, code);
  } catch (error) {
    failure = wordsOf(error);
  }
  if (failure !== undefined && !isLate) output.print("stderr", failure);
  const limit = isLate ? "cpu" : /out of memory/.test(failure ?? "") ? "memory" : undefined;
  return {
    exitCode: failure === undefined ? 0 : 1,
    stdout: output.stdout(),
    stderr: output.stderr(),
    truncated: output.truncated(),
    ...(limit ? { limit } : {}),
  };
}

/** Why the program failed; undefined: it did not. */
async function finished(vm: QuickJS, code: string): Promise<string | undefined> {
  const promise = vm.evalCode(code, "main.js", EvalFlags.TYPE_MODULE);
  vm.executePendingJobs();
  // Nothing from outside ever comes: what is pending now stays so.
  const never = new Promise<"never">((resolve) => setImmediate(() => resolve("never")));
  const settled = await Promise.race([vm.resolvePromise(promise), never]);
  if (settled === "never") return "the program waits for something that never comes";
  return "error" in settled ? settled.error.consume((error) => described(error)) : undefined;
}

/** All that a program is given besides the language. */
function giveConsole(vm: QuickJS, output: Output): void {
  const console = vm.newObject();
  const printing = (name: string, stream: "stdout" | "stderr") =>
    vm.newFunction(name, (...values) => {
      if (!output.truncated()) output.print(stream, values.map((value) => text(vm, value)).join(" "));
      return vm.undefined;
    });
  for (const name of ["log", "info", "debug"]) vm.setProp(console, name, printing(name, "stdout"));
  for (const name of ["error", "warn"]) vm.setProp(console, name, printing(name, "stderr"));
  vm.setProp(vm.global, "console", console);
  vm.setProp(vm.global, "print", printing("print", "stdout"));
}

function text(vm: QuickJS, value: JSValueHandle): string {
  const json = vm.typeof(value) === "object" ? asJson(vm, value) : undefined;
  return json ?? value.toString();
}

/** Undefined: it is nothing that JSON has. */
function asJson(vm: QuickJS, value: JSValueHandle): string | undefined {
  try {
    return JSON.stringify(vm.dump(value));
  } catch {
    return undefined;
  }
}

function described(error: JSValueHandle): string {
  const message = error.toString();
  try {
    return `${message}\n${error.getProp("stack").consume((stack) => stack.toString())}`.trimEnd();
  } catch {
    return message;
  }
}

function wordsOf(error: unknown): string {
  const { name = "Error", message = String(error), stack } = error as Partial<Error>;
  return `${name}: ${message}${typeof stack === "string" && !stack.includes("node:") ? `\n${stack}` : ""}`.trimEnd();
}
