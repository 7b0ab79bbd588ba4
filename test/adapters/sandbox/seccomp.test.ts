import { describe, expect, test } from "@jest/globals";
import { type Processor, seccompFilter } from "../../../adapters/sandbox/seccomp.js";
import { ABSENT, FORBIDDEN, UNCOUNTED_MEMORY } from "../../../adapters/sandbox/syscalls.js";
import { runFilter } from "./bpf-machine.js";

const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7, i386: 0x40000003 };
const ANSWERS: Readonly<Record<number, string>> = {
  2147418112: "allowed",
  2147483648: "killed",
  327681: "EPERM",
  327718: "ENOSYS",
  327773: "EPROTONOSUPPORT",
  327774: "ESOCKTNOSUPPORT",
  327777: "EAFNOSUPPORT",
};

const answer = (
  processor: Processor,
  number: number,
  args: readonly (number | bigint)[] = [],
  { hasCgroup = true, architecture = ARCHITECTURES[processor] } = {},
) => {
  const filter = seccompFilter(processor, { countsAllMemory: hasCgroup });
  return ANSWERS[runFilter(filter, { number, architecture, arguments: args })];
};

/** Numbers of system calls, taken from the kernel's tables and not from the code under test. */
const CALLS = {
  x64: {
    read: 0,
    execve: 59,
    clone: 56,
    unshare: 272,
    socket: 41,
    socketpair: 53,
    ioctl: 16,
    personality: 135,
    prlimit64: 302,
    setrlimit: 160,
    mount: 165,
    ptrace: 101,
    bpf: 321,
    clone3: 435,
  },
  arm64: {
    read: 63,
    execve: 221,
    clone: 220,
    unshare: 97,
    socket: 198,
    socketpair: 199,
    ioctl: 29,
    personality: 92,
    prlimit64: 261,
    setrlimit: 164,
    mount: 40,
    ptrace: 117,
    bpf: 280,
    clone3: 435,
  },
} as const;

type Row = readonly [call: keyof (typeof CALLS)["x64"], args: readonly (number | bigint)[], expected: string];

const ROWS: readonly Row[] = [
  ["read", [0], "allowed"],
  ["execve", [], "allowed"],
  ["mount", [], "EPERM"],
  ["ptrace", [], "EPERM"],
  ["bpf", [], "EPERM"],
  ["clone3", [], "ENOSYS"],
  ["clone", [0x003d0f00], "allowed"], // a thread
  ["clone", [0x11], "allowed"], // fork
  ["clone", [0x10000011], "EPERM"], // a user namespace
  ["clone", [0x00020011], "EPERM"], // a mount namespace
  ["clone", [0x40000011], "EPERM"], // a network namespace
  ["unshare", [0x400], "allowed"], // its own table of descriptors
  ["unshare", [0x10000000], "EPERM"],
  ["unshare", [0x80], "EPERM"], // a time namespace
  ["socket", [1, 1, 0], "allowed"], // local
  ["socket", [2, 1, 6], "allowed"], // TCP
  ["socket", [10, 0x80802, 17], "allowed"], // UDP over IPv6, with flags
  ["socket", [2, 1, 132], "EPROTONOSUPPORT"], // SCTP
  ["socket", [2, 3, 1], "ESOCKTNOSUPPORT"], // raw
  ["socket", [2, 5, 0], "ESOCKTNOSUPPORT"],
  ["socket", [16, 3, 0], "EAFNOSUPPORT"], // netlink
  ["socket", [17, 3, 0], "EAFNOSUPPORT"], // packet
  ["socket", [38, 5, 0], "EAFNOSUPPORT"], // the kernel's ciphers
  ["socket", [40, 1, 0], "EAFNOSUPPORT"], // the virtual machine's host
  ["socketpair", [1, 1, 0], "allowed"],
  ["socketpair", [30, 1, 0], "EAFNOSUPPORT"],
  ["ioctl", [0, 0x5413], "allowed"], // the window's size
  ["ioctl", [0, 0x5412], "EPERM"], // TIOCSTI
  ["ioctl", [0, 0x541c], "EPERM"], // TIOCLINUX
  ["ioctl", [0, 0xdeadbeef00005412n], "EPERM"], // the kernel looks at the lower half alone
  ["personality", [0xffffffff], "allowed"], // asks
  ["personality", [0x40000], "EPERM"], // no random addresses
  ["setrlimit", [7], "allowed"],
  ["setrlimit", [4], "EPERM"], // core files
  ["prlimit64", [0, 7, 0x7fff00001000n], "allowed"],
  ["prlimit64", [0, 4, 0], "allowed"], // asks
  ["prlimit64", [0, 4, 0x7fff00001000n], "EPERM"],
  ["prlimit64", [0, 4, 0x7fff00000000n], "EPERM"],
];

describe.each(["x64", "arm64"] as const)("the system call filter on %s", (processor) => {
  test.each(ROWS)("%s %j is %s", (call, args, expected) => {
    expect(answer(processor, CALLS[processor][call], args)).toBe(expected);
  });

  test("refuses each call of its lists, whatever the arguments", () => {
    const lists = [
      [FORBIDDEN, "EPERM"],
      [ABSENT, "ENOSYS"],
    ] as const;
    for (const [list, expected] of lists) {
      for (const [name, call] of Object.entries(list)) {
        const number = call[processor];
        if (number === undefined) continue;
        expect([name, answer(processor, number, [0, 0, 0])]).toEqual([name, expected]);
        expect([name, answer(processor, number, [~0, ~0, ~0])]).toEqual([name, expected]);
      }
    }
  });

  test("knows no call twice", () => {
    const numbers = [FORBIDDEN, ABSENT, UNCOUNTED_MEMORY].flatMap((list) =>
      Object.values(list).flatMap((call) => call[processor] ?? []),
    );
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test("offers memory that belongs to no process only where a cgroup counts it", () => {
    for (const call of Object.values(UNCOUNTED_MEMORY)) {
      const number = call[processor] ?? -1;
      expect(answer(processor, number)).toBe("allowed");
      expect(answer(processor, number, [], { hasCgroup: false })).toBe("ENOSYS");
    }
  });

  test("offers no call that is newer than itself", () => {
    expect(answer(processor, 456)).toBe("allowed");
    for (const number of [457, 467, 1_000, 0x3fffffff]) expect(answer(processor, number)).toBe("ENOSYS");
  });

  test("kills who calls in another processor's way", () => {
    for (const architecture of Object.values(ARCHITECTURES)) {
      const expected = architecture === ARCHITECTURES[processor] ? "allowed" : "killed";
      expect(answer(processor, CALLS[processor].read, [], { architecture })).toBe(expected);
    }
  });
});

test("calls of the x32 ABI are killed on x64", () => {
  for (const number of [0x40000000, 0x40000000 | 165, 0x40000000 | 520, 0xffffffff]) {
    expect(answer("x64", number)).toBe("killed");
  }
});
