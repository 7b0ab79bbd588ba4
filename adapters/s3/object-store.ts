import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { checkKey, checkPrefix, type ObjectStore, StoreUnavailable } from "../../ports/object-store.js";
import { type ClientOptions, createS3Client } from "./client.js";
import { isConflict, isMissingKey, isPrecondition, mayPass, storeFailure } from "./failures.js";

export interface S3ObjectStoreOptions extends ClientOptions {
  readonly bucket: string;
  /** Stands before every key; without slashes at its ends. @default none */
  readonly prefix?: string;
}

export interface S3ObjectStore extends ObjectStore {
  /** Closes idle connections; calls under way may fail. */
  close(): void;
}

/** So often a request is sent until the store counts as away; the SDK's own retries are off. */
const ATTEMPTS = 3;

/** Racing conditional writes may refuse each other for a moment. */
const CONFLICTS_MAX = 10;

const FIRST_PAUSE_MS = 100;

/** Says which write an object came from: a write whose answer was lost is known again. */
const WRITER = "wflo-writer";

/** Written at the first conditional write of a process, to see that the store minds the condition. */
const PROBE = "wflo-check/conditional-writes";

/** Objects in an S3 bucket, or in a store that speaks S3 and knows conditional writes, for workers everywhere. */
export function createS3ObjectStore({ bucket, prefix = "", ...options }: S3ObjectStoreOptions): S3ObjectStore {
  const client = createS3Client(options);
  const before = prefix.replace(/^\/+|\/+$/g, "");
  const description = `s3://${bucket}${before === "" ? "" : `/${before}`}`;
  const of = (key: string) => {
    checkKey(key);
    return { Bucket: bucket, Key: before === "" ? key : `${before}/${key}` };
  };
  const told = async <T>(what: string, work: () => Promise<T>): Promise<T> =>
    await work().catch((error: unknown) => {
      throw storeFailure(error, { what: `${description}: ${what}`, bucket });
    });
  const sent = async <T>(what: string, send: () => Promise<T>): Promise<T> =>
    await told(what, async () => await attempted(send));
  let proof: Promise<void> | undefined;
  return {
    description,
    async get(key) {
      const place = of(key);
      return await sent(`${key} cannot be read`, async () => await getObject(client, place));
    },
    async put(key, value) {
      const place = of(key);
      const command = new PutObjectCommand({ ...place, Body: value });
      await sent(`${key} cannot be written`, async () => await client.send(command));
    },
    async putIfAbsent(key, value) {
      const place = of(key);
      return await told(`${key} cannot be written`, async () => {
        proof ??= proveConditions(client, of(PROBE));
        await proof.catch((error: unknown) => {
          proof = undefined;
          throw error;
        });
        return await createObject(client, place, value);
      });
    },
    async list(keys) {
      checkPrefix(keys);
      const at = before === "" ? "" : `${before}/`;
      const found = await told(`${keys} cannot be listed`, async () => await listKeys(client, bucket, `${at}${keys}`));
      return found.map((key) => key.slice(at.length)).sort();
    },
    async delete(key) {
      const place = of(key);
      await sent(`${key} cannot be deleted`, async () => await client.send(new DeleteObjectCommand(place)));
    },
    close: () => client.destroy(),
  };
}

interface Place {
  readonly Bucket: string;
  readonly Key: string;
}

async function getObject(client: S3Client, place: Place): Promise<Uint8Array | undefined> {
  try {
    const { Body: body } = await client.send(new GetObjectCommand(place));
    return await body?.transformToByteArray();
  } catch (error) {
    if (isMissingKey(error)) return undefined;
    throw error;
  }
}

/** Writes where there is nothing; knows its own write again when the answer to it was lost. */
async function createObject(client: S3Client, place: Place, value: Uint8Array): Promise<boolean> {
  const writer = randomUUID();
  let mayStand = false;
  for (let conflicts = 0; ; ) {
    try {
      return await attempted(
        async () =>
          await client.send(
            new PutObjectCommand({ ...place, Body: value, IfNoneMatch: "*", Metadata: { [WRITER]: writer } }),
          ),
        () => {
          mayStand = true;
        },
      ).then(() => true);
    } catch (error) {
      if (isPrecondition(error)) return mayStand && (await isOurs(client, place, writer));
      conflicts += 1;
      if (!isConflict(error)) throw error;
      if (conflicts > CONFLICTS_MAX) throw new StoreUnavailable(`other writers were in the way ${conflicts} times`);
      await pause(FIRST_PAUSE_MS / 2);
    }
  }
}

async function isOurs(client: S3Client, place: Place, writer: string): Promise<boolean> {
  const { Metadata: metadata } = await attempted(async () => await client.send(new HeadObjectCommand(place)));
  return metadata?.[WRITER] === writer;
}

/** A store that overwrites in spite of the condition would let two workers buy the same answer. @throws Error */
async function proveConditions(client: S3Client, place: Place): Promise<void> {
  const value = new TextEncoder().encode("Wflo writes this twice and expects the second write to be refused.\n");
  await createObject(client, place, value);
  if (!(await createObject(client, place, value))) return;
  throw new Error(
    "this store ignores the condition of a write (If-None-Match), on which it rests that nothing is bought twice; use one that minds it",
  );
}

async function listKeys(client: S3Client, bucket: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let token: string | undefined; ; ) {
    const page = await attempted(
      async () =>
        await client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }),
        ),
    );
    keys.push(...(page.Contents ?? []).flatMap(({ Key: key }) => (key === undefined ? [] : [key])));
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
    if (token === undefined) return keys;
  }
}

/** Sends again what may pass, after a growing pause. */
async function attempted<T>(send: () => Promise<T>, failed: () => void = () => {}): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (!mayPass(error) || attempt === ATTEMPTS) throw error;
      failed();
      await pause(FIRST_PAUSE_MS * 4 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
