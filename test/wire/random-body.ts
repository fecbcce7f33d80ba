/** Bodies made from the schema tables themselves: whatever a table allows in a version comes up sooner or later. */
import type { Api } from "../../wire/api.ts";
import { defaultOf, isPresent } from "../../wire/codec.ts";
import type { Field, ScalarKind } from "../../wire/schema.ts";
import { readUuid } from "../../wire/uuid.ts";
import type { Random } from "./random.ts";

/** A value that decodes to itself: what `version` does not have stands at its default. */
export function randomValue(field: Field, version: number, random: Random): unknown {
  if (!isPresent(field, version)) return defaultOf(field);
  if (version >= field.nullableFrom && random.chance(4)) return null;
  if (field.tag !== undefined && random.chance(3)) return defaultOf(field);
  const { type } = field;
  if (type.kind === "array") {
    const length = random.pick([0, 1, 1, 2, 3]);
    return Array.from({ length }, () => randomValue(type.element, version, random));
  }
  if (type.kind !== "struct") return SCALARS[type.kind](random);
  const names = Object.entries(type.fields);
  return Object.fromEntries(names.map(([name, inner]) => [name, randomValue(inner, version, random)]));
}

const SCALARS: Readonly<Record<ScalarKind, (random: Random) => unknown>> = {
  int8: (random) => random.pick([0, 1, -1, 0x7f, -0x80, random.below(256) - 128]),
  int16: (random) => random.pick([0, 1, -1, 0x7fff, -0x8000, random.below(65536) - 32768]),
  int32: (random) => random.pick([0, 1, -1, 0x7fffffff, -0x80000000, random.uint32() - 2 ** 31]),
  int64: (random) =>
    BigInt.asIntN(64, random.pick([0n, 1n, -1n, 2n ** 63n - 1n, 2n ** 63n, random64(random)])),
  bool: (random) => random.chance(2),
  uuid: (random) => readUuid(new DataView(random.bytes(16).buffer), 0),
  string: randomText,
  bytes: (random) => random.bytes(random.pick([0, 1, 60, 127, 128])),
  records: (random) => random.bytes(random.pick([0, 1, 60, 127, 128, 1000])),
};

function random64(random: Random): bigint {
  return (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
}

/** Lengths around the varint's first step and around what is decoded by hand, with and without more than ASCII. */
function randomText(random: Random): string {
  const length = random.pick([0, 1, 5, 20, 47, 48, 49, 126, 127, 128, 300]);
  const alphabet = random.pick(["abc-.Z09", "abc-.Z09", "aé漢😀"]);
  const characters = Array.from(alphabet);
  return Array.from({ length }, () => characters[random.below(characters.length)] ?? "").join("");
}

/** All versions that can be decoded. */
export function versionsOf(api: Api): number[] {
  const count = api.maxVersion - api.advertisedMinVersion + 1;
  return Array.from({ length: count }, (_, index) => api.advertisedMinVersion + index);
}
