/** Settings that would leave a door open, or shut for everybody, are told at the start. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signInSettings } from "../../../gateway/sign-in/settings.ts";
import { readSettings } from "../../../gateway/settings.ts";
import { brokerConfig } from "../../../log/config.ts";
import { startTestGateway } from "../start-gateway.ts";
import { guardedBy, Issuer } from "./issuer.ts";

const P = "sasl.oauthbearer.";
const good: Record<string, string> = {
  "sasl.enabled.mechanisms": "OAUTHBEARER",
  [`${P}jwks.endpoint.url`]: "https://login.example/jwks.json",
  [`${P}expected.issuer`]: "https://login.example",
  [`${P}expected.audience`]: "rivulet,others",
};

const settingsOf = (config: Record<string, string>): ReturnType<typeof signInSettings> =>
  signInSettings(brokerConfig(new Map(Object.entries(config))));

describe("what goes together", () => {
  it("is read, with Kafka's defaults", () => {
    expect(settingsOf(good)).toMatchObject({
      keys: { kind: "url", refreshMs: 3_600_000, isAnyAddressAllowed: false },
      audience: ["rivulet", "others"],
      subjectClaim: "sub",
      skewSeconds: 30,
      maxReauthMs: 0,
      failureDelayMs: 100,
    });
    expect(settingsOf(good)?.algorithms).toContain("ES256");
    expect(settingsOf(good)?.algorithms.some((name) => name.startsWith("HS"))).toBe(false);
    expect(settingsOf({})).toBeUndefined();
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["an issuer that nobody asks for", { [`${P}expected.issuer`]: "x" }, /nobody would have to sign in/],
    [
      "no key at all",
      { ...good, [`${P}jwks.endpoint.url`]: "" },
      /none is set, so no token could be checked/,
    ],
    ["two sources of keys", { ...good, [`${P}secret.file`]: "s" }, /exactly one.*are set/],
    ["no issuer", { ...good, [`${P}expected.issuer`]: "" }, /expected\.issuer/],
    ["no audience", { ...good, [`${P}expected.audience`]: " , " }, /expected\.audience/],
    ["no claim for the name", { ...good, [`${P}sub.claim.name`]: "" }, /sub\.claim\.name/],
    ["another mechanism", { ...good, "sasl.enabled.mechanisms": "PLAIN" }, /must be one of/],
    ["keys in the clear", { ...good, [`${P}jwks.endpoint.url`]: "http://login.example/" }, /https/],
    ["a file as a URL", { ...good, [`${P}jwks.endpoint.url`]: "file:///etc/keys" }, /jwks\.file/],
    ["a password in a URL", { ...good, [`${P}jwks.endpoint.url`]: "https://a:b@login.example/" }, /password/],
    ["no URL", { ...good, [`${P}jwks.endpoint.url`]: "login" }, /is not a URL/],
    ["none", { ...good, [`${P}algorithms`]: "none" }, /"none" is not for public keys/],
    ["a secret's algorithm for public keys", { ...good, [`${P}algorithms`]: "RS256,HS256" }, /"HS256"/],
    ["a tolerance of an hour", { ...good, [`${P}clock.skew.seconds`]: "3600" }, /from 0 to 300/],
  ])("%s is refused", (_what, config, complaint) => {
    expect(() => settingsOf(config)).toThrow(complaint);
  });

  it("a public key's algorithm is not for a secret", () => {
    const secret = { ...good, [`${P}jwks.endpoint.url`]: "", [`${P}secret.file`]: "s" };
    expect(settingsOf(secret)?.algorithms).toEqual(["HS256"]);
    expect(() => settingsOf({ ...secret, [`${P}algorithms`]: "RS256" })).toThrow(/not for a secret/);
  });

  it("keys may come in the clear on this machine, and from a refused address that is named", () => {
    expect(settingsOf({ ...good, [`${P}jwks.endpoint.url`]: "http://127.0.0.1:9/k" })?.keys.kind).toBe("url");
    const url = "https://169.254.10.1/k";
    const allowed = {
      ...good,
      [`${P}jwks.endpoint.url`]: url,
      [`${P}allowed.urls`]: `https://x.example, ${url}`,
    };
    expect(settingsOf(allowed)?.keys).toMatchObject({ isAnyAddressAllowed: true });
  });
});

describe("files of keys", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-keys-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each<[string, string | undefined, RegExp]>([
    ["that is not there", undefined, /ENOENT/],
    ["that is no JSON", "keys", /keys\.json/],
    ["that is no JWKS", "[]", /no JWKS/],
    ["without keys", '{"keys":[]}', /no keys/],
    ["with a private key", '{"keys":[{"kty":"EC","crv":"P-256","d":"AA"}]}', /only public ones/],
  ])("one %s keeps the gateway from starting", async (_what, content, complaint) => {
    const path = join(directory, "keys.json");
    await rm(path, { force: true });
    if (content !== undefined) await writeFile(path, content);
    await expect(startTestGateway({ args: guardedBy({ [`${P}jwks.file`]: path }) })).rejects.toThrow(
      complaint,
    );
  });

  it("beyond this machine it is told that there is no TLS, and --insecure is asked for all the same", async () => {
    const path = join(directory, "good.json");
    await writeFile(path, (await Issuer.create()).jwks);
    const args = guardedBy({ [`${P}jwks.file`]: path });
    const elsewhere = ["--host", "0.0.0.0", ...args];
    expect(() => readSettings(elsewhere, {}, "0")).toThrow(/no TLS here.*--insecure/);
    expect(() => readSettings(["--host", "0.0.0.0"], {}, "0")).toThrow(/nobody has to sign in.*--insecure/);
    const gateway = await startTestGateway({ args: [...elsewhere, "--insecure"] });
    expect(JSON.stringify(gateway.logged)).toContain("cross the network in the clear");
    await gateway.stop();
  });
});
