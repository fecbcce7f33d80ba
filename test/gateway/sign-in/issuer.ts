/** Somebody who makes tokens, and a gateway that believes them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from "jose";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "../start-gateway.ts";
import { saslAuthenticate } from "../../../wire/apis/sasl-authenticate.ts";
import { saslHandshake } from "../../../wire/apis/sasl-handshake.ts";
import { encodeOauthbearer } from "../../../wire/oauthbearer.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import type { ProtocolClient } from "../protocol-client.ts";

export const ISSUER = "https://login.example";
export const AUDIENCE = "rivulet";

export interface TokenOptions {
  /** Claims besides, or instead of, those of a good token; undefined leaves one out. */
  claims?: Record<string, unknown>;
  /** Seconds from now. */
  expiresIn?: number;
  header?: { alg?: string; kid?: string };
  key?: CryptoKey | Uint8Array;
}

/** Makes tokens with one key of its own. */
export class Issuer {
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;

  private constructor(privateKey: CryptoKey, jwk: JWK) {
    this.privateKey = privateKey;
    this.jwk = jwk;
  }

  static async create(kid = "key-1", alg = "ES256"): Promise<Issuer> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return new Issuer(privateKey, { ...(await exportJWK(publicKey)), kid, alg, use: "sig" });
  }

  /** What is put into a file, or answered by a URL. */
  get jwks(): string {
    return jwksOf(this);
  }

  token(subject: string, { claims = {}, expiresIn = 3600, header, key }: TokenOptions = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const all = { sub: subject, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + expiresIn, ...claims };
    const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new SignJWT(payload as JWTPayload)
      .setProtectedHeader({ alg: this.jwk.alg ?? "ES256", kid: this.jwk.kid ?? "", ...header })
      .sign(key ?? this.privateKey);
  }
}

export function jwksOf(...issuers: Issuer[]): string {
  return JSON.stringify({ keys: issuers.map(({ jwk }) => jwk) });
}

export interface GuardedGateway extends TestGateway {
  readonly issuer: Issuer;
  /** The file of keys that the gateway watches. */
  readonly keysFile: string;
}

/** A gateway where everybody has to sign in. `config` is added to what that takes. */
export async function startGuardedGateway(
  config: Record<string, string> = {},
  options: Omit<TestGatewayOptions, "args"> = {},
): Promise<GuardedGateway> {
  const issuer = await Issuer.create();
  const directory = await mkdtemp(join(tmpdir(), "rivulet-keys-"));
  const keysFile = join(directory, "jwks.json");
  await writeFile(keysFile, issuer.jwks);
  const gateway = await startTestGateway({
    ...options,
    args: guardedBy({ "sasl.oauthbearer.jwks.file": keysFile, ...config }),
  });
  return {
    ...gateway,
    issuer,
    keysFile,
    async stop() {
      await gateway.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Arguments of the command. */
export function guardedBy(config: Record<string, string>): string[] {
  const all = {
    "sasl.enabled.mechanisms": "OAUTHBEARER",
    "sasl.oauthbearer.expected.issuer": ISSUER,
    "sasl.oauthbearer.expected.audience": AUDIENCE,
    "connection.failed.authentication.delay.ms": "0",
    ...config,
  };
  return Object.entries(all).flatMap(([name, value]) => ["--config", `${name}=${value}`]);
}

export type SignedIn = ResponseOf<typeof saslAuthenticate>;

/** SaslHandshake and SaslAuthenticate. */
export async function signIn(client: ProtocolClient, token: string): Promise<SignedIn> {
  await client.request(saslHandshake, 1, { mechanism: "OAUTHBEARER" });
  return client.request(saslAuthenticate, 2, { authBytes: encodeOauthbearer(token) });
}
