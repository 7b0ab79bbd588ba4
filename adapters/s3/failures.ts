import { StoreUnavailable } from "../../ports/object-store.js";

/** What the SDK's errors have in common. */
interface SdkError extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Names and codes of failures that the same request may get past. */
const PASSING: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"],
  ...["ENOTFOUND", "ERR_STREAM_PREMATURE_CLOSE", "TimeoutError", "AbortError"],
  ...["SlowDown", "Throttling", "RequestTimeout", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable"],
]);

const CREDENTIALS =
  "the credentials are not accepted: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE";

/** What to do about failures that stay, by the SDK's or the store's name of them. */
const ADVICE: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: CREDENTIALS,
  SignatureDoesNotMatch: CREDENTIALS,
  ExpiredToken: CREDENTIALS,
  InvalidToken: CREDENTIALS,
  XAdminUserNotFound: CREDENTIALS,
  AccessDenied:
    "the credentials lack a permission: Wflo needs s3:GetObject, s3:PutObject, s3:DeleteObject on the objects and s3:ListBucket on the bucket",
  CredentialsProviderError:
    "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
  PermanentRedirect: "the bucket is in another region: set AWS_REGION to it",
  AuthorizationHeaderMalformed: "the bucket is in another region: set AWS_REGION to it",
  NotImplemented: "this store knows no conditional writes (If-None-Match), which Wflo needs; use one that does",
};

/** True where the same request may go through later. */
export function mayPass(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  const { name, code, message } = error as SdkError;
  const status = statusOf(error);
  if (PASSING.has(name) || (code !== undefined && PASSING.has(code))) return true;
  // A body that was cut off or changed on its way.
  if (message === "aborted" || /checksum mismatch/i.test(message)) return true;
  return status !== undefined && (status === 429 || (status >= 500 && status !== 501));
}

/** A conditional write found something. */
export function isPrecondition(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Another write to the same key was under way: AWS asks for the write to be sent again. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** There is no object of this key. By the name: a 404 may also be a bucket's, a user's or a proxy's. */
export function isMissingKey(error: unknown): boolean {
  return ["NoSuchKey", "NotFound"].includes((error as SdkError).name);
}

/** The failure as the port has it: what happened, to what, what to do. */
export function storeFailure(
  error: unknown,
  { what, bucket }: { readonly what: string; readonly bucket: string },
): Error {
  const { name, message } = error as SdkError;
  if (mayPass(error))
    return new StoreUnavailable(`${what}: ${named(name, message)}; it is tried again`, { cause: error });
  return new Error(`${what}: ${adviceOn(error as SdkError, bucket) ?? named(name, message)}`, { cause: error });
}

function adviceOn(error: SdkError, bucket: string): string | undefined {
  if (error.name === "NoSuchBucket") return `the bucket ${bucket} does not exist: create it, or correct WFLO_BLOBS`;
  if (/region is missing/i.test(error.message)) return "the region is not known: set AWS_REGION";
  const advice = Object.hasOwn(ADVICE, error.name) ? ADVICE[error.name] : undefined;
  return advice === undefined ? undefined : `${advice} (${error.name})`;
}

function named(name: string, message: string): string {
  return name === "" || name === "Error" ? message : `${name}: ${message}`;
}

function statusOf(error: unknown): number | undefined {
  return (error as SdkError).$metadata?.httpStatusCode;
}
