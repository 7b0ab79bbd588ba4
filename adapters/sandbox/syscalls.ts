/** Number of a system call by processor; undefined where that processor has none of the name. */
export interface Syscall {
  readonly x64?: number;
  readonly arm64?: number;
}

/**
 * The last system call that this table knows (futex_requeue, Linux 6.7); numbers above it are answered with ENOSYS, as an
 * older kernel would: what nobody has looked at is not offered.
 */
export const NEWEST_KNOWN = 456;

const same = (number: number): Syscall => ({ x64: number, arm64: number });
const both = (x64: number, arm64: number): Syscall => ({ x64, arm64 });

/** Refused with EPERM: no program that computes needs them, and each has been a way out of a sandbox or into the kernel. */
export const FORBIDDEN: Readonly<Record<string, Syscall>> = {
  // Other file systems, and views of this one.
  mount: both(165, 40),
  umount2: both(166, 39),
  pivot_root: both(155, 41),
  chroot: both(161, 51),
  open_tree: same(428),
  move_mount: same(429),
  fsopen: same(430),
  fsconfig: same(431),
  fsmount: same(432),
  fspick: same(433),
  mount_setattr: same(442),
  name_to_handle_at: both(303, 264),
  open_by_handle_at: both(304, 265),
  quotactl: both(179, 60),
  quotactl_fd: same(443),
  fanotify_init: both(300, 262),
  fanotify_mark: both(301, 263),
  swapon: both(167, 224),
  swapoff: both(168, 225),
  acct: both(163, 89),
  nfsservctl: both(180, 42),
  lookup_dcookie: both(212, 18),
  sysfs: { x64: 139 },
  ustat: { x64: 136 },
  uselib: { x64: 134 },
  // Other namespaces (clone and unshare are looked at by their flags).
  setns: both(308, 268),
  // Other processes.
  ptrace: both(101, 117),
  process_vm_readv: both(310, 270),
  process_vm_writev: both(311, 271),
  process_madvise: same(440),
  process_mrelease: same(448),
  pidfd_getfd: same(438),
  kcmp: both(312, 272),
  // Kernel keyrings are not namespaced.
  add_key: both(248, 217),
  request_key: both(249, 218),
  keyctl: both(250, 219),
  // Code and faults inside the kernel.
  bpf: both(321, 280),
  perf_event_open: both(298, 241),
  userfaultfd: both(323, 282),
  seccomp: both(317, 277),
  // Memory outside what limits count, or placed by hand.
  memfd_secret: same(447),
  mbind: both(237, 235),
  set_mempolicy: both(238, 237),
  set_mempolicy_home_node: same(450),
  migrate_pages: both(256, 238),
  move_pages: both(279, 239),
  modify_ldt: { x64: 154 },
  // The machine itself.
  init_module: both(175, 105),
  finit_module: both(313, 273),
  delete_module: both(176, 106),
  create_module: { x64: 174 },
  get_kernel_syms: { x64: 177 },
  query_module: { x64: 178 },
  kexec_load: both(246, 104),
  kexec_file_load: both(320, 294),
  reboot: both(169, 142),
  syslog: both(103, 116),
  sethostname: both(170, 161),
  setdomainname: both(171, 162),
  settimeofday: both(164, 170),
  clock_settime: both(227, 112),
  clock_adjtime: both(305, 266),
  adjtimex: both(159, 171),
  iopl: { x64: 172 },
  ioperm: { x64: 173 },
  vhangup: both(153, 58),
  _sysctl: { x64: 156 },
};

/** Answered with ENOSYS, so that a library falls back to an older call that can be looked at, or does without. */
export const ABSENT: Readonly<Record<string, Syscall>> = {
  // Its flags lie in memory, where a filter can't see them; the C library falls back to clone.
  clone3: same(435),
  io_uring_setup: same(425),
  io_uring_enter: same(426),
  io_uring_register: same(427),
  // The number of these contexts is limited for the whole machine.
  io_setup: both(206, 0),
  io_destroy: both(207, 1),
  io_getevents: both(208, 4),
  io_submit: both(209, 2),
  io_cancel: both(210, 3),
  io_pgetevents: both(333, 292),
};

/** Memory that belongs to no process: absent where no cgroup counts it. */
export const UNCOUNTED_MEMORY: Readonly<Record<string, Syscall>> = {
  memfd_create: both(319, 279),
  shmget: both(29, 194),
  msgget: both(68, 186),
  mq_open: both(240, 180),
};

/** Allowed or not by their arguments. */
export const INSPECTED = {
  clone: both(56, 220),
  unshare: both(272, 97),
  socket: both(41, 198),
  socketpair: both(53, 199),
  ioctl: both(16, 29),
  personality: both(135, 92),
  setrlimit: both(160, 164),
  prlimit64: both(302, 261),
} as const satisfies Readonly<Record<string, Syscall>>;
