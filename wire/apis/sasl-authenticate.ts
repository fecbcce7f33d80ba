import { ApiKey, defineApi } from "../api.ts";
import { bytes, int16, int64, string, struct } from "../schema.ts";

/** Version 1 tells how long the session lasts, so that it can be renewed on the same connection (KIP-368). */
export const saslAuthenticate = defineApi({
  name: "SaslAuthenticate",
  key: ApiKey.SaslAuthenticate,
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    authBytes: bytes(),
  }),
  response: struct({
    errorCode: int16(),
    errorMessage: string({ nullableFrom: 0 }),
    authBytes: bytes(),
    /** Milliseconds; 0: for as long as the connection. */
    sessionLifetimeMs: int64({ from: 1, default: 0n }),
  }),
});
