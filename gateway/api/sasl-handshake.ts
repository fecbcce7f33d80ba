import { saslHandshake } from "../../wire/apis/sasl-handshake.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { OAUTHBEARER } from "../../wire/oauthbearer.ts";
import { serveApi } from "./served-api.ts";

/** SaslHandshake: chooses how to sign in, for the first time or again. After a refusal the connection is closed. */
export const saslHandshakeApi = serveApi(
  saslHandshake,
  ({ mechanism }, { session, apiVersion, ...context }) => {
    const errorCode =
      apiVersion < saslHandshake.minVersion ? ErrorCode.UNSUPPORTED_VERSION : session.choose(mechanism);
    if (errorCode !== ErrorCode.NONE)
      context.afterReply(() =>
        context.endConnection("a SASL mechanism was asked for that cannot be had here"),
      );
    return { errorCode, mechanisms: [OAUTHBEARER] };
  },
);
