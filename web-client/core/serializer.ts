/** How a key or a value of the app becomes bytes in the log, and back. */
export interface Serializer<T> {
  encode(value: T): Uint8Array;
  /** May throw: what other producers wrote need not be of this form. `bytes` is the caller's to keep. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** JSON in UTF-8. The type is the app's promise: nothing is checked when it is read. */
export function json<T>(): Serializer<T> {
  return {
    encode(value) {
      const encoded = JSON.stringify(value) as string | undefined;
      if (encoded === undefined)
        throw new TypeError("json(): this value has no JSON form (undefined, a function or a symbol)");
      return encoder.encode(encoded);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)) as T,
  };
}

/** Text in UTF-8; decoding throws a TypeError when the bytes are not UTF-8. */
export function text(): Serializer<string> {
  return { encode: (value) => encoder.encode(value), decode: (bytes) => decoder.decode(bytes) };
}

/** The bytes as they are. */
export function bytes(): Serializer<Uint8Array> {
  return { encode: (value) => value, decode: (value) => value };
}
