/** What the settings say about signing in, held against each other: a mistake here is an open door, so it is told at the start. */
import { isLoopback } from "../settings.ts";
import type { BrokerConfig } from "../../log/config.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

/** Where keys come from: exactly one of these. */
export type KeySource =
  | {
      readonly kind: "url";
      readonly url: URL;
      readonly refreshMs: number;
      readonly isAnyAddressAllowed: boolean;
    }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "secret"; readonly path: string };

export interface SignInSettings {
  readonly keys: KeySource;
  readonly algorithms: readonly string[];
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly subjectClaim: string;
  readonly skewSeconds: number;
  readonly maxReauthMs: number;
  readonly failureDelayMs: number;
  readonly requestBytesMax: number;
}

/** Public keys check these; a secret must never be taken for one of them, nor a public key for a secret. */
const OF_PUBLIC_KEYS: readonly string[] =
  "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");
const OF_SECRETS: readonly string[] = ["HS256", "HS384", "HS512"];

const PREFIX = "sasl.oauthbearer.";

/** undefined: nobody has to sign in. Throws KafkaError INVALID_CONFIG for settings that do not go together. */
export function signInSettings(config: BrokerConfig): SignInSettings | undefined {
  const text = (name: string): string => config.values.get(name) ?? "";
  const texts = (name: string): string[] =>
    text(name)
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== "");
  if (text("sasl.enabled.mechanisms") === "") {
    const [given] = [...config.levels.fixed.keys()].filter((name) => name.startsWith(PREFIX));
    if (given === undefined) return undefined;
    throw invalid(
      `${given} is set, and nobody would have to sign in: add sasl.enabled.mechanisms=OAUTHBEARER, or take it away`,
    );
  }
  const keys = keySource(text, texts(`${PREFIX}allowed.urls`));
  const issuer = text(`${PREFIX}expected.issuer`);
  const audience = texts(`${PREFIX}expected.audience`);
  const subjectClaim = text(`${PREFIX}sub.claim.name`);
  if (issuer === "") throw missing("expected.issuer", "the tokens' iss");
  if (audience.length === 0) throw missing("expected.audience", "the tokens' aud");
  if (subjectClaim === "") throw missing("sub.claim.name", "the claim that names the principal");
  return {
    keys,
    algorithms: algorithmsFor(keys, texts(`${PREFIX}algorithms`)),
    issuer,
    audience,
    subjectClaim,
    skewSeconds: Number(text(`${PREFIX}clock.skew.seconds`)),
    maxReauthMs: Number(text("connections.max.reauth.ms")),
    failureDelayMs: Number(text("connection.failed.authentication.delay.ms")),
    requestBytesMax: Number(text("sasl.server.max.receive.size")),
  };
}

function keySource(text: (name: string) => string, allowedUrls: readonly string[]): KeySource {
  const [urlName, fileName, secretName] = ["jwks.endpoint.url", "jwks.file", "secret.file"].map(
    (name) => PREFIX + name,
  ) as [string, string, string];
  const given = [urlName, fileName, secretName].filter((name) => text(name) !== "");
  if (given.length !== 1) {
    throw invalid(
      `signing in wants exactly one of ${urlName}, ${fileName} and ${secretName}: ` +
        (given.length === 0 ? "none is set, so no token could be checked" : `${given.join(" and ")} are set`),
    );
  }
  if (given[0] === fileName) return { kind: "file", path: text(fileName) };
  if (given[0] === secretName) return { kind: "secret", path: text(secretName) };
  return {
    kind: "url",
    url: keysUrl(urlName, text(urlName)),
    refreshMs: Number(text(`${PREFIX}jwks.endpoint.refresh.ms`)),
    isAnyAddressAllowed: allowedUrls.includes(text(urlName)),
  };
}

function keysUrl(name: string, text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(`${name} is not a URL, for example https://login.example/.well-known/jwks.json`);
  }
  if (url.protocol === "file:")
    throw invalid(`${name} is for the network; for a file there is ${PREFIX}jwks.file`);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(bare(url.hostname))))
    throw invalid(`${name} has to begin with https: keys that come in the clear are anybody's`);
  if (url.username !== "" || url.password !== "") throw invalid(`${name} holds a password; keys are public`);
  return url;
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function algorithmsFor({ kind }: KeySource, given: readonly string[]): readonly string[] {
  const possible = kind === "secret" ? OF_SECRETS : OF_PUBLIC_KEYS;
  if (given.length === 0) return kind === "secret" ? ["HS256"] : possible;
  const odd = given.find((algorithm) => !possible.includes(algorithm));
  if (odd === undefined) return given;
  throw invalid(
    `${PREFIX}algorithms: "${shown(odd)}" is not for ${kind === "secret" ? "a secret" : "public keys"}; ` +
      `it can be ${possible.join(", ")}`,
  );
}

function missing(name: string, what: string): KafkaError {
  return invalid(
    `signing in wants ${PREFIX}${name} (${what}): without it, tokens that were made for others would open this door`,
  );
}

function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 40);
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_CONFIG, message);
}
