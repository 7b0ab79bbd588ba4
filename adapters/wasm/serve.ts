import { runProgram } from "./run-program.js";
import type { WasmQuestion } from "./wire.js";

/** A process for one program: it runs what it is sent, answers, and ends. */
export function serveProgram(): void {
  process.once("message", (question: WasmQuestion) => {
    void runProgram(question).then(
      (answer) => process.send?.(answer, () => process.exit(0)),
      (error: unknown) => {
        process.stderr.write(`${error}\n`);
        process.exit(1);
      },
    );
  });
  process.on("disconnect", () => process.exit());
}
