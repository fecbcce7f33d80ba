import { expect, test } from "vitest";
import { encodeRecord } from "../../web-client/core/encode-record.ts";
import { bytes, text } from "../../web-client/core/serializer.ts";
import type { PublishRecord } from "../../web-client/core/api.ts";

const RAW = { key: bytes(), value: bytes() };

test.each([
  { kind: "Uint8Array", make: (content: string) => new TextEncoder().encode(content) },
  { kind: "Buffer of Node, whose slices are no copies", make: (content: string) => Buffer.from(content) },
])("what the app writes over after it has published is not what is sent: $kind", ({ make }) => {
  const [key, value, header] = [make("key"), make("value"), make("header")];
  const encoded = encodeRecord({ key, value, headers: [{ key: "h", value: header }] }, RAW);
  for (const each of [key, value, header]) each.fill(0);
  const read = (content: Uint8Array | null | undefined): string =>
    new TextDecoder().decode(content ?? undefined);
  expect([encoded.key, encoded.value, encoded.headers[0]?.value].map(read)).toEqual([
    "key",
    "value",
    "header",
  ]);
  // And it owns its memory: a clone of it takes nothing else.
  expect(encoded.value?.buffer.byteLength).toBe(5);
});

test("what is no record is refused when it is published, and does not fail those that are published with it", () => {
  const detached = new Uint8Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  const wrong: { what: string; record: unknown }[] = [
    { what: "the key of a header", record: { value: null, headers: [{ key: Symbol("h"), value: null }] } },
    { what: 'header "h"', record: { value: null, headers: [{ key: "h", value: "text" }] } },
    { what: "timestamp", record: { value: null, timestamp: new Date() } },
    { what: "timestamp", record: { value: null, timestamp: Number.NaN } },
    { what: "`value`", record: { value: "text" } },
    { what: "detached", record: { value: detached } },
  ];
  for (const { what, record } of wrong)
    expect(() => encodeRecord(record as PublishRecord<Uint8Array, Uint8Array>, RAW)).toThrow(what);
  const encoded = encodeRecord({ key: "k", value: null, timestamp: 5 }, { key: text(), value: text() });
  expect(encoded).toEqual({ key: new TextEncoder().encode("k"), value: null, headers: [], timestamp: 5 });
});
