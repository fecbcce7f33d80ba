/**
 * Requests, without the length that TCP puts in front of them: header version 1, or 2 where the API's version is flexible
 * (then tagged fields follow the client id), and the body. Bytes after the body are ignored, as Kafka's broker does.
 */
import type { Api } from "./api.ts";
import { codecFor, skipTagged, type Codec } from "./codec.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import { REQUEST_ELEMENTS_MAX } from "./limits.ts";
import { asKafkaError } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { string, struct, int16, int32, type Input, type Schema } from "./schema.ts";
import { joinPieces, Writer } from "./writer.ts";

export interface RequestHeader {
  apiKey: number;
  apiVersion: number;
  correlationId: number;
  clientId: string | null;
}

/** Version 1. The client id keeps this form in flexible versions too, so that any broker can read any header. */
const header: Codec = codecFor(
  struct({
    apiKey: int16(),
    apiVersion: int16(),
    correlationId: int32(),
    clientId: string({ nullableFrom: 0 }),
  }),
  1,
  false,
);

/**
 * A whole request. Fields that the version does not have are left out, whatever they hold: a caller that depends on one
 * asks for a version that has it. Throws KafkaError: UNSUPPORTED_VERSION, or INVALID_REQUEST for values that do not fit
 * their fields.
 */
export function encodeRequest<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  { correlationId, clientId }: { correlationId: number; clientId: string | null },
  body: Input<Req>,
): Uint8Array {
  const codec = bodyCodec(api, api.request, version);
  const writer = new Writer();
  try {
    header.encode(writer, { apiKey: api.key, apiVersion: version, correlationId, clientId });
    if (isFlexible(api, version)) writer.unsignedVarint(0);
    codec.encode(writer, body);
  } catch (error) {
    throw asKafkaError(
      error,
      ErrorCode.INVALID_REQUEST,
      `${api.name} request version ${version} cannot be written`,
    );
  }
  return joinPieces(writer.finish());
}

/**
 * The header of a request; `apiOf` tells by its key what is known of its API. Where nothing is, `bodyAt` is a guess: whether
 * such a header has tagged fields is not known. Throws KafkaError INVALID_REQUEST.
 */
export function readRequestHeader(
  message: Uint8Array,
  apiOf: (key: number) => Api | undefined,
): RequestHeader & { bodyAt: number } {
  const reader = new Reader(message, 0, 0);
  try {
    const decoded = header.decode(reader) as RequestHeader;
    const api = apiOf(decoded.apiKey);
    if (api !== undefined && isFlexible(api, decoded.apiVersion)) skipTagged(reader);
    return { ...decoded, bodyAt: reader.at };
  } catch (error) {
    throw asKafkaError(error, ErrorCode.INVALID_REQUEST, "the header of a request is malformed");
  }
}

/** A request's body, which begins at `bodyAt`. Throws KafkaError: UNSUPPORTED_VERSION, or INVALID_REQUEST. */
export function decodeRequest<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  message: Uint8Array,
  bodyAt: number,
): Req {
  const codec = bodyCodec(api, api.request, version);
  try {
    return codec.decode(new Reader(message, bodyAt, REQUEST_ELEMENTS_MAX)) as Req;
  } catch (error) {
    throw asKafkaError(
      error,
      ErrorCode.INVALID_REQUEST,
      `${api.name} request version ${version} is malformed`,
    );
  }
}

/** The codec of one of an API's two bodies. Throws KafkaError UNSUPPORTED_VERSION. */
export function bodyCodec(api: Api, schema: Schema, version: number): Codec {
  if (!(version >= api.advertisedMinVersion && version <= api.maxVersion)) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `${api.name} version ${version} is not supported; use ${api.minVersion} to ${api.maxVersion}`,
    );
  }
  return codecFor(schema, version, isFlexible(api, version));
}

export function isFlexible(api: Api, version: number): boolean {
  return version >= api.flexibleFrom;
}
