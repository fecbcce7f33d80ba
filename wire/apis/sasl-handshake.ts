import { ApiKey, defineApi } from "../api.ts";
import { array, int16, string, struct } from "../schema.ts";

/**
 * After version 0 bare SASL bytes would follow, without a request around them: it cannot be spoken. It is advertised, as
 * Kafka does: librdkafka takes a broker without it for one that knows no SASL at all.
 */
export const saslHandshake = defineApi({
  name: "SaslHandshake",
  key: ApiKey.SaslHandshake,
  versions: [1, 1],
  advertisedFrom: 0,
  flexibleFrom: Infinity,
  request: struct({
    mechanism: string(),
  }),
  response: struct({
    errorCode: int16(),
    /** What the server takes. */
    mechanisms: array(string()),
  }),
});
