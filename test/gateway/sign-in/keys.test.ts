/** Where the keys come from, how they change, and what happens when they cannot be had. */
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchKeys, isRefusedAddress } from "../../../gateway/sign-in/fetch-keys.ts";
import { openKeys } from "../../../gateway/sign-in/keys.ts";
import { tokenCheck } from "../../../gateway/sign-in/check-token.ts";
import { systemClock } from "../../../gateway/system-clock.ts";
import { silent } from "../../../log/logger.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { startTestGateway, type TestGateway } from "../start-gateway.ts";
import { AUDIENCE, guardedBy, Issuer, ISSUER, jwksOf, signIn, startGuardedGateway } from "./issuer.ts";

/** Signs in on a connection of its own. */
async function tryToken(gateway: TestGateway, token: string): Promise<number> {
  const client = await ProtocolClient.tcp(gateway.kafkaPort);
  try {
    return (await signIn(client, token)).errorCode;
  } finally {
    await client.close();
  }
}

/** Waits until a file that was changed has been looked at again: once a second, when somebody asks. */
async function until(found: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await found()).toBe(true), { timeout: 20_000, interval: 200 });
}

describe("a file of keys", () => {
  it("is read again when it changes: a new key is taken, one that was taken out is refused", async () => {
    const gateway = await startGuardedGateway();
    const next = await Issuer.create("key-2", "RS256");
    const [old, young] = [await gateway.issuer.token("alice"), await next.token("alice")];
    expect(await tryToken(gateway, young)).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    await writeFile(gateway.keysFile, jwksOf(gateway.issuer, next));
    await until(async () => (await tryToken(gateway, young)) === ErrorCode.NONE);
    expect(await tryToken(gateway, old)).toBe(ErrorCode.NONE);
    await writeFile(gateway.keysFile, jwksOf(next));
    await until(async () => (await tryToken(gateway, old)) === ErrorCode.SASL_AUTHENTICATION_FAILED);
    expect(await tryToken(gateway, young)).toBe(ErrorCode.NONE);
    await gateway.stop();
  });

  it.each([
    ["is gone", (path: string) => rm(path)],
    ["is half written", (path: string) => writeFile(path, '{"keys":[{"kty"')],
    ["has no keys", (path: string) => writeFile(path, '{"keys":[]}')],
  ])("that %s lets nobody in until it is right again, and accuses no token", async (_what, damage) => {
    const gateway = await startGuardedGateway();
    const token = await gateway.issuer.token("alice");
    expect(await tryToken(gateway, token)).toBe(ErrorCode.NONE);
    await damage(gateway.keysFile);
    await until(() =>
      tryToken(gateway, token).then(
        () => false,
        () => true,
      ),
    );
    expect(JSON.stringify(gateway.logged)).toContain("tokens cannot be checked");
    await writeFile(gateway.keysFile, gateway.issuer.jwks);
    await until(() =>
      tryToken(gateway, token).then(
        (code) => code === ErrorCode.NONE,
        () => false,
      ),
    );
    await gateway.stop();
  });

  it("two keys that would fit want the token to name one", async () => {
    const gateway = await startGuardedGateway();
    const other = await Issuer.create("key-2");
    await writeFile(gateway.keysFile, jwksOf(gateway.issuer, other));
    const nameless = await new SignJWT({ sub: "a", iss: ISSUER, aud: AUDIENCE })
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime("1h")
      .sign(gateway.issuer.privateKey);
    await until(async () => (await tryToken(gateway, await other.token("a"))) === ErrorCode.NONE);
    expect(await tryToken(gateway, nameless)).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    await gateway.stop();
  });
});

describe("keys that are fetched", () => {
  let server: Server;
  let answer: { status: number; body: string };
  let fetched: string[];
  let issuer: Issuer;
  let url: string;
  beforeEach(async () => {
    issuer = await Issuer.create();
    answer = { status: 200, body: issuer.jwks };
    fetched = [];
    server = createServer((req, res) => {
      fetched.push(req.url ?? "");
      res.writeHead(answer.status, { location: "/elsewhere" }).end(answer.body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/keys`;
  });
  afterEach(() => void server.close());

  const start = (config: Record<string, string> = {}): Promise<TestGateway> =>
    startTestGateway({ args: guardedBy({ "sasl.oauthbearer.jwks.endpoint.url": url, ...config }) });

  it("are fetched once for many tokens, and again for a key that is not known, at most once in a while", async () => {
    const gateway = await start({ "sasl.oauthbearer.jwks.endpoint.refresh.ms": "1000" });
    for (let n = 0; n < 5; n++)
      expect(await tryToken(gateway, await issuer.token(`user-${n}`))).toBe(ErrorCode.NONE);
    const next = await Issuer.create("key-2");
    answer.body = jwksOf(issuer, next);
    await until(async () => (await tryToken(gateway, await next.token("alice"))) === ErrorCode.NONE);
    await gateway.stop();
  });

  it("an unknown key in each of many tokens does not fetch each time", async () => {
    const gateway = await start();
    for (let n = 0; n < 20; n++) {
      const token = await issuer.token("a", { header: { kid: `made-up-${n}` } });
      expect(await tryToken(gateway, token)).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    }
    expect(fetched).toEqual(["/keys"]);
    await gateway.stop();
  });

  it("nothing that a token names is fetched (security check 8)", async () => {
    const gateway = await start();
    const header = { jku: `${url}/evil`, x5u: `${url}/evil`, jwk: issuer.jwk } as Record<string, unknown>;
    const forger = await Issuer.create("key-1");
    const token = await forger.token("mallory", { header: header as never, claims: { iss: `${url}/evil` } });
    expect(await tryToken(gateway, token)).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    expect(fetched).toEqual(["/keys"]);
    await gateway.stop();
  });

  it.each([
    ["an error", () => (answer = { status: 500, body: "" })],
    ["a redirection", () => (answer = { status: 302, body: "" })],
    ["no JSON", () => (answer = { status: 200, body: "<html>" })],
    ["keys that are secret", () => (answer = { status: 200, body: '{"keys":[{"kty":"oct","k":"AAAA"}]}' })],
    ["more than keys can be", () => (answer = { status: 200, body: " ".repeat(2 ** 21) })],
  ])("%s instead lets nobody in, is not a word against the token, and mends itself", async (_what, fail) => {
    const good = answer;
    fail();
    const gateway = await start();
    const token = await issuer.token("alice");
    await expect(tryToken(gateway, token)).rejects.toThrow("closed");
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    const history = `http://127.0.0.1:${gateway.httpPort}/log/AAAAAAAAAAAAAAAAAAAAAA/0?from=0`;
    const response = await fetch(history, bearer);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain(url);
    answer = good;
    await until(() =>
      tryToken(gateway, token).then(
        (code) => code === ErrorCode.NONE,
        () => false,
      ),
    );
    expect(fetched).not.toContain("/elsewhere");
    await gateway.stop();
  });
});

describe("addresses", () => {
  it.each(
    "169.254.169.254 169.254.0.1 0.0.0.0 224.0.0.1 100.100.100.200 fe80::1 ::ffff:169.254.169.254 fd00:ec2::254 :: x".split(
      " ",
    ),
  )("keys are not fetched from %s", (address) => expect(isRefusedAddress(address)).toBe(true));
  it.each("127.0.0.1 10.0.0.7 192.168.1.1 93.184.216.34 ::1 2001:db8::1".split(" "))(
    "keys are fetched from %s",
    (address) => expect(isRefusedAddress(address)).toBe(false),
  );
  it("an address that is written out is refused before anything is sent", async () => {
    const options = { signal: AbortSignal.timeout(5000), isAnyAddressAllowed: false };
    await expect(fetchKeys(new URL("http://169.254.169.254/latest"), options)).rejects.toThrow(
      "not fetched from",
    );
    await expect(fetchKeys(new URL("http://[fe80::1]/x"), options)).rejects.toThrow("not fetched from");
  });
});

describe("a secret", () => {
  it("checks tokens of its own algorithm only, and is long enough", async () => {
    const gateway = await startGuardedGateway();
    const path = `${gateway.keysFile}.secret`;
    const secret = "0123456789abcdef0123456789abcdef";
    await writeFile(path, `${secret}\n`);
    const options = { clock: systemClock, log: silent, algorithms: ["HS256"] };
    const keys = await openKeys({ kind: "secret", path }, options);
    const settings = {
      algorithms: ["HS256"],
      issuer: ISSUER,
      audience: [AUDIENCE],
      subjectClaim: "sub",
      skewSeconds: 0,
    };
    const check = tokenCheck({ settings, keys, clock: systemClock, log: silent });
    const key = Buffer.from(secret);
    const good = await gateway.issuer.token("alice", { header: { alg: "HS256" }, key });
    expect((await check(good)).principal).toBe("User:alice");
    const wrong = await gateway.issuer.token("alice", {
      header: { alg: "HS256" },
      key: Buffer.alloc(32, "x"),
    });
    await expect(check(wrong)).rejects.toMatchObject({ code: ErrorCode.SASL_AUTHENTICATION_FAILED });
    await expect(check(await gateway.issuer.token("alice"))).rejects.toThrow("algorithm");
    await writeFile(path, "too short");
    await expect(openKeys({ kind: "secret", path }, options)).rejects.toThrow("wants at least 32");
    await gateway.stop();
  });
});
