import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../workers/free-port.js";
import { type StartedProcess, startProcess } from "./processes.js";

/** A real S3-compatible server with one bucket. */
export interface S3Server {
  readonly port: number;
  readonly bucket: string;
  /** AWS's variables for it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: StartedProcess["stop"];
}

const ACCESS_KEY = "wflo-test-access";
const SECRET_KEY = "wflo-test-secret";

/** @param versitygw the program @param folder an empty one; a bucket is a folder in it */
export async function startS3Server(versitygw: string, folder: string): Promise<S3Server> {
  const bucket = "wflo-test";
  await mkdir(join(folder, bucket));
  const port = await freePort();
  const { stop } = await startProcess({
    command: versitygw,
    args: ["--port", `127.0.0.1:${port}`, "posix", folder],
    env: { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
    ready: new RegExp(`127.0.0.1:${port}`),
  });
  const environment = s3Environment(port);
  return { port, bucket, environment, stop };
}

/** AWS's variables for the test server behind another port (a proxy). */
export function s3Environment(port: number): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  };
}
