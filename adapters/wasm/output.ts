/** What a program prints, up to so many bytes of both streams together. */
export interface Output {
  print(stream: "stdout" | "stderr", line: string): void;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly truncated: () => boolean;
}

export function createOutput(mostBytes: number): Output {
  const texts = { stdout: "", stderr: "" };
  let left = mostBytes;
  let isTruncated = false;
  return {
    print(stream, line) {
      const bytes = Buffer.from(`${line}\n`);
      // What does not fit is cut between two characters.
      const kept = bytes.length <= left ? bytes : bytes.subarray(0, left);
      isTruncated ||= kept.length < bytes.length;
      left -= kept.length;
      texts[stream] += kept.toString("utf8").replace(/\uFFFD+$/, "");
    },
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    truncated: () => isTruncated,
  };
}
