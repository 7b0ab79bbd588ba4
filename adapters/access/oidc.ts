import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { lazy } from "../../core/lazy.js";
import { strongestRole } from "../../core/roles.js";
import type { Access } from "../../ports/access.js";

export interface OidcOptions {
  /** As tokens have it in `iss`; its discovery document says where its keys are. */
  readonly issuer: string;
  /** As tokens have it in `aud`. */
  readonly audience: string;
  /** Path of the claim with roles, such as `roles` or `realm_access.roles`. */
  readonly rolesClaim: string;
}

/** Signatures by a secret that is shared are none by an issuer: only asymmetric ones count. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const PATIENCE_MS = 5_000;
/** Clocks differ, in seconds. */
const TOLERANCE_S = 30;

/** ID and access tokens of an OpenID Connect issuer, as JWTs; a caller is their e-mail address, name, or subject. */
export function createOidcAccess({ issuer, audience, rolesClaim }: OidcOptions): Access {
  const keys = lazy(async () => await discovered(issuer));
  return {
    async identify(token) {
      // Three parts with dots are what a JWT is; nobody is asked about anything else.
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      try {
        const options = {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: TOLERANCE_S,
          requiredClaims: ["exp", "sub"],
        };
        const { payload } = await jwtVerify(token, await keys.get(), options);
        const role = strongestRole(rolesIn(payload, rolesClaim));
        return role && { name: nameOf(payload), role };
      } catch (error) {
        if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return undefined;
        throw error;
      }
    },
  };
}

async function discovered(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const found = (await response.json()) as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  if (found.issuer !== issuer || typeof found.jwks_uri !== "string") {
    throw new Error(`${url} is no discovery document of the issuer ${issuer}`);
  }
  return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: PATIENCE_MS });
}

function rolesIn(payload: JWTPayload, claim: string): readonly unknown[] {
  let at: unknown = payload;
  for (const name of claim.split(".")) {
    const isThere = typeof at === "object" && at !== null && Object.hasOwn(at, name);
    at = isThere ? (at as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return Array.isArray(at) ? at : typeof at === "string" ? at.split(" ") : [];
}

function nameOf({ email, email_verified: isVerified, preferred_username: name, sub = "" }: JWTPayload): string {
  if (typeof email === "string" && isVerified === true) return email;
  return typeof name === "string" && name !== "" ? name : sub;
}
