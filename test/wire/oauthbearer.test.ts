import { describe, expect, it } from "vitest";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { decodeOauthbearer, encodeOauthbearer } from "../../wire/oauthbearer.ts";
import { Random } from "./random.ts";

const SEED = 20261121;
const MUTATIONS = 20_000;
const TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the message of OAUTHBEARER", () => {
  it("is read as it was written, to the example of RFC 7628", () => {
    expect(new TextDecoder().decode(encodeOauthbearer(TOKEN))).toBe(`n,,\x01auth=Bearer ${TOKEN}\x01\x01`);
    expect(decodeOauthbearer(encodeOauthbearer(TOKEN))).toEqual({ token: TOKEN, authzid: undefined });
    const example =
      "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
    expect(decodeOauthbearer(bytes(example))).toEqual({
      token: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
      authzid: "user@example.com",
    });
  });

  it("an authzid may hold what has a meaning there, escaped once", () => {
    expect(decodeOauthbearer(bytes(`n,a=a=2Cb=3D2Cc,\x01auth=Bearer x\x01\x01`)).authzid).toBe("a,b=2Cc");
  });

  it.each([
    ["nothing", ""],
    ["the answer to an error", "\x01"],
    ["no header", `\x01auth=Bearer x\x01\x01`],
    ["channel binding", `p=tls-unique,,\x01auth=Bearer x\x01\x01`],
    ["another flag", `N,,\x01auth=Bearer x\x01\x01`],
    ["an authzid that is not escaped", `n,a=a=b,\x01auth=Bearer x\x01\x01`],
    ["an empty authzid", `n,a=,\x01auth=Bearer x\x01\x01`],
    ["no token", `n,,\x01\x01`],
    ["an empty token", `n,,\x01auth=Bearer \x01\x01`],
    ["another scheme", `n,,\x01auth=Basic x\x01\x01`],
    ["a token of two words", `n,,\x01auth=Bearer x y\x01\x01`],
    ["two tokens", `n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01`],
    ["a key with a number in it", `n,,\x01k1=v\x01auth=Bearer x\x01\x01`],
    ["a value with a control character", `n,,\x01k=\x02\x01auth=Bearer x\x01\x01`],
    ["one separator at the end", `n,,\x01auth=Bearer x\x01`],
    ["something behind the end", `n,,\x01auth=Bearer x\x01\x01n`],
    ["three separators at the end", `n,,\x01auth=Bearer x\x01\x01\x01`],
    ["letters beyond ASCII", `n,,\x01auth=Bearer é\x01\x01`],
    [
      "more pairs than anybody needs",
      `n,,${Array.from({ length: 60 }, (_, n) => `\x01${"k".repeat(n + 1)}=v`).join("")}\x01auth=Bearer x\x01\x01`,
    ],
  ])("%s is refused", (_what, text) => {
    expect(() => decodeOauthbearer(bytes(text))).toThrow(KafkaError);
  });

  it(`${MUTATIONS} mutations: refused as the same kind of error that tells nothing of the token, or read as a token`, () => {
    const random = new Random(SEED);
    const seeds = [
      encodeOauthbearer(TOKEN),
      bytes(`n,a=alice,\x01host=h\x01port=1\x01auth=bearer  ${TOKEN}\x01\x01`),
    ] as const;
    let read = 0;
    for (let n = 0; n < MUTATIONS; n++) {
      const outcome = outcomeOf(mutated(random.pick(seeds), random));
      if (outcome === "read") read++;
      else if (outcome !== "refused") expect.fail(`seed ${SEED}, mutation ${n}: ${outcome}`);
    }
    // Many mutations fall into the token, and make another one of it.
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(MUTATIONS);
  });

  it("a message as long as there can be is read in time that grows with it", () => {
    for (const text of [
      "n,,\x01auth=Bearer ".padEnd(524_288, " "),
      "n,a=".padEnd(524_288, "=2C"),
      "\x01".repeat(524_288),
    ])
      expect(() => decodeOauthbearer(bytes(text))).toThrow(KafkaError);
    const token = "x".repeat(500_000);
    expect(decodeOauthbearer(encodeOauthbearer(token)).token).toBe(token);
  });
});

function outcomeOf(message: Uint8Array): string {
  try {
    const { token } = decodeOauthbearer(message);
    return /^[\w.~+/-]+=*$/.test(token) ? "read" : `${JSON.stringify(token)} was taken for a token`;
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== ErrorCode.SASL_AUTHENTICATION_FAILED)
      return `another error: ${String(error)}`;
    return error.message.includes("eyJ") ? `a secret was told: ${error.message}` : "refused";
  }
}

function mutated(from: Uint8Array, random: Random): Uint8Array {
  const message = Array.from(from);
  for (let times = random.uint32() % 3; times >= 0; times--) {
    const at = random.uint32() % message.length;
    const byte = random.pick([0, 1, 0x2c, 0x3d, 0x20, 0x61, 0x80, 0xff, random.uint32() & 0xff]);
    switch (random.uint32() % 4) {
      case 0:
        message[at] = byte;
        break;
      case 1:
        message.splice(at, 0, byte);
        break;
      case 2:
        message.splice(at, 1 + (random.uint32() % 4));
        break;
      default:
        message.splice(at, 0, ...message.slice(random.uint32() % message.length, at));
    }
    if (message.length === 0) break;
  }
  return Uint8Array.from(message);
}
