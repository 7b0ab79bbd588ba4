import { type HostileProgram, literal, python } from "./hostile-program.js";

/** Programs that leave something in the workspace for whoever reads it. */
export const LEFTOVERS: readonly HostileProgram[] = [
  python(
    "have links followed when its files are collected",
    ({ secretFile, folder }) => `
os.symlink(${literal(secretFile)}, "out/secret")
os.symlink(${literal(folder)}, "out/folder")
os.symlink("/etc", "out/etc")
os.symlink("/proc/self/environ", "out/environment")
os.symlink("../../../../../.." + ${literal(secretFile)}, "out/up")
os.symlink(".", "out/loop")
os.symlink("/workspace/plain", "inner")
open("plain", "w").write("kept")`,
    { files: ["plain"] },
  ),
  python(
    "have the result's folder lead elsewhere",
    ({ folder }) => `
os.rmdir("out")
os.symlink(${literal(folder)}, "out")
open("plain", "w").write("kept")`,
    { files: ["plain"] },
  ),
  python(
    "hold the collector up with pipes, sockets and devices",
    () => `
os.mkfifo("out/pipe")
socket.socket(socket.AF_UNIX).bind("out/socket")
attempt("device", lambda: os.mknod("out/device", stat.S_IFCHR | 0o666, os.makedev(1, 3)) or True)
open("out/plain", "w").write("kept")`,
    { files: ["out/plain"] },
  ),
  python(
    "take a file of the host along by a hard link",
    ({ secretFile }) => `
for source in ("/etc/passwd", "/code/main.py", "/usr/bin/env", "/proc/self/environ", "/tmp", ${literal(secretFile)}):
    attempt(source, lambda: os.link(source, "out/hard") or True)
open("one", "w").write("kept")
os.link("one", "two")`,
    { files: ["one", "two"] },
  ),
  python(
    "leave a program that runs with its owner's rights",
    () => `
open("out/program", "w").write("#!/bin/sh")
os.chmod("out/program", 0o6777)
attempt("capability", lambda: os.setxattr("out/program", "security.capability", b"\\x01\\x00\\x00\\x02" + b"\\xff" * 16) or True)`,
    { files: ["out/program"] },
  ),
  python(
    "leave names that are no text, or that steer a terminal",
    () => `
for name in (b"\\xff\\xfe", b"new\\nline", b"\\x1b[2J", b"tab\\t", b"\\x7f", b"half-\\xc3"):
    open(b"out/" + name, "w").write("odd")
os.mkdir(b"\\xff")
open(b"\\xff/inner", "w").write("odd")
for name in ("-rf", "..a", "a b", "'quoted'", "$(reboot)", "ünï 文件", "back\\\\slash"):
    open("out/" + name, "w").write("kept")`,
    { files: ["out/$(reboot)", "out/'quoted'", "out/-rf", "out/..a", "out/a b", "out/back\\slash", "out/ünï 文件"] },
  ),
  python(
    "dig folders deeper than any path",
    () => `
for depth in range(300):
    os.mkdir("d" * 100)
    os.chdir("d" * 100)
open("deep", "w").write("lost")
os.chdir("/workspace")
os.makedirs("a/b/c")
open("a/b/c/plain", "w").write("kept")`,
    { files: ["a/b/c/plain"] },
  ),
  python(
    "close its files and folders to the collector",
    () => `
os.mkdir("closed")
open("closed/inner", "w").write("kept")
open("shut", "w").write("kept")
os.chmod("closed/inner", 0)
os.chmod("closed", 0)
os.chmod("shut", 0)
os.chmod("/workspace", 0)`,
    { files: ["closed/inner", "shut"] },
  ),
  python(
    "change a file while it is collected",
    ({ marker }) => `
open("plain", "w").write("kept")
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            os.rename("plain", "other"); os.symlink("/etc/passwd", "plain"); os.remove("plain"); os.rename("other", "plain")
        except OSError:
            pass
print(${literal(marker)})
os.kill(os.getpid(), signal.SIGSTOP)`,
    { limits: { wallMs: 500 }, expected: { timedOut: true } },
  ),
];
