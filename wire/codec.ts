/**
 * How one version of a schema is written and read. A codec is made of the table once, on first use: a list of steps, one
 * for each field of that version, without anything left to decide about versions.
 */
import { within } from "./malformed.ts";
import type { Reader } from "./reader.ts";
import type { Field, Fields, ScalarKind } from "./schema.ts";
import { STRING_BYTES_MAX, Writer } from "./writer.ts";

export interface Codec {
  /** No value of this type takes fewer bytes. */
  readonly bytesMin: number;
  encode(writer: Writer, value: unknown): void;
  decode(reader: Reader): unknown;
}

/** The version, and whether it is a flexible one: compact lengths, and tagged fields after every struct (KIP-482). */
interface Dialect {
  readonly version: number;
  readonly flexible: boolean;
}

const made = new WeakMap<Field, Map<number, Codec>>();

/** The codec of one version of a schema. A schema is flexible in a given version or it is not, never both. */
export function codecFor(schema: Field, version: number, flexible: boolean): Codec {
  let versions = made.get(schema);
  if (versions === undefined) made.set(schema, (versions = new Map()));
  let codec = versions.get(version);
  if (codec === undefined) versions.set(version, (codec = codecOf(schema, { version, flexible })));
  return codec;
}

/** Whether this version has the field. */
export function isPresent(field: Field, version: number): boolean {
  return version >= field.from && version <= field.to;
}

/** A field's default, made anew where it could be changed. */
export function defaultOf(field: Field): unknown {
  return defaultMaker(field)();
}

function defaultMaker({ type, default: shared }: Field): () => unknown {
  if (shared !== undefined) return () => shared;
  if (type.kind !== "struct") return () => [];
  const makers = Object.entries(type.fields).map(([name, inner]) => ({ name, make: defaultMaker(inner) }));
  return () => {
    const value: Record<string, unknown> = {};
    for (const { name, make } of makers) value[name] = make();
    return value;
  };
}

/** Whether a value is the field's default; left out counts as that. */
export function isDefault(field: Field, value: unknown): boolean {
  if (value === undefined || value === field.default) return true;
  const { type } = field;
  if (type.kind === "array") return field.default === undefined && Array.isArray(value) && value.length === 0;
  if (type.kind !== "struct" || !isObject(value)) return false;
  return Object.entries(type.fields).every(([name, inner]) => isDefault(inner, value[name]));
}

function codecOf(field: Field, dialect: Dialect): Codec {
  const { type } = field;
  const nullable = dialect.version >= field.nullableFrom;
  if (type.kind === "struct") {
    const codec = structCodec(type.fields, dialect);
    return nullable ? nullableStruct(codec) : codec;
  }
  if (type.kind === "array") return arrayCodec(codecOf(type.element, dialect), nullable, dialect);
  return SCALARS[type.kind](nullable, dialect);
}

const SCALARS: Readonly<Record<ScalarKind, (nullable: boolean, dialect: Dialect) => Codec>> = {
  int8: fixed({
    bytesMin: 1,
    encode: (writer, value) => writer.int8(value),
    decode: (reader) => reader.int8(),
  }),
  int16: fixed({
    bytesMin: 2,
    encode: (writer, value) => writer.int16(value),
    decode: (reader) => reader.int16(),
  }),
  int32: fixed({
    bytesMin: 4,
    encode: (writer, value) => writer.int32(value),
    decode: (reader) => reader.int32(),
  }),
  int64: fixed({
    bytesMin: 8,
    encode: (writer, value) => writer.int64(value),
    decode: (reader) => reader.int64(),
  }),
  bool: fixed({
    bytesMin: 1,
    encode: (writer, value) => writer.bool(value),
    decode: (reader) => reader.bool(),
  }),
  uuid: fixed({
    bytesMin: 16,
    encode: (writer, value) => writer.uuid(value),
    decode: (reader) => reader.uuid(),
  }),
  string: stringCodec,
  bytes: bytesCodec,
  records: bytesCodec,
};

function fixed(codec: Codec): () => Codec {
  return () => codec;
}

/** How a length, or -1 for null, stands in front of what it counts. */
interface LengthCodec {
  readonly bytesMin: number;
  readonly write: (writer: Writer, length: number) => void;
  readonly read: (reader: Reader) => number;
}

const LENGTH_16: LengthCodec = {
  bytesMin: 2,
  write: (writer, length) => writer.int16(length),
  read: (reader) => reader.length16(),
};

const LENGTH_32: LengthCodec = {
  bytesMin: 4,
  write: (writer, length) => writer.int32(length),
  read: (reader) => reader.length32(),
};

const COMPACT_LENGTH: LengthCodec = {
  bytesMin: 1,
  write: (writer, length) => writer.unsignedVarint(length + 1),
  read: (reader) => reader.compactLength(),
};

const NULL_REFUSED = "is null, which this version does not allow here";

function stringCodec(nullable: boolean, { flexible }: Dialect): Codec {
  const length = flexible ? COMPACT_LENGTH : LENGTH_16;
  return {
    bytesMin: length.bytesMin,
    encode(writer, value) {
      if (value !== null) writer.text(value, length.write);
      else if (nullable) length.write(writer, -1);
      else writer.fail("where this version does not allow it", value);
    },
    decode(reader) {
      const bytes = length.read(reader);
      if (bytes > STRING_BYTES_MAX)
        reader.fail(`a string of ${bytes} bytes; there can be ${STRING_BYTES_MAX}`);
      if (bytes >= 0) return reader.text(bytes);
      return nullable ? null : reader.fail(NULL_REFUSED);
    },
  };
}

function bytesCodec(nullable: boolean, { flexible }: Dialect): Codec {
  const length = flexible ? COMPACT_LENGTH : LENGTH_32;
  return {
    bytesMin: length.bytesMin,
    encode(writer, value) {
      if (value === null && nullable) return length.write(writer, -1);
      const pieces: unknown[] = Array.isArray(value) ? value : [value];
      let bytes = 0;
      for (const piece of pieces) {
        if (!(piece instanceof Uint8Array)) return writer.fail("where bytes belong", piece);
        bytes += piece.length;
      }
      length.write(writer, bytes);
      for (const piece of pieces) if (piece instanceof Uint8Array) writer.passThrough(piece);
    },
    decode(reader) {
      const bytes = length.read(reader);
      if (bytes >= 0) return reader.slice(bytes);
      return nullable ? null : reader.fail(NULL_REFUSED);
    },
  };
}

function arrayCodec(element: Codec, nullable: boolean, { flexible }: Dialect): Codec {
  const length = flexible ? COMPACT_LENGTH : LENGTH_32;
  // An array of nothing could claim any number of elements.
  if (element.bytesMin === 0) throw new TypeError("an array whose elements take no bytes cannot be bounded");
  return {
    bytesMin: length.bytesMin,
    encode(writer, value) {
      if (value === null && nullable) return length.write(writer, -1);
      if (!Array.isArray(value)) return writer.fail("where an array belongs", value);
      length.write(writer, value.length);
      let index = 0;
      try {
        for (; index < value.length; index++) element.encode(writer, value[index]);
      } catch (error) {
        throw within(`[${index}]`, error);
      }
    },
    decode(reader) {
      const count = length.read(reader);
      if (count < 0) return nullable ? null : reader.fail(NULL_REFUSED);
      reader.checkCount(count, element.bytesMin);
      const values: unknown[] = [];
      try {
        for (let i = 0; i < count; i++) values.push(element.decode(reader));
      } catch (error) {
        throw within(`[${values.length}]`, error);
      }
      return values;
    },
  };
}

interface Step {
  readonly name: string;
  readonly field: Field;
  readonly codec: Codec;
}

interface TaggedStep extends Step {
  readonly tag: number;
}

/** Reads as nothing: the field's default, for a version that does not have it or before its tag is seen. */
function absent(field: Field): Codec {
  return { bytesMin: 0, encode: () => undefined, decode: defaultMaker(field) };
}

function structCodec(fields: Fields, dialect: Dialect): Codec {
  const { version, flexible } = dialect;
  const steps: Step[] = [];
  const tagged: TaggedStep[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const present = isPresent(field, version);
    const plain = present && field.tag === undefined;
    steps.push({ name, field, codec: plain ? codecOf(field, dialect) : absent(field) });
    if (present && field.tag !== undefined)
      tagged.push({ name, field, codec: codecOf(field, dialect), tag: field.tag });
  }
  if (tagged.length > 0 && !flexible)
    throw new TypeError(`version ${version} has tagged fields but is not flexible`);
  tagged.sort((one, other) => one.tag - other.tag);
  const written = steps.filter(({ codec }) => codec.bytesMin > 0);
  return {
    bytesMin: written.reduce((sum, { codec }) => sum + codec.bytesMin, flexible ? 1 : 0),
    encode(writer, value) {
      if (!isObject(value)) return writer.fail("where a struct belongs", value);
      let current = "";
      try {
        for (const { name, field, codec } of written) {
          current = name;
          const given = value[name];
          codec.encode(writer, given === undefined ? defaultOf(field) : given);
        }
      } catch (error) {
        throw within(current, error);
      }
      if (flexible) encodeTagged(writer, value, tagged);
    },
    decode(reader) {
      const value: Record<string, unknown> = {};
      let current = "";
      try {
        for (const { name, codec } of steps) {
          current = name;
          value[name] = codec.decode(reader);
        }
      } catch (error) {
        throw within(current, error);
      }
      if (flexible) decodeTagged(reader, value, tagged);
      return value;
    },
  };
}

/** A struct that may be null has a byte in front of it: 1, or -1 for null. */
function nullableStruct(struct: Codec): Codec {
  return {
    bytesMin: 1,
    encode(writer, value) {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) struct.encode(writer, value);
    },
    decode: (reader) => (reader.int8() < 0 ? null : struct.decode(reader)),
  };
}

/** Number of tagged fields, then tag, size and bytes of each, by rising tag; those that have their default are left out. */
function encodeTagged(
  writer: Writer,
  value: Readonly<Record<string, unknown>>,
  tagged: readonly TaggedStep[],
): void {
  const given = tagged.filter(({ name, field }) => !isDefault(field, value[name]));
  writer.unsignedVarint(given.length);
  for (const { name, codec, tag } of given) {
    const content = new Writer();
    try {
      codec.encode(content, value[name]);
    } catch (error) {
      throw within(name, error);
    }
    writer.unsignedVarint(tag);
    writer.unsignedVarint(content.size);
    for (const piece of content.finish()) writer.copy(piece);
  }
}

function decodeTagged(reader: Reader, value: Record<string, unknown>, tagged: readonly TaggedStep[]): void {
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    const step = tagged.find((candidate) => candidate.tag === tag);
    if (step === undefined) {
      reader.skip(size);
      continue;
    }
    try {
      reader.limited(size, () => (value[step.name] = step.codec.decode(reader)));
    } catch (error) {
      throw within(step.name, error);
    }
  }
}

/** Steps over the tagged fields of a header, of which Kafka has defined none. */
export function skipTagged(reader: Reader): void {
  decodeTagged(reader, {}, []);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
