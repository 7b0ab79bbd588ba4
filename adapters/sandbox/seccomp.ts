import { ABSENT, FORBIDDEN, INSPECTED, NEWEST_KNOWN, type Syscall, UNCOUNTED_MEMORY } from "./syscalls.js";

/** A processor that there is a filter for. */
export type Processor = "x64" | "arm64";

/** AUDIT_ARCH_… of <linux/audit.h>. */
const ARCHITECTURES: Readonly<Record<Processor, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** System calls of the x32 ABI have this bit; they would pass by every rule. */
const X32_BIT = 0x40000000;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;

const EPERM = 1;
const ENOSYS = 38;
const EPROTONOSUPPORT = 93;
const ESOCKTNOSUPPORT = 94;
const EAFNOSUPPORT = 97;

/** CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET. */
export const NEW_NAMESPACES = 0x7e020000;
/** CLONE_NEWTIME; in clone's flags these bits are the exit signal. */
const NEW_TIME_NAMESPACE = 0x80;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_TYPE_MASK = 0xf;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const RLIMIT_CORE = 4;
/** PER_LINUX, and the question what it is. */
const HARMLESS_PERSONALITIES = [0, 0xffffffff];

/** One instruction of classic BPF. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const mask = (bits: number): Instruction => [0x54, 0, 0, bits];
const skipUnlessEqual = (value: number, skip: number): Instruction => [0x15, 0, skip, value];
const skipIfEqual = (value: number, skip: number): Instruction => [0x15, skip, 0, value];
const skipUnlessAny = (bits: number, skip: number): Instruction => [0x45, 0, skip, bits];
const skipUnlessAtLeast = (value: number, skip: number): Instruction => [0x35, 0, skip, value];
const answer = (action: number): Instruction => [0x06, 0, 0, action];

const NUMBER = 0;
const ARCHITECTURE = 4;
/** The lower half of an argument: the kernel takes no more of it, so a filter that compared the rest could be passed by. */
const argument = (index: number) => 16 + 8 * index;
const upperHalf = (index: number) => argument(index) + 4;

/**
 * The system call filter of a sandbox as bytes for `bwrap --seccomp`.
 * @param countsAllMemory a cgroup counts memory that belongs to no process
 */
export function seccompFilter(processor: Processor, options: { readonly countsAllMemory: boolean }): Buffer {
  const program: Instruction[] = [
    load(ARCHITECTURE),
    skipIfEqual(ARCHITECTURES[processor], 1),
    answer(KILL_PROCESS),
    load(NUMBER),
    ...(processor === "x64" ? [skipUnlessAtLeast(X32_BIT, 1), answer(KILL_PROCESS)] : []),
    skipUnlessAtLeast(NEWEST_KNOWN + 1, 1),
    answer(refuse(ENOSYS)),
  ];
  const rule = (call: Syscall, body: readonly Instruction[]) => {
    const number = call[processor];
    if (number !== undefined) program.push(skipUnlessEqual(number, body.length), ...body);
  };
  for (const call of Object.values(FORBIDDEN)) rule(call, [answer(refuse(EPERM))]);
  for (const call of Object.values(ABSENT)) rule(call, [answer(refuse(ENOSYS))]);
  if (!options.countsAllMemory) {
    for (const call of Object.values(UNCOUNTED_MEMORY)) rule(call, [answer(refuse(ENOSYS))]);
  }
  rule(INSPECTED.clone, refuseFlags(NEW_NAMESPACES));
  rule(INSPECTED.unshare, refuseFlags(NEW_NAMESPACES | NEW_TIME_NAMESPACE));
  rule(INSPECTED.socket, socketRule());
  rule(INSPECTED.socketpair, allowOnly(0, [AF_UNIX], EAFNOSUPPORT));
  rule(INSPECTED.ioctl, refuseValues(1, [TIOCSTI, TIOCLINUX]));
  rule(INSPECTED.personality, allowOnly(0, HARMLESS_PERSONALITIES, EPERM));
  rule(INSPECTED.setrlimit, refuseValues(0, [RLIMIT_CORE]));
  rule(INSPECTED.prlimit64, coreLimitRule());
  program.push(answer(ALLOW));
  return assemble(program);
}

function refuseFlags(flags: number): Instruction[] {
  return [load(argument(0)), skipUnlessAny(flags, 1), answer(refuse(EPERM)), answer(ALLOW)];
}

function refuseValues(index: number, values: readonly number[]): Instruction[] {
  const refusals = values.flatMap((value) => [skipUnlessEqual(value, 1), answer(refuse(EPERM))]);
  return [load(argument(index)), ...refusals, answer(ALLOW)];
}

function allowOnly(index: number, values: readonly number[], errno: number): Instruction[] {
  return [load(argument(index)), ...allowing(values), answer(refuse(errno))];
}

function allowing(values: readonly number[]): Instruction[] {
  return values.flatMap((value) => [skipUnlessEqual(value, 1), answer(ALLOW)]);
}

/** Local sockets, TCP and UDP (which reach nobody but the sandbox itself); other protocols would load kernel modules. */
function socketRule(): Instruction[] {
  const internet: Instruction[] = [
    load(argument(1)),
    mask(SOCK_TYPE_MASK),
    skipIfEqual(SOCK_STREAM, 2),
    skipIfEqual(SOCK_DGRAM, 1),
    answer(refuse(ESOCKTNOSUPPORT)),
    load(argument(2)),
    ...allowing([0, IPPROTO_TCP, IPPROTO_UDP]),
    answer(refuse(EPROTONOSUPPORT)),
  ];
  return [
    load(argument(0)),
    ...allowing([AF_UNIX]),
    skipIfEqual(AF_INET, 2),
    skipIfEqual(AF_INET6, 1),
    answer(refuse(EAFNOSUPPORT)),
    ...internet,
  ];
}

/**
 * The limit on core files may be read and not set: at its value a kernel hands no dump to the host's crash handler, which
 * it would for any other, also for 0.
 */
function coreLimitRule(): Instruction[] {
  return [
    load(argument(1)),
    skipIfEqual(RLIMIT_CORE, 1),
    answer(ALLOW),
    load(argument(2)),
    skipUnlessEqual(0, 3),
    load(upperHalf(2)),
    skipUnlessEqual(0, 1),
    answer(ALLOW),
    answer(refuse(EPERM)),
  ];
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, index * 8 + 4);
  }
  return bytes;
}
