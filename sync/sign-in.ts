/** Signing in on a connection with a token, and again in time on the same connection (KIP-368). */
import type { Clock } from "../log/clock.ts";
import { saslAuthenticate } from "../wire/apis/sasl-authenticate.ts";
import { saslHandshake } from "../wire/apis/sasl-handshake.ts";
import { ErrorCode, errorName } from "../wire/errors.ts";
import { encodeOauthbearer, OAUTHBEARER } from "../wire/oauthbearer.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import { isSignedOut, signedOut } from "./signed-out.ts";
import { deferred, sleep } from "./wait.ts";

/**
 * Gives the token to sign in with, a fresh one where the last is about to run out. Rejects with KafkaError
 * SASL_AUTHENTICATION_FAILED when there is nobody to sign in (any more); any other failure is tried again.
 */
export type Tokens = () => Promise<string>;

/** Somebody who is signed in. */
export interface SignedIn {
  readonly token: string;
  /** Milliseconds until the gateway closes the connection; 0: it does not. */
  readonly lifetimeMs: number;
}

const TOKEN_TIMEOUT_MS = 30_000;
const SIGN_IN_TIMEOUT_MS = 10_000;
/** Of what is left of a session, so much passes before it is renewed: as Kafka's clients, somewhat earlier. */
const RENEW_FROM = 0.75;
const RENEW_TO = 0.9;
const RENEW_PAUSE_MS = 1000;

/** Whether the other side lets nobody in without a token. */
export function wantsSignIn(connection: Connection): boolean {
  return connection.version(saslHandshake) !== undefined;
}

/** A token, in time; rejects when the signal aborts first. */
export async function askToken(tokens: Tokens, clock: Clock, signal: AbortSignal): Promise<string> {
  const answer = deferred<string>();
  const cancel = clock.setTimer(TOKEN_TIMEOUT_MS, () =>
    answer.reject(new Error(`token() has not answered within ${TOKEN_TIMEOUT_MS} ms`)),
  );
  const onAbort = (): void => answer.reject(new Error("not wanted any more"));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  else
    tokens().then(
      (token) => answer.resolve(token),
      (error: unknown) => answer.reject(error),
    );
  try {
    return await answer.promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Rejects with KafkaError: SASL_AUTHENTICATION_FAILED and the gateway's own words, or NETWORK_EXCEPTION. */
export async function signIn(connection: Connection, token: string): Promise<SignedIn> {
  const handshake = await connection.request(saslHandshake, { mechanism: OAUTHBEARER }, SIGN_IN_TIMEOUT_MS);
  if (handshake.errorCode !== ErrorCode.NONE) {
    throw signedOut(
      `the gateway does not take ${OAUTHBEARER} (${errorName(handshake.errorCode)}), but ${handshake.mechanisms.join(", ")}`,
    );
  }
  const authBytes = encodeOauthbearer(token);
  const answer = await connection.request(saslAuthenticate, { authBytes }, SIGN_IN_TIMEOUT_MS);
  if (answer.errorCode !== ErrorCode.NONE)
    throw signedOut(
      answer.errorMessage ?? `the gateway has refused the token (${errorName(answer.errorCode)})`,
    );
  return { token, lifetimeMs: Number(answer.sessionLifetimeMs) };
}

export interface RenewalOptions {
  connection: Connection;
  tokens: Tokens;
  clock: Clock;
  /** Answers [0, 1). */
  random: () => number;
  signedIn: SignedIn;
  /** Is told of each renewal. */
  onRenewed: (signedIn: SignedIn) => void;
  /** Aborts when the connection has ended. */
  signal: AbortSignal;
}

/**
 * Renews the session before it ends, for as long as the connection lasts; what is outstanding on it is not touched.
 * Resolves when there is nothing more to renew; rejects when nobody is signed in any more. A token that cannot be had is
 * asked for again until the session is over: then the gateway ends the connection.
 */
export async function keepSignedIn(options: RenewalOptions): Promise<void> {
  const { connection, tokens, clock, random, signal } = options;
  let { token, lifetimeMs: leftMs } = options.signedIn;
  let failures = 0;
  while (leftMs > 0) {
    const share = RENEW_FROM + (RENEW_TO - RENEW_FROM) * random();
    const pauseMs = failures === 0 ? leftMs * share : fullJitterMs(failures, random, RETRY_BACK_OFF);
    // Just before the end there is no use in hurry: it would only ask more often.
    const waitMs = Math.max(Math.min(leftMs, RENEW_PAUSE_MS), pauseMs);
    await sleep(clock, waitMs, signal);
    if (signal.aborted) return;
    leftMs -= waitMs;
    try {
      const next = await askToken(tokens, clock, signal);
      failures = 0;
      // The app has none that is newer: it may have one a little later.
      if (next === token) continue;
      const signedIn = await signIn(connection, next);
      ({ token, lifetimeMs: leftMs } = signedIn);
      options.onRenewed(signedIn);
    } catch (error) {
      if (isSignedOut(error)) throw error;
      if (signal.aborted) return;
      failures += 1;
    }
  }
}
