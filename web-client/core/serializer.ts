/** How a key or a value of the app becomes bytes in the log, and back. */
export interface Serializer<T> {
  encode(value: T): Uint8Array;
  /** May throw: what other producers wrote need not be of this form. `bytes` is the caller's to keep. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
/** Where short texts are encoded: browsers take several times as long to make memory for each of them. */
const scratch = new Uint8Array(16 * 1024);
/** UTF-8 bytes of one UTF-16 code unit at most. */
const UTF8_BYTES_MAX = 3;

function utf8(text: string): Uint8Array {
  if (text.length * UTF8_BYTES_MAX > scratch.byteLength) return encoder.encode(text);
  return scratch.slice(0, encoder.encodeInto(text, scratch).written);
}
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Of the serializers made here, the text whose UTF-8 is what they encode to: many texts become bytes far faster together. By the
 * object itself, since an app may spread one and encode otherwise.
 */
const texts = new WeakMap<object, (value: never) => string>();

/** undefined: it is the app's own, or does not encode texts. */
export function textOf<T>(serializer: Serializer<T>): ((value: T) => string) | undefined {
  return texts.get(serializer) as ((value: T) => string) | undefined;
}

function ofTexts<T>(text: (value: T) => string, decode: Serializer<T>["decode"]): Serializer<T> {
  const serializer: Serializer<T> = { encode: (value) => utf8(text(value)), decode };
  texts.set(serializer, text);
  return serializer;
}

/** What is wrong with a value. */
export interface ValidationIssue {
  readonly message: string;
  /** Where in the value: names and indexes, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** As https://standardschema.dev has it, version 1: what zod, valibot, arktype and others make. */
export interface StandardSchema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly ValidationIssue[] };

/** A value is not what its schema says. */
export class ValidationError extends TypeError {
  readonly issues: readonly ValidationIssue[];
  constructor(issues: readonly ValidationIssue[]) {
    super(`the value is not what its schema says: ${issues.map(issueText).join("; ")}`);
    this.name = "ValidationError";
    this.issues = issues;
  }
}

function issueText({ message, path = [] }: ValidationIssue): string {
  const steps = path.map((step) => String(typeof step === "object" ? step.key : step));
  return steps.length === 0 ? message : `${steps.join(".")}: ${message}`;
}

/**
 * JSON in UTF-8. What is read is checked by `check`: a Standard Schema, or a function that answers the value or throws; it may
 * also change it (`record.value` throws what it throws, and ValidationError where a schema says no). Without it the type is the
 * app's promise.
 */
export function json<T>(check?: StandardSchema<T> | ((value: unknown) => T)): Serializer<T> {
  return ofTexts(
    (value) => {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined)
        throw new TypeError("json(): this value has no JSON form (undefined, a function or a symbol)");
      return text;
    },
    (bytes) => {
      const value = JSON.parse(decoder.decode(bytes)) as unknown;
      if (check === undefined) return value as T;
      // A schema may be callable, too (arktype).
      return "~standard" in check ? checked(check, value) : check(value);
    },
  );
}

function checked<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema["~standard"].validate(value);
  if ("then" in result)
    throw new TypeError(
      "json(): a schema that checks asynchronously cannot be used: records are read at once",
    );
  if (result.issues !== undefined) throw new ValidationError(result.issues);
  return result.value;
}

/** Text in UTF-8; decoding throws a TypeError when the bytes are not UTF-8. */
export function text(): Serializer<string> {
  return ofTexts(
    // Whatever it is: nobody checks what JavaScript gives.
    (value) => String(value),
    (bytes) => decoder.decode(bytes),
  );
}

/** The bytes as they are. */
export function bytes(): Serializer<Uint8Array> {
  return { encode: (value) => value, decode: (value) => value };
}
