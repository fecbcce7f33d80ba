/**
 * Responses, without the length that TCP puts in front of them: the correlation id, tagged fields where the API's version
 * is flexible, and the body. Bytes after the body are ignored, as Kafka's clients do.
 */
import { ApiKey, type Api } from "./api.ts";
import { skipTagged } from "./codec.ts";
import { ErrorCode } from "./errors.ts";
import { RESPONSE_ELEMENTS_MAX } from "./limits.ts";
import { asKafkaError } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { bodyCodec, isFlexible } from "./request.ts";
import type { Input } from "./schema.ts";
import { Writer } from "./writer.ts";

/**
 * A whole response in pieces, to be sent in order. Records are pieces of their own, uncopied: they may not change until
 * they are sent. Throws KafkaError: UNSUPPORTED_VERSION, or INVALID_REQUEST for values that do not fit their fields.
 */
export function encodeResponse<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  correlationId: number,
  body: Input<Res>,
): Uint8Array[] {
  const codec = bodyCodec(api, api.response, version);
  const writer = new Writer();
  try {
    writer.int32(correlationId);
    if (hasTaggedHeader(api, version)) writer.unsignedVarint(0);
    codec.encode(writer, body);
  } catch (error) {
    throw asKafkaError(
      error,
      ErrorCode.INVALID_REQUEST,
      `${api.name} response version ${version} cannot be written`,
    );
  }
  return writer.finish();
}

/** A whole response; records are views on `message`. Throws KafkaError: UNSUPPORTED_VERSION, or INVALID_REQUEST. */
export function decodeResponse<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  message: Uint8Array,
): { correlationId: number; body: Res } {
  const codec = bodyCodec(api, api.response, version);
  const reader = new Reader(message, 0, RESPONSE_ELEMENTS_MAX);
  try {
    const correlationId = reader.int32();
    if (hasTaggedHeader(api, version)) skipTagged(reader);
    return { correlationId, body: codec.decode(reader) as Res };
  } catch (error) {
    throw asKafkaError(
      error,
      ErrorCode.INVALID_REQUEST,
      `${api.name} response version ${version} is malformed`,
    );
  }
}

/** The answer to ApiVersions never has tagged fields in its header: its reader may not know what version it is in (KIP-511). */
function hasTaggedHeader(api: Api, version: number): boolean {
  return isFlexible(api, version) && api.key !== ApiKey.ApiVersions;
}
