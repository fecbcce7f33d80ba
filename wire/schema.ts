/**
 * The words that Kafka's messages are described with. A table such as
 *
 *     struct({ topics: array(struct({ topicId: uuid({ from: 10 }), name: string({ nullableFrom: 10 }) }), { nullableFrom: 1 }) })
 *
 * says what Kafka's own definition says, field by field and in its order; `codec.ts` makes of it how one version is
 * written and read, and the types of the values follow from it (`Decoded`, `Input`).
 *
 * Field names are Kafka's in camel case. int8 to int32 are numbers, int64 is a bigint, a uuid is 22 characters of url-safe
 * base64, records are bytes.
 */
import { ZERO_UUID } from "./uuid.ts";

export { ZERO_UUID } from "./uuid.ts";

declare const VALUE: unique symbol;
declare const OMISSIBLE: unique symbol;

export interface FieldOptions<T> {
  /** First version that has the field; 0 where nothing is said. */
  readonly from?: number;
  /** Last version that has the field. */
  readonly to?: number;
  /** First version where the value may be null. */
  readonly nullableFrom?: number;
  /** In the versions that have it, the field is a tagged one (KIP-482): left out while it has its default. */
  readonly tag?: number;
  /** What stands where the field is absent or left out; without it 0, false, "", the zero uuid, or no elements. */
  readonly default?: T | null;
}

export type ScalarKind =
  "int8" | "int16" | "int32" | "int64" | "bool" | "uuid" | "string" | "bytes" | "records";

export type FieldType =
  | { readonly kind: ScalarKind }
  | { readonly kind: "array"; readonly element: Field }
  | { readonly kind: "struct"; readonly fields: Fields };

/** One field of a table. `T` is its decoded value; `Omissible` says whether it may be left out when it is encoded. */
export interface Field<T = unknown, Omissible extends boolean = boolean> {
  readonly type: FieldType;
  readonly from: number;
  /** Infinity while it is still there. */
  readonly to: number;
  /** Infinity when it is never null. */
  readonly nullableFrom: number;
  readonly tag: number | undefined;
  /** The default; undefined where it has to be made anew each time: no elements, or a struct of defaults. */
  readonly default: unknown;
  readonly [VALUE]?: T;
  readonly [OMISSIBLE]?: Omissible;
}

export type Fields = Readonly<Record<string, Field>>;

/** What a whole message is described by: a struct. */
export type Schema<T = unknown> = Field<T>;

type ValueOf<T, O> = O extends { readonly nullableFrom: number } ? T | null : T;
type OmissibleOf<O> = O extends
  | { readonly from: number }
  | { readonly to: number }
  | { readonly tag: number }
  | { readonly default: unknown }
  ? true
  : false;

type OmissibleKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, infer O> ? (O extends true ? K : never) : never;
}[keyof F];

/** The decoded value of a struct: every field, in every version. (The symbol is never there; it carries types for `Input`.) */
export type Struct<F extends Fields> = { -readonly [K in keyof F]: Decoded<F[K]> } & {
  readonly [OMISSIBLE]?: OmissibleKeys<F>;
};

/** The decoded value of a field. */
export type Decoded<F> = F extends Field<infer T> ? T : never;

/**
 * What may be encoded where `T` is decoded: fields that not every version has, that are tagged or that have a default may
 * be left out, and bytes may come in pieces.
 */
export type Input<T> = NoInfer<InputOf<T>>;

type InputOf<T> = T extends Uint8Array
  ? Uint8Array | readonly Uint8Array[]
  : T extends readonly (infer E)[]
    ? readonly InputOf<E>[]
    : T extends object
      ? StructInput<T, OmissibleIn<T>>
      : T;

type OmissibleIn<T> = T extends { readonly [OMISSIBLE]?: infer K } ? Exclude<K, undefined> & keyof T : never;

type StructInput<T, K extends keyof T> = {
  readonly [P in Exclude<keyof T, K | typeof OMISSIBLE>]: InputOf<T[P]>;
} & { readonly [P in K]?: InputOf<T[P]> | undefined };

export const int8 = scalar<number>("int8", 0);
export const int16 = scalar<number>("int16", 0);
export const int32 = scalar<number>("int32", 0);
export const int64 = scalar<bigint>("int64", 0n);
export const bool = scalar<boolean>("bool", false);
export const uuid = scalar<string>("uuid", ZERO_UUID);
/** UTF-8 of at most 32,767 bytes. */
export const string = scalar<string>("string", "");
/** Bytes that the protocol knows nothing of: decoded as a view on the message, encoded without a copy. */
export const bytes = scalar<Uint8Array>("bytes", new Uint8Array(0));
/** Record batches: decoded as a view on the message, encoded without a copy. Null where nothing else is said. */
export const records = scalar<Uint8Array>("records", null);

/** Elements of one type. */
export function array<T, const O extends FieldOptions<readonly []> = Record<never, never>>(
  element: Field<T>,
  options?: O,
): Field<ValueOf<T[], O>, OmissibleOf<O>> {
  return field({ kind: "array", element }, undefined, options);
}

/** Fields in their order on the wire. As a field itself its default is null or the defaults of its fields. */
export function struct<
  F extends Fields,
  const O extends Pick<FieldOptions<never>, "from" | "to" | "tag" | "nullableFrom" | "default"> = Record<
    never,
    never
  >,
>(fields: F, options?: O): Field<ValueOf<Struct<F>, O>, OmissibleOf<O>> {
  return field({ kind: "struct", fields }, undefined, options);
}

function scalar<T>(kind: ScalarKind, implicitDefault: T | null) {
  return <const O extends FieldOptions<T> = Record<never, never>>(
    options?: O,
  ): Field<ValueOf<T, O>, OmissibleOf<O>> => field({ kind }, implicitDefault, options);
}

function field(type: FieldType, implicitDefault: unknown, options: FieldOptions<unknown> = {}) {
  return {
    type,
    from: options.from ?? 0,
    to: options.to ?? Infinity,
    nullableFrom: options.nullableFrom ?? Infinity,
    tag: options.tag,
    default:
      options.default === undefined || Array.isArray(options.default) ? implicitDefault : options.default,
  };
}
