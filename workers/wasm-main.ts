import { serveProgram } from "../adapters/wasm/serve.js";

// A process for one program in WebAssembly: `workers/sandbox.ts` starts it.
serveProgram();
