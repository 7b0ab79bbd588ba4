/** A system call as a filter sees it. */
export interface SyscallFacts {
  readonly number: number;
  readonly architecture: number;
  readonly arguments?: readonly (number | bigint)[];
}

/** Runs a classic BPF program as the kernel does for seccomp; what it returns. Knows the instructions that a filter has, and no other. */
export function runFilter(program: Buffer, { number, architecture, ...call }: SyscallFacts): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture >>> 0, 4);
  for (const [index, value] of (call.arguments ?? []).entries()) {
    data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 16 + 8 * index);
  }
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const [ifTrue, ifFalse] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const operand = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean) => {
      at += holds ? ifTrue : ifFalse;
    };
    if (code === 0x06) return operand;
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x35) jump(accumulator >= operand);
    else if (code === 0x45) jump((accumulator & operand) !== 0);
    else throw new Error(`instruction ${at} has the unknown code ${code}`);
  }
  throw new Error("the program ran over its end, which the kernel would refuse to load");
}
