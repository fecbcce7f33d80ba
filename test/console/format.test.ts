import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeText,
  formatBytes,
  formatCount,
  formatTime,
  formatTimeFull,
  hexDump,
  plural,
  prettyJson,
  preview,
} from "../../web-client/console/format.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const pretty = (text: string): string | undefined =>
  prettyJson(text)
    ?.map((token) => token.text)
    .join("");

describe("counts, sizes and times", () => {
  test("counts are grouped, beyond 2^53 too", () => {
    expect(formatCount(0)).toBe("0");
    expect(formatCount(5012)).toBe("5,012");
    expect(formatCount(9_223_372_036_854_775_807n)).toBe("9,223,372,036,854,775,807");
  });

  test("a noun follows its count", () => {
    expect([plural(0, "record"), plural(1, "record"), plural(1n, "record"), plural(2n, "record")]).toEqual([
      "0 records",
      "1 record",
      "1 record",
      "2 records",
    ]);
  });

  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [1_234_567, "1.2 MB"],
    [50e9, "50.0 GB"],
    [7e15, "7000.0 TB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test("a record of today shows its time, one of another day its date too, one without a time says so", () => {
    const now = new Date(2026, 10, 20, 23, 59, 59).getTime();
    expect(formatTime(new Date(2026, 10, 20, 4, 2, 3, 7).getTime(), now)).toBe("04:02:03.007");
    expect(formatTime(new Date(2026, 10, 19, 4, 2, 3, 7).getTime(), now)).toBe("2026-11-19 04:02:03");
    expect(formatTime(-1, now)).toBe("no time");
    expect(formatTime(8.64e15 + 1, now)).toBe("no time");
  });

  test("the whole time names its zone", () => {
    const time = new Date(2026, 10, 20, 4, 2, 3, 7);
    expect(formatTimeFull(time.getTime())).toMatch(/^2026-11-20 04:02:03\.007 [+-]\d\d:\d\d$/);
    expect(formatTimeFull(-1)).toBe("none given by the producer");
  });
});

describe("bytes as text", () => {
  test("bytes that are not UTF-8, or that no person wrote, are not text", () => {
    expect(decodeText(utf8("Grüße\n\t→"))).toBe("Grüße\n\t→");
    expect(decodeText(Uint8Array.of(0xc3))).toBeUndefined();
    expect(decodeText(utf8("a\u0000b"))).toBeUndefined();
  });

  test("a missing value, an empty one and the word null differ", () => {
    expect(preview(null, 10)).toEqual({ kind: "null", text: "null" });
    expect(preview(new Uint8Array(0), 10)).toEqual({ kind: "empty", text: "empty" });
    expect(preview(utf8("null"), 10)).toEqual({ kind: "text", text: "null" });
  });

  test("a preview is one line", () => {
    expect(preview(utf8("a\r\n  b\tc\n"), 20).text).toBe("a ⏎ b c ⏎ ");
  });

  test("a preview cut inside a character of several bytes is still text", () => {
    for (let length = 1; length < 40; length += 1) {
      const shown = preview(utf8("€".repeat(200)), length);
      expect(shown).toEqual({ kind: "text", text: `${"€".repeat(length)}…` });
    }
  });

  test("binary is shown as hex, and says when there is more", () => {
    expect(preview(Uint8Array.of(0, 255, 16), 9)).toEqual({ kind: "binary", text: "00 ff 10" });
    expect(preview(Uint8Array.of(0, 255, 16, 3), 9)).toEqual({ kind: "binary", text: "00 ff 10 …" });
  });

  test("no bytes make a preview longer than asked for", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 80 }), (bytes, charsMax) => {
        const { kind, text } = preview(bytes, charsMax);
        if (kind === "text" || kind === "binary") expect(text.length).toBeLessThanOrEqual(charsMax + 3);
      }),
    );
  });

  test("a hex dump has the form of hexdump -C, and stops where told", () => {
    expect(hexDump(utf8("Rivulet is a log\n."), 1000)).toBe(
      "00000000  52 69 76 75 6c 65 74 20  69 73 20 61 20 6c 6f 67  |Rivulet is a log|\n" +
        "00000010  0a 2e                                             |..|",
    );
    expect(hexDump(new Uint8Array(100), 32).split("\n")).toHaveLength(2);
  });
});

describe("JSON", () => {
  test("a number keeps every digit, and a string every escape", () => {
    expect(pretty('{"id":12345678901234567890,"x":1.0,"s":"\\u00e9\\""}')).toBe(
      '{\n  "id": 12345678901234567890,\n  "x": 1.0,\n  "s": "\\u00e9\\""\n}',
    );
  });

  test("what is no object and no array is left as it is", () => {
    for (const text of ["", "12", '"a"', "null", "{", "[1,]", "{'a':1}", "plain text"])
      expect(pretty(text)).toBeUndefined();
  });

  test("tokens are told apart", () => {
    expect(prettyJson('{"a":["b",1,true]}')?.map((token) => token.kind)).toEqual(
      "punctuation key punctuation punctuation string punctuation number punctuation word punctuation punctuation".split(
        " ",
      ),
    );
  });

  test("every JSON object and array is indented as JSON.stringify does", () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        // A round trip first: -0 and the like are not JSON's.
        const compact = JSON.stringify(value);
        expect(pretty(compact)).toBe(JSON.stringify(JSON.parse(compact), null, 2));
      }),
    );
  });
});
