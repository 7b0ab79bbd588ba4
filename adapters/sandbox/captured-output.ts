import { Socket } from "node:net";

/** What a program prints, cut at a limit over both streams; the rest is read and forgotten, so that nobody blocks. */
export interface CapturedOutput {
  /** Reads a pipe until its last writer is gone, and closes it. */
  read(stream: "stdout" | "stderr", descriptor: number): void;
  /** Settles when every pipe is at its end, which it is when nobody is left who could write. */
  ended(): Promise<void>;
  text(stream: "stdout" | "stderr"): string;
  readonly truncated: boolean;
}

/** Once the limit is reached a reader takes this pause after each piece: a flood costs the worker little, and goes on. */
const PACE_MS = 2;

export function captureOutput(limitBytes: number): CapturedOutput {
  const kept = { stdout: createGrowingBytes(), stderr: createGrowingBytes() };
  const endings: Promise<void>[] = [];
  let room = limitBytes;
  let truncated = false;
  const take = (stream: "stdout" | "stderr", piece: Buffer) => {
    const fitting = piece.subarray(0, room);
    kept[stream].append(fitting);
    room -= fitting.length;
    truncated ||= fitting.length < piece.length;
  };
  return {
    read(stream, descriptor) {
      const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
      pipe.on("data", (piece: Buffer) => {
        take(stream, piece);
        if (!truncated) return;
        pipe.pause();
        setTimeout(() => pipe.resume(), PACE_MS);
      });
      endings.push(new Promise((resolve) => pipe.once("close", () => resolve()).on("error", () => pipe.destroy())));
    },
    ended: async () => {
      await Promise.all(endings);
    },
    text: (stream) => decode(kept[stream].bytes(), truncated),
    get truncated() {
      return truncated;
    },
  };
}

/** Copies what it is given: a million pieces of one byte are a million bytes, and not a million buffers. */
function createGrowingBytes() {
  let bytes = Buffer.alloc(0);
  let length = 0;
  return {
    append(piece: Buffer) {
      if (length + piece.length > bytes.length) {
        const larger = Buffer.alloc(Math.max(4_096, 2 * (length + piece.length)));
        bytes.copy(larger, 0, 0, length);
        bytes = larger;
      }
      piece.copy(bytes, length);
      length += piece.length;
    },
    bytes: () => bytes.subarray(0, length),
  };
}

/** Without the half of a character that a cut leaves at the end. */
function decode(bytes: Buffer, wasCut: boolean): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: wasCut });
}
