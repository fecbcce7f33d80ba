import { apiByKey } from "./apis.ts";
import { readRequestHeader, type RequestHeader } from "./request.ts";

/** The header of a request, whatever its API: for servers, which have all tables. As `readRequestHeader`. */
export function decodeRequestHeader(message: Uint8Array): RequestHeader & { bodyAt: number } {
  return readRequestHeader(message, apiByKey);
}
