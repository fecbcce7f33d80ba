import type { StandardSchemaV1 } from "@standard-schema/spec";
import { expect, test } from "vitest";
import { json, text, ValidationError } from "../../web-client/core/serializer.ts";

interface Order {
  readonly id: string;
  readonly at: Date;
}

/** As a library would make it: checks, and changes what it has checked. */
const schema: StandardSchemaV1<unknown, Order> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value) {
      const { id, at } = value as { id?: unknown; at?: unknown };
      if (typeof id !== "string") return { issues: [{ message: "no text", path: ["id"] }] };
      if (typeof at !== "string")
        return { issues: [{ message: "no time", path: [{ key: "at" }] }, { message: "odd" }] };
      return { value: { id, at: new Date(at) } };
    },
  },
};

const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test("what a schema says no to is not read, and it is said what is wrong", () => {
  const orders = json(schema);
  const order = { id: "o-1", at: new Date(0) };
  expect(orders.decode(orders.encode(order))).toEqual(order);
  expect(() => orders.decode(encoded({ id: 1 }))).toThrow(
    new ValidationError([{ message: "no text", path: ["id"] }]),
  );
  expect(() => orders.decode(encoded({ id: "1" }))).toThrow(/at: no time; odd$/);
  expect(() => orders.decode(new Uint8Array([1]))).toThrow(SyntaxError);
});

test("a function may check, too; an asynchronous schema is refused", () => {
  const even = json((value) => {
    if (typeof value !== "number" || value % 2 !== 0) throw new RangeError("odd");
    return value;
  });
  expect(even.decode(even.encode(4))).toBe(4);
  expect(() => even.decode(encoded(3))).toThrow(RangeError);
  const slow: StandardSchemaV1<unknown, number> = {
    "~standard": { version: 1, vendor: "test", validate: () => Promise.resolve({ value: 1 }) },
  };
  expect(() => json(slow).decode(encoded(1))).toThrow(/asynchronously/);
  // Callable, and a schema all the same.
  const callable = Object.assign(() => 7, schema);
  expect(() => json<unknown>(callable).decode(encoded({ id: 1 }))).toThrow(ValidationError);
  expect(json<{ a: number }>().decode(encoded({ a: 1 }))).toEqual({ a: 1 });
});

test("texts of every length and script are UTF-8, each in memory of its own", () => {
  const parts = ["a", "ß", "水", "🫖", "\ud800"];
  const lengths = [0, 1, 2, 5000, 5461, 5462, 5463, 16_384, 16_385, 40_000];
  const kept = parts.flatMap((part) =>
    lengths.map((length) => {
      const long = part.repeat(length);
      return { long, bytes: text().encode(long) };
    }),
  );
  for (const { long, bytes } of kept) {
    expect(Buffer.compare(bytes, new TextEncoder().encode(long))).toBe(0);
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
  }
});
