import { saslAuthenticate } from "../../wire/apis/sasl-authenticate.ts";
import { serveApi } from "./served-api.ts";

/** SaslAuthenticate: signs in, or renews what was signed in. After a refusal the connection is closed. */
export const saslAuthenticateApi = serveApi(saslAuthenticate, async ({ authBytes }, context) => {
  const { lifetimeMs, refused, ...answer } = await context.session.authenticate(authBytes);
  if (refused) context.afterReply(() => context.endConnection(answer.errorMessage ?? "nobody was let in"));
  return { ...answer, authBytes: new Uint8Array(0), sessionLifetimeMs: BigInt(lifetimeMs) };
});
