import { S3Client } from "@aws-sdk/client-s3";

export interface ClientOptions {
  /** AWS's variables. What is not there the SDK finds as it always does (profiles, roles). @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Until a connection stands, in milliseconds. @default 1_500 */
  readonly connectMs?: number;
  /** Without a byte on a connection, in milliseconds. @default 5_000 */
  readonly idleMs?: number;
}

/** A worker with many runs loads their transcripts side by side. */
const SOCKETS_MAX = 256;

/**
 * A client that gives up early: a worker that hangs on its store is worse off than one that tries again.
 * @throws Error for an endpoint that is none
 */
export function createS3Client({
  environment = process.env,
  connectMs = 1_500,
  idleMs = 5_000,
}: ClientOptions): S3Client {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  const endpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL;
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (endpoint && !(/^https?:\/\//.test(endpoint) && URL.canParse(endpoint))) {
    throw new Error(`AWS_ENDPOINT_URL: ${JSON.stringify(endpoint)} is not a URL such as http://127.0.0.1:7070`);
  }
  const agent = { keepAlive: true, maxSockets: SOCKETS_MAX };
  return new S3Client({
    // Attempts are counted where it is known what a lost answer means; the SDK's retries would hide them.
    retryStrategy: { retry: async (next, args) => await next(args) },
    requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs, httpAgent: agent, httpsAgent: agent },
    // Compatible stores have one host for all buckets, and a region in name only.
    ...(endpoint ? { endpoint, forcePathStyle: true, region: region || "us-east-1" } : {}),
    ...(region ? { region } : {}),
    ...(accessKeyId && secretAccessKey
      ? {
          credentials: {
            accessKeyId,
            secretAccessKey,
            ...(environment.AWS_SESSION_TOKEN ? { sessionToken: environment.AWS_SESSION_TOKEN } : {}),
          },
        }
      : {}),
  });
}
