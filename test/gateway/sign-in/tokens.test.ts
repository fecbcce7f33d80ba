/** Which tokens let somebody in, over real sockets: everything that is not right is refused, and by name (security check 7). */
import { createHmac } from "node:crypto";
import { generateKeyPair } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { metadata } from "../../../wire/apis/metadata.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { AUDIENCE, Issuer, ISSUER, signIn, startGuardedGateway, type GuardedGateway } from "./issuer.ts";

let gateway: GuardedGateway;
let issuer: Issuer;
let client: ProtocolClient;

beforeAll(async () => {
  gateway = await startGuardedGateway();
  issuer = gateway.issuer;
});
afterAll(() => gateway.stop());

const now = (): number => Math.floor(Date.now() / 1000);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = (): object => ({ sub: "mallory", iss: ISSUER, aud: AUDIENCE, exp: now() + 3600 });

/** A token that is signed with the text of a public key, as if it were a secret. */
function confused(): string {
  const signed = `${part({ alg: "HS256", kid: issuer.jwk.kid })}.${part(claims())}`;
  return `${signed}.${createHmac("sha256", JSON.stringify(issuer.jwk)).update(signed).digest("base64url")}`;
}

async function forged(): Promise<string> {
  return (await Issuer.create("key-1")).token("mallory");
}

/** The signature of one token under the claims of another. */
async function patched(): Promise<string> {
  const [header, , signature] = (await issuer.token("alice")).split(".");
  return `${header}.${part(claims())}.${signature}`;
}

const refused: readonly [what: string, token: () => string | Promise<string>, reason: RegExp][] = [
  ["the algorithm none", () => `${part({ alg: "none" })}.${part(claims())}.`, /algorithm|not a signed JWT/],
  ["the algorithm nOnE", () => `${part({ alg: "nOnE" })}.${part(claims())}.`, /algorithm|not a signed JWT/],
  ["a public key taken for a secret", confused, /algorithm that is not allowed/],
  ["a key that only has the right name", forged, /not that of a key that is trusted/],
  [
    "a key of a name that nobody knows",
    () => issuer.token("a", { header: { kid: "other" } }),
    /not that of a key/,
  ],
  ["other claims under a good signature", patched, /not that of a key/],
  [
    "another algorithm than its key's",
    async () => (await Issuer.create("key-1", "RS256")).token("mallory"),
    /not that of a key/,
  ],
  ["a time that is over", () => issuer.token("a", { expiresIn: -31 }), /expired/],
  ["no end", () => issuer.token("a", { claims: { exp: undefined } }), /until when it is good \(exp\)/],
  [
    "an end that is no number",
    () => issuer.token("a", { claims: { exp: "9999999999" } }),
    /until when|not a signed JWT/,
  ],
  ["a beginning that is to come", () => issuer.token("a", { claims: { nbf: now() + 120 } }), /not good yet/],
  ["another issuer", () => issuer.token("a", { claims: { iss: `${ISSUER}.evil.example` } }), /\(iss\)/],
  ["no issuer", () => issuer.token("a", { claims: { iss: undefined } }), /\(iss\)/],
  ["another audience", () => issuer.token("a", { claims: { aud: ["others", "rivulet2"] } }), /\(aud\)/],
  ["no audience", () => issuer.token("a", { claims: { aud: undefined } }), /\(aud\)/],
  ["no subject", () => issuer.token("a", { claims: { sub: undefined } }), /does not name anybody/],
  ["an empty subject", () => issuer.token(""), /does not name anybody/],
  ["a subject with a line break", () => issuer.token("a\nUser:root"), /does not name anybody/],
  [
    "a subject that is no text",
    () => issuer.token("a", { claims: { sub: { admin: true } } }),
    /does not name|not a signed/,
  ],
  [
    "a critical header that nobody understands",
    () => {
      const header = { alg: "ES256", kid: "key-1", crit: ["b64x"], b64x: true };
      return `${part(header)}.${part(claims())}.AAAA`;
    },
    /not understood|not a signed JWT/,
  ],
  ["no dots", () => "abc", /not a signed JWT/],
  ["five parts, as an encrypted token has", () => "a.b.c.d.e", /not a signed JWT/],
];

describe.each([
  ["TCP", () => ProtocolClient.tcp(gateway.kafkaPort)],
  ["WebSocket", () => ProtocolClient.webSocket(gateway.httpPort)],
])("over %s", (_transport, open) => {
  beforeEach(async () => {
    client = await open();
  });
  afterEach(() => client.close());

  it.each(refused)("a token with %s is refused, and the connection closed", async (_what, token, reason) => {
    const text = await token();
    const { errorCode, errorMessage, sessionLifetimeMs } = await signIn(client, text);
    expect(errorCode).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    expect(errorMessage).toMatch(reason);
    expect(sessionLifetimeMs).toBe(0n);
    await client.closed;
  });

  it.each([
    ["an audience among others", () => issuer.token("alice", { claims: { aud: ["x", AUDIENCE] } })],
    ["an end that clocks differ by", () => issuer.token("alice", { expiresIn: -5 })],
    ["a beginning that clocks differ by", () => issuer.token("alice", { claims: { nbf: now() + 20 } })],
    ["the name of a whole sentence", () => issuer.token("Alice Ærlig, of Ås")],
  ])("a token with %s is taken", async (_what, token) => {
    const { errorCode, sessionLifetimeMs } = await signIn(client, await token());
    expect(errorCode).toBe(ErrorCode.NONE);
    expect(sessionLifetimeMs).toBeGreaterThan(0n);
    expect((await client.request(metadata, 12, { topics: [] })).clusterId).toBe(gateway.clusterId);
  });

  it("nothing of a token stands in the log, whether it was refused or not", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const tokens = [
      await issuer.token("alice"),
      await issuer.token("secret-name", { key: privateKey }),
      "tell.nobody.this",
    ];
    for (const token of tokens) {
      const other = await open();
      await signIn(other, token);
      await other.close();
    }
    const log = JSON.stringify(gateway.logged);
    for (const token of tokens)
      for (const piece of token.split(".")) if (piece.length > 5) expect(log).not.toContain(piece);
    expect(log).toContain("the token is refused");
  });
});
