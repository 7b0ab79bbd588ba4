import { Command } from "commander";
import { registerDev } from "./commands/dev.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerWorker } from "./commands/worker.js";

const program = new Command("wflo");
registerDev(program, { environment: process.env });
registerWorker(program, { environment: process.env });
registerDoctor(program, { environment: process.env });
await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`wflo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
