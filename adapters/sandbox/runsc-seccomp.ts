import { NEW_NAMESPACES } from "./seccomp.js";
import { ABSENT, FORBIDDEN } from "./syscalls.js";

/*
 * The filter inside gVisor's kernel, which answers refused calls with EPERM. It is no wall against the host, which the code
 * does not reach; it keeps parts of gVisor's kernel that no computing program needs out of reach.
 */

/** gVisor knows no such names. */
const UNKNOWN = ["nfsservctl"];
/** A filter cannot see its flags, and the C library needs it to be absent or there: gVisor's own kernel answers it. */
const LEFT_ALONE = ["clone3"];
const BITS = Array.from({ length: 32 }, (_, bit) => 2 ** bit);
const AF_NETLINK = 16;
const [AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6] = [2, 10, 1, 58];

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ";
}

const refuse = (names: readonly string[], args?: readonly Argument[]) => ({
  names,
  action: "SCMP_ACT_ERRNO",
  ...(args ? { args } : {}),
});
const equal = (index: number, value: number): Argument => ({ index, value, op: "SCMP_CMP_EQ" });
const hasBit = (index: number, bit: number): Argument => {
  return { index, value: bit, valueTwo: bit, op: "SCMP_CMP_MASKED_EQ" };
};

/** `linux.seccomp` of an OCI bundle, for runsc's `--oci-seccomp`. */
export function guestSeccomp(): object {
  const refused = Object.keys({ ...FORBIDDEN, ...ABSENT }).filter(
    (name) => ![...UNKNOWN, ...LEFT_ALONE].includes(name),
  );
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      refuse(refused),
      ...BITS.filter((bit) => (NEW_NAMESPACES & bit) !== 0).map((bit) =>
        refuse(["clone", "unshare"], [hasBit(0, bit)]),
      ),
      refuse(["socket"], [equal(0, AF_NETLINK)]),
      refuse(["socket"], [equal(0, AF_INET), equal(2, IPPROTO_ICMP)]),
      refuse(["socket"], [equal(0, AF_INET6), equal(2, IPPROTO_ICMPV6)]),
    ],
  };
}
