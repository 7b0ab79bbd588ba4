import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CommandContext, inSession, type Session } from "../command.js";
import { WrongUse } from "../problems.js";

interface CodecServerFlags {
  readonly port: number;
  readonly host: string;
  readonly origin: readonly string[];
}

const SHORTEST_TOKEN = 16;
/** The dev server's Web UI. */
const DEFAULT_ORIGIN = "http://localhost:8233";

/** `wflo codec-server`: shows what is encrypted in the Web UI and the `temporal` command, to whoever has the token. */
export function registerCodecServer(program: Command, context: CommandContext): void {
  program
    .command("codec-server")
    .description("decrypt for the Temporal Web UI and the temporal command, for whoever has the token")
    .option("--port <PORT>", "0 takes a free one", readPort, 8081)
    .option("--host <HOST>", "address to listen on; whatever is not this machine wants TLS before it", "127.0.0.1")
    .addOption(
      new Option("--origin <URL>", "a Web UI that may ask; may be given several times")
        .argParser(addOrigin)
        .default([DEFAULT_ORIGIN]),
    )
    .addHelpText(
      "after",
      "\nThe token is WFLO_CODEC_TOKEN (16 characters or more), or one of WFLO_ACCESS_TOKENS or WFLO_OIDC_ISSUER; without any one is made and shown.",
    )
    .action(
      inSession(context, async (session: Session, { port, host, origin: origins }: CodecServerFlags) => {
        const { config, surroundings, output } = session;
        if (!config.keyRing)
          throw new WrongUse("nothing is encrypted: WFLO_ENCRYPTION_KEYS is not set", "Set it as the workers have it.");
        const given = surroundings.environment.WFLO_CODEC_TOKEN?.trim();
        if (given && given.length < SHORTEST_TOKEN) {
          throw new WrongUse(
            `WFLO_CODEC_TOKEN has less than ${SHORTEST_TOKEN} characters`,
            "Make one with `openssl rand -hex 32`.",
          );
        }
        const { openAccess } = await import("../../workers/access.js");
        const { anyOf } = await import("../../adapters/access/any-of.js");
        const { oneToken } = await import("../../adapters/access/one-token.js");
        const known = openAccess(config);
        // Where the settings say who may, no other token is made.
        const token = given || (known ? undefined : randomBytes(24).toString("base64url"));
        const access = anyOf([...(token ? [oneToken(token, "operator")] : []), ...(known ? [known] : [])]);
        const { startCodecServer } = await import("../../encryption/codec-server.js");
        const { createPayloadCodec } = await import("../../encryption/payload-codec.js");
        const codec = createPayloadCodec(config.keyRing);
        const server = await startCodecServer({ codec, access, origins, port, host }).catch((error: Error) => {
          throw new WrongUse(`port ${port} of ${host} cannot be used: ${error.message}`, "Choose another with --port.");
        });
        output.say(`decrypting on ${server.url} for ${origins.join(", ")}`);
        if (!given && token) output.say(`token: ${token}`);
        output.say(
          `log a browser in at ${server.url}; or: temporal workflow show --codec-endpoint ${server.url} --codec-auth "Bearer TOKEN"`,
        );
        await new Promise<void>((resolve) => surroundings.onInterrupt(resolve));
        await server.close();
      }),
    );
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}

/** The first one that is given takes the default's place. */
function addOrigin(text: string, before: readonly string[]): readonly string[] {
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  if (origin === "null") throw new InvalidArgumentError("It must be an address such as https://temporal.example.com.");
  return before.length === 1 && before[0] === DEFAULT_ORIGIN ? [origin] : [...before, origin];
}
