/** What a worker asks of a process that runs one program. */
export interface WasmQuestion {
  readonly code: string;
  /** Of the program's own heap. */
  readonly memoryBytes: number;
  readonly cpuMs: number;
  readonly outputBytes: number;
}

/** What came of it; where the process is ended from outside, nothing comes. */
export interface WasmAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
  readonly limit?: "memory" | "cpu";
}
