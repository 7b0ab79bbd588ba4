import { describe, expect, test } from "@jest/globals";
import { freePort } from "../../workers/free-port.js";
import { packageVersion } from "../../workers/tool-finder.js";
import { wflo, wfloJson } from "./command-line.js";

const LONG = "x".repeat(5_000);

/** Command line · what its message names · what its message accepts or says. */
const WRONG: readonly (readonly [line: readonly string[], names: string, says: string])[] = [
  [["rnu"], "rnu", "Did you mean run?"],
  [["runs", "--statsu", "running"], "--statsu", "Did you mean --status?"],
  [["budget", "sett", "acme", "5"], "sett", "Did you mean set?"],
  [["sandbox", "chek"], "chek", "Did you mean check?"],

  [["run"], "AGENT", "missing required argument"],
  [["run", "assistant"], "INPUT", "missing required argument"],
  [["run", "assistant", "a", "b"], "too many arguments", "Expected 2"],
  [["run", " ", "hello"], "AGENT", "an agent's name"],
  [["run", "assistant", " "], "INPUT", "must not be empty"],
  [["run", "assistant", "hi", "--model", "gpt"], "--model", "provider/model"],
  [["run", "assistant", "hi", "--model", `openai/${LONG}`], "--model", "characters"],
  [["run", "assistant", "hi", "--budget", "a lot"], "--budget", 'write it like "0.50"'],
  [["run", "assistant", "hi", "--budget", "-1"], "--budget", 'write it like "0.50"'],
  [["run", "assistant", "hi", "--budget", "0.0000000001"], "--budget", "nine decimals"],
  [["run", "assistant", "hi", "--budget", "99999999"], "--budget", "$9,007,199"],
  [["run", "assistant", "hi", "--account", "Acme!"], "--account", "acme/search"],
  [["run", "assistant", "hi", "--id", ""], "--id", "not empty"],
  [["run", "assistant", "hi", "--id", "a\nb"], "--id", "control characters"],
  [["run", "assistant", "hi", "--id", LONG], "id", "1 to 1000 characters"],
  [["run", "assistant", "hi", "--file", "data.csv"], "--file", "NAME=FILE"],
  [["run", "assistant", "hi", "--file", "=data.csv"], "--file", "NAME=FILE"],
  [["run", "assistant", "hi", "--file", "../up.csv=data.csv"], "--file", "relative path"],
  [["run", "assistant", "hi", "--file", "a=one", "--file", "a=two"], "--file", "two files for a"],
  [["run", "assistant", "hi", "--file", "a=./not-there.csv"], "--file a=./not-there.csv", "no such file"],
  [["run", "assistant", "hi", "--file", "a=."], "--file a=.", "it is a folder"],
  [["run", "assistant", "hi", "--detach", "--stream"], "--stream", "--detach"],

  [["runs", "--status", "sleeping"], "--status", "awaiting_approval"],
  [["runs", "--agent", ""], "--agent", "not empty"],
  [["runs", "--limit", "0"], "--limit", "whole number from 1"],
  [["show"], "ID", "missing required argument"],
  [["show", ""], "ID", "not empty"],
  [["show", "no-such-run"], "no-such-run", "there is no run"],
  [["watch", "no-such-run"], "no-such-run", "there is no run"],
  [["approvals", ""], "ID", "not empty"],
  [["approvals", "no-such-run"], "no-such-run", "there is no run"],
  [["approve", "some-run"], "GATE", "missing required argument"],
  [["approve", "", "g1"], "ID", "not empty"],
  [["approve", "some-run", ""], "GATE", "not empty"],
  [["approve", "some-run", "g1", "--args", "{to"], "--args", "not JSON"],
  [["approve", "some-run", "g1", "--args", "[1]"], "--args", "JSON object"],
  [["approve", "some-run", "g1", "--by", " "], "--by", "not empty"],
  [["approve", "some-run", "g1", "--by", LONG], "by", "at most 200 characters"],
  [["approve", "some-run", "g1", "--comment", ""], "--comment", "not empty"],
  [["approve", "some-run", "g1", "--digest", "abc"], "--digest", "64 hexadecimal digits"],
  [["approve", "some-run", "g1", "--key", ""], "--key", "not empty"],
  [["approve", "some-run", "g1", "--key", "not-there.pem"], "not-there.pem", "a private key in PEM"],
  [["approve", "no-such-run", "g1"], "no-such-run", "there is no run"],
  [["reject", "some-run"], "GATE", "missing required argument"],
  [["reject", "some-run", ""], "GATE", "not empty"],
  [["reject", "some-run", "g1", "--args", "{}"], "--args", "unknown option"],
  [["reject", "some-run", "g1", "--by", ""], "--by", "not empty"],
  [["reject", "some-run", "g1", "--digest", "abc"], "--digest", "64 hexadecimal digits"],
  [["reject", "some-run", "g1", "--key", "not-there.pem"], "not-there.pem", "a private key in PEM"],
  [["approver-key"], "FILE", "missing required argument"],
  [["approver-key", ""], "FILE", "not empty"],
  [["approver-key", "package.json"], "package.json", "a private key in PEM"],
  [["approver-key", "no-folder/ana.pem"], "no-folder/ana.pem", "no such file or directory"],
  [["approver-key", "package.json", "--by", ""], "--by", "not empty"],
  [["transcript", ""], "ID", "not empty"],
  [["transcript", "no-such-run"], "no-such-run", "there is no run"],
  [["files", ""], "ID", "not empty"],
  [["files", "some-run", ""], "NAME", "not empty"],
  [["files", "some-run", "--out", ""], "--out", "not empty"],
  [["files", "no-such-run"], "no-such-run", "there is no run"],
  [["say", "", "hello"], "ID", "not empty"],
  [["say", "some-run"], "TEXT", "missing required argument"],
  [["say", "some-run", ""], "TEXT", "must not be empty"],
  [["say", "some-run", "hello", "--by", ""], "--by", "not empty"],
  [["say", "no-such-run", "hello"], "no-such-run", "there is no run"],
  [["pause", ""], "ID", "not empty"],
  [["pause", "some-run", "--by", ""], "--by", "not empty"],
  [["pause", "no-such-run"], "no-such-run", "there is no run"],
  [["resume", "no-such-run"], "no-such-run", "there is no run"],
  [["resume", "some-run", "--by", ""], "--by", "not empty"],
  [["cancel", ""], "ID", "not empty"],
  [["cancel", "no-such-run"], "no-such-run", "there is no run"],
  [["fork", ""], "ID", "not empty"],
  [["fork", "some-run", "--turn", "0"], "--turn", "whole number from 1"],
  [["fork", "some-run", "--turn", "two"], "--turn", "whole number from 1"],
  [["fork", "some-run", "--input", " "], "--input", "must not be empty"],
  [["fork", "some-run", "--id", ""], "--id", "not empty"],
  [["fork", "no-such-run"], "no-such-run", "there is no run"],
  [["budget", "show", ""], "ACCOUNT", "not empty"],
  [["budget", "show", "no-such-run"], "no-such-run", "there is no run"],
  [["budget", "add", "some-run"], "USD", "missing required argument"],
  [["budget", "add", "some-run", "lots"], "USD", 'write it like "0.50"'],
  [["budget", "add", "some-run", "1", "--by", ""], "--by", "not empty"],
  [["budget", "add", "no-such-run", "1"], "no-such-run", "there is no run"],
  [["budget", "freeze", ""], "ID", "not empty"],
  [["budget", "freeze", "some-run", "--reason", ""], "--reason", "not empty"],
  [["budget", "freeze", "some-run", "--by", ""], "--by", "not empty"],
  [["budget", "unfreeze", "no-such-run"], "no-such-run", "there is no run"],
  [["cost", "--by", "team"], "--by", "agent, model, account, day"],
  [["cost", "--since", "yesterday"], "--since", "7 days"],
  [["cost", "--since", "2026-13-45"], "--since", "7 days"],
  [["events", "now"], "too many arguments", "events"],
  [["audit", "verify", ""], "ID", "not empty"],
  [["audit", "verify", "no-such-run"], "no-such-run", "there is no run"],
  [["replay", ""], "ID|FILE", "not empty"],
  [["replay", "--limit", "none"], "--limit", "whole number from 1"],
  [["agents", "all"], "too many arguments", "agents"],
  [["completion"], "SHELL", "missing required argument"],
  [["completion", "cmd"], "SHELL", "bash, zsh, fish"],
  [["dev", "--port", "80a"], "--port", "1 to 65535"],
  [["dev", "--ui-port", "0"], "--ui-port", "1 to 65535"],
  [["worker", "--queues", "agents,ai"], "--queues", "agents and sandbox"],
];

describe("a wrong command line ends with 2 and names what is wrong:", () => {
  test.each(WRONG)("wflo %j", async (line, names, says) => {
    const { exitCode, stdout, stderr } = await wflo(line);
    expect(stderr).toContain(names);
    expect(stderr).toContain(says);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("without a command the help is shown", async () => {
    const { exitCode, stderr } = await wflo([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Usage: wflo");
  });

  test("a wrong setting is named, a line each, before anything is done", async () => {
    const environment = { WFLO_BLOBS: "ftp://x", WFLO_TASK_QUEUE: "a b", TEMPORAL_ADDRESS: "127.0.0.1:1" };
    const { exitCode, stderr } = await wflo(["runs"], undefined, { environment });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^wflo: WFLO_BLOBS: .*s3:\/\/BUCKET/m);
    expect(stderr).toMatch(/^wflo: WFLO_TASK_QUEUE: /m);
  });

  test.each([
    ["TEMPORAL_NAMESPACE", { TEMPORAL_NAMESPACE: "nowhere" }, "no namespace nowhere"],
    ["TEMPORAL_PROFILE", { TEMPORAL_PROFILE: "nobody", TEMPORAL_CONFIG_FILE: "/dev/null" }, "nobody"],
    ["TEMPORAL_CONFIG_FILE", { TEMPORAL_CONFIG_FILE: "/dev/null" }, "TEMPORAL_CONFIG_FILE"],
    ["TEMPORAL_TLS_CLIENT_CERT_PATH", { TEMPORAL_TLS_CLIENT_CERT_PATH: "/no/cert.pem" }, "/no/cert.pem"],
  ])("a wrong %s is named", async (_name, environment, says) => {
    const { exitCode, stderr } = await wflo(["runs"], undefined, { environment });
    expect(stderr).toContain(says);
    expect(exitCode).toBe(2);
  });

  test("a wrong value that is long is cut where it is named", async () => {
    const { stderr } = await wflo(["run", "assistant", "hi", "--budget", LONG]);
    expect(stderr).toContain(`'${"x".repeat(100)}…'`);
    expect(stderr.length).toBeLessThan(500);
  });
});

describe("with --json a problem is the one document on stdout", () => {
  test("of a wrong option", async () => {
    const { exitCode, document } = await wfloJson(["runs", "--status", "sleeping"]);
    expect(exitCode).toBe(2);
    expect(document).toEqual({ error: { type: "wrong-use", message: expect.stringContaining("sleeping") } });
  });

  test("of a run that is not there", async () => {
    const { exitCode, document } = await wfloJson(["show", "no-such-run"]);
    expect(exitCode).toBe(2);
    expect(document).toMatchObject({ error: { type: "no-such-run", advice: expect.stringContaining("wflo runs") } });
  });
});

test("a server that is not there ends with 5, at once, and says what to do", async () => {
  const environment = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
  for (const command of [["runs"], ["show", "x"], ["run", "assistant", "hi"], ["pause", "x"], ["approve", "x", "g1"]]) {
    const { exitCode, stderr } = await wflo(command, undefined, { environment });
    expect(exitCode).toBe(5);
    expect(stderr).toContain(environment.TEMPORAL_ADDRESS);
    expect(stderr).toContain("wflo dev");
  }
});

test.each(["--version", "-V"])("%s says the package's version, and its help has it", async (flag) => {
  expect(await wflo([flag])).toMatchObject({ exitCode: 0, stdout: `${packageVersion()}\n`, stderr: "" });
  expect((await wflo(["--help"])).stdout).toContain("-V, --version");
});

test("help of the program and of each command ends with 0", async () => {
  for (const line of [["--help"], ["help"], ["help", "run"], ["run", "--help"], ["budget", "add", "--help"]]) {
    const { exitCode, stdout } = await wflo(line);
    expect({ exitCode, isHelp: stdout.startsWith("Usage: wflo") }).toEqual({ exitCode: 0, isHelp: true });
  }
});
