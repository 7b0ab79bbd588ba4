import { expect, test } from "@jest/globals";
import { cgroupPlaces } from "../../../adapters/sandbox/cgroup-mounts.js";

const LEGACY = `36 30 0:31 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
37 30 0:32 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
38 30 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
24 1 259:1 / / rw,relatime - ext4 /dev/vda rw`;
const UNIFIED = "31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
const HYBRID = `${LEGACY}\n39 30 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;
const LEGACY_MEMBER = "9:name=systemd:/\n8:pids:/job\n4:memory:/job/a:b\n2:cpu,cpuacct:/\n0::/job";

const v1 = (path: string) => ({ version: 1, path });
const v2 = (path: string) => ({ version: 2, path });
const everything = () => ["cpu", "memory", "pids"];

test.each([
  [
    "version 1",
    LEGACY,
    LEGACY_MEMBER,
    () => [],
    {
      memory: v1("/sys/fs/cgroup/memory/job/a:b"),
      pids: v1("/sys/fs/cgroup/pids/job"),
      cpu: v1("/sys/fs/cgroup/cpu,cpuacct"),
    },
  ],
  [
    "version 2",
    UNIFIED,
    "0::/user.slice/run-1.scope",
    everything,
    {
      memory: v2("/sys/fs/cgroup/user.slice/run-1.scope"),
      pids: v2("/sys/fs/cgroup/user.slice/run-1.scope"),
      cpu: v2("/sys/fs/cgroup/user.slice/run-1.scope"),
    },
  ],
  [
    "both, where version 2 limits nothing",
    HYBRID,
    LEGACY_MEMBER,
    () => ["hugetlb"],
    {
      memory: v1("/sys/fs/cgroup/memory/job/a:b"),
      pids: v1("/sys/fs/cgroup/pids/job"),
      cpu: v1("/sys/fs/cgroup/cpu,cpuacct"),
    },
  ],
  [
    "a container that sees its own group as the root",
    "31 24 0:27 /docker/4f /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "4:memory:/docker/4f",
    () => [],
    { memory: v1("/sys/fs/cgroup/memory") },
  ],
  ["a group above what is mounted", UNIFIED, "0::/../../other", everything, {}],
  ["no cgroup file system", "24 1 259:1 / / rw,relatime - ext4 /dev/vda rw", LEGACY_MEMBER, everything, {}],
  ["nothing at all", "", "", () => [], {}],
])("the place of a process is read in %s", (_host, mountinfo, memberships, controllers, expected) => {
  expect(cgroupPlaces(mountinfo, memberships, controllers)).toEqual(expected);
});
