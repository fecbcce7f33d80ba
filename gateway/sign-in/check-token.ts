/** What a token has to be, to be believed: everything is pinned by the settings, and nothing is taken from the token. */
import { errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import type { CheckToken } from "../api/sign-in.ts";
import type { Clock } from "../../log/clock.ts";
import type { Logger } from "../../log/logger.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { SignInSettings } from "./settings.ts";

/** A principal stands in answers, in logs and in names of things: short, and without anything unprintable. */
const NAME = /^[^\p{C}\p{Z}][^\p{C}]{0,254}$/u;

const CLAIMS: Readonly<Record<string, string>> = {
  iss: "it was made by somebody else than is trusted here (iss)",
  aud: "it is for somebody else (aud)",
  exp: "it does not say until when it is good (exp)",
  nbf: "it is not good yet (nbf)",
  iat: "it does not say rightly when it was made (iat)",
};

/** By jose's codes. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "it has expired (exp)",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature is not that of a key that is trusted here",
  ERR_JWKS_NO_MATCHING_KEY: "its signature is not that of a key that is trusted here",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "it does not name its key (kid), and several would fit",
  ERR_JOSE_ALG_NOT_ALLOWED: "it is signed with an algorithm that is not allowed here (alg)",
  ERR_JOSE_NOT_SUPPORTED: "it asks for what is not understood here",
  ERR_JWS_INVALID: "it is not a signed JWT",
  ERR_JWT_INVALID: "it is not a signed JWT",
};

export interface CheckTokenOptions {
  settings: Pick<SignInSettings, "algorithms" | "issuer" | "audience" | "subjectClaim" | "skewSeconds">;
  keys: JWTVerifyGetKey;
  clock: Clock;
  log: Logger;
}

export function tokenCheck({ settings, keys, clock, log }: CheckTokenOptions): CheckToken {
  const { algorithms, issuer, audience, subjectClaim, skewSeconds } = settings;
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: [...algorithms],
        issuer,
        audience: [...audience],
        clockTolerance: skewSeconds,
        requiredClaims: ["exp"],
        currentDate: new Date(clock.now()),
      });
      const name = payload[subjectClaim];
      if (typeof name !== "string" || !NAME.test(name))
        throw refused(`it does not name anybody rightly (${subjectClaim})`);
      return { principal: `User:${name}`, expiresAtMs: (payload.exp ?? 0) * 1000 };
    } catch (error) {
      throw refusal(error, log);
    }
  };
}

function refusal(error: unknown, log: Logger): KafkaError {
  if (error instanceof KafkaError) return error;
  const code = error instanceof errors.JOSEError ? error.code : "";
  const reason = error instanceof errors.JWTClaimValidationFailed ? CLAIMS[error.claim] : REASONS[code];
  if (reason !== undefined) return refused(reason);
  // Nothing that a token could be: keys that cannot be used, or a fault. What it says may be about the keys, not the token.
  log.error("tokens cannot be checked", { error: error instanceof Error ? error.message : String(error) });
  return new KafkaError(ErrorCode.NETWORK_EXCEPTION, "tokens cannot be checked at the moment; try again");
}

function refused(reason: string): KafkaError {
  return new KafkaError(ErrorCode.SASL_AUTHENTICATION_FAILED, `the token is refused: ${reason}`);
}
