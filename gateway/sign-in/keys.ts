/** The keys that tokens are checked with, from wherever the settings say. */
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import type { Clock } from "../../log/clock.ts";
import type { Logger } from "../../log/logger.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { fetchKeys } from "./fetch-keys.ts";
import type { KeySource } from "./settings.ts";
import { WatchedFile } from "./watched-file.ts";

/** A key that is not among those that were fetched: they are fetched again, but not more often than this. */
const COOLDOWN_MS = 30_000;
/** After a fetch that has failed, the next one waits for so long. */
const RETRY_MS = 1000;
const FETCH_TIMEOUT_MS = 5000;
/** What a secret must have for each algorithm (RFC 7518, 3.2). */
const SECRET_BYTES_MIN: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

export interface KeysOptions {
  clock: Clock;
  log: Logger;
  algorithms: readonly string[];
}

/**
 * How a token's key is found. What it answers with rejects with KafkaError NETWORK_EXCEPTION while there are no keys to be
 * had, and logs why. Rejects with KafkaError INVALID_CONFIG for a file that cannot be used; for keys that are fetched
 * the node does not wait: those who make tokens may be away while it starts.
 */
export async function openKeys(source: KeySource, options: KeysOptions): Promise<JWTVerifyGetKey> {
  const { clock, log, algorithms } = options;
  if (source.kind === "url") return fetchedKeys(source, options);
  const { kind, path } = source;
  const parse = (bytes: Uint8Array): JWTVerifyGetKey =>
    kind === "file" ? createLocalJWKSet(publicKeys(bytes)) : always(secret(bytes, algorithms));
  const file = new WatchedFile(path, parse, clock);
  try {
    await file.read();
  } catch (error) {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `${path}: ${messageOf(error)}`, { cause: error });
  }
  return async (header, token) => {
    const find = await file.read().catch((error: unknown) => {
      throw unavailable(log, `${path}: ${messageOf(error)}`);
    });
    return find(header, token);
  };
}

function always(key: Uint8Array): JWTVerifyGetKey {
  return () => Promise.resolve(key);
}

function fetchedKeys(source: KeySource & { kind: "url" }, { log }: KeysOptions): JWTVerifyGetKey {
  const { url, refreshMs, isAnyAddressAllowed } = source;
  let failedAt = Number.NEGATIVE_INFINITY;
  const find = createRemoteJWKSet(url, {
    cacheMaxAge: refreshMs,
    cooldownDuration: Math.min(COOLDOWN_MS, refreshMs),
    timeoutDuration: FETCH_TIMEOUT_MS,
    [customFetch]: async (_url, { signal }) => {
      const waited = performance.now() - failedAt;
      if (waited < RETRY_MS) throw unavailable();
      try {
        const keys = publicKeys(await fetchKeys(url, { signal, isAnyAddressAllowed }));
        return Response.json(keys);
      } catch (error) {
        failedAt = performance.now();
        throw unavailable(log, `${url.href}: ${messageOf(error)}`);
      }
    },
  });
  // An operator should hear of a wrong URL at the start, not from those whom it has shut out.
  find.reload().catch(() => {});
  return (header, token) => find(header, token);
}

/** Throws for what is no JWKS, has no keys, or holds what has to stay with those who make tokens. */
function publicKeys(text: Uint8Array | string): { keys: object[] } {
  const said: unknown = JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text));
  const keys = (said as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "object" && key !== null))
    throw new Error("it is no JWKS: { keys: [...] }");
  if (keys.length === 0) throw new Error("it has no keys, so no token could be checked");
  if (keys.some((key: Record<string, unknown>) => "d" in key || "k" in key || key.kty === "oct"))
    throw new Error("it holds private or secret keys; only public ones belong here");
  return { keys };
}

function secret(bytes: Uint8Array, algorithms: readonly string[]): Uint8Array {
  // Editors end a file with a line break; a secret does not.
  let end = bytes.byteLength;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  const least = Math.max(...algorithms.map((algorithm) => SECRET_BYTES_MIN[algorithm] ?? 0));
  if (end < least)
    throw new Error(`the secret has ${end} bytes; ${algorithms.join(", ")} wants at least ${least}`);
  return bytes.slice(0, end);
}

/** What a client is told; where the keys are is for the log. */
function unavailable(log?: Logger, why?: string): KafkaError {
  if (log !== undefined && why !== undefined) log.error(`tokens cannot be checked: ${why}`);
  return new KafkaError(
    ErrorCode.NETWORK_EXCEPTION,
    "tokens cannot be checked at the moment: the keys cannot be had; try again",
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
