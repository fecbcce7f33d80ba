import type { Api } from "../../wire/api.ts";
import { decodeRequest } from "../../wire/request.ts";
import { encodeResponse } from "../../wire/response.ts";
import type { Input } from "../../wire/schema.ts";
import type { RequestContext } from "./context.ts";

/** A request's answer; undefined where none is sent. */
export type Reply<Res> = Res | undefined | Promise<Res | undefined>;

/** What stands before the body of every request. */
export interface RequestHeader {
  apiKey: number;
  apiVersion: number;
  correlationId: number;
  clientId: string | null;
  /** Where the body begins in the message. */
  bodyAt: number;
}

/** How requests of one connection may overlap where answers keep the order of requests. */
export interface Overlap {
  /** Starts while earlier requests are still unanswered, as far as all of those may be passed. */
  startsEarly?: boolean;
  /** Requests that start early may start while this one is unanswered. */
  mayBePassed?: boolean;
}

/** An API as it is served: takes the message apart, has it handled, puts the answer together. */
export interface ServedApi {
  readonly key: number;
  readonly name: string;
  /** Versions that ApiVersions names, and that are answered, be it with UNSUPPORTED_VERSION. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly startsEarly: boolean;
  readonly mayBePassed: boolean;
  /** The answer's pieces. Throws KafkaError for a body that is not what its version says. */
  serve(message: Uint8Array, header: RequestHeader, context: RequestContext): Reply<readonly Uint8Array[]>;
}

/** Binds a handler to its API. All that the handler does before its first await is done in the order of requests. */
export function serveApi<Req, Res>(
  api: Api<Req, Res>,
  handle: (request: Req, context: RequestContext) => Reply<Input<Res>>,
  overlap: Overlap = {},
): ServedApi {
  return {
    key: api.key,
    name: api.name,
    minVersion: api.advertisedMinVersion,
    maxVersion: api.maxVersion,
    startsEarly: overlap.startsEarly ?? false,
    mayBePassed: overlap.mayBePassed ?? false,
    serve(message, { apiVersion, correlationId, bodyAt }, context) {
      const request = decodeRequest(api, apiVersion, message, bodyAt);
      const encode = (body: Input<Res> | undefined): readonly Uint8Array[] | undefined =>
        body === undefined ? undefined : encodeResponse(api, apiVersion, correlationId, body);
      const reply = handle(request, context);
      return reply instanceof Promise ? reply.then(encode) : encode(reply);
    },
  };
}
