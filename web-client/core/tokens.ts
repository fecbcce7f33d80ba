/** Whose tokens an app gives: what is on the device is named by it, and nobody else's token is ever used with it. */
import type { Tokens } from "../../sync/sign-in.ts";
import { signedOut } from "../../sync/signed-out.ts";
import type { ConnectOptions } from "./api.ts";

/** Whoever has not signed in. No user can be called so: a user's principal has a prefix. */
export const ANONYMOUS = "anonymous";

export interface WhoSignsIn {
  /** Names what is kept on this device. */
  readonly principal: string;
  readonly tokens: Tokens | undefined;
}

/**
 * Who uses a client: by `user`, else by the subject of the token that there is now. Rejects with what `token` rejects
 * with, or with KafkaError SASL_AUTHENTICATION_FAILED when it gives none that names anybody.
 */
export async function whoSignsIn({
  token,
  user,
}: Pick<ConnectOptions, "token" | "user">): Promise<WhoSignsIn> {
  if (token === undefined) {
    if (user !== undefined)
      throw new TypeError("`user` is for those who sign in: give connect() a `token`, too");
    return { principal: ANONYMOUS, tokens: undefined };
  }
  const subject = user ?? subjectOf(await token());
  return { principal: `User:${subject}`, tokens: tokensOf(subject, token) };
}

/** The tokens of one user. One of somebody else is refused here: the app has another user now, and these records are not theirs. */
function tokensOf(subject: string, token: () => string | Promise<string>): Tokens {
  return async () => {
    const given = await token();
    if (subjectOf(given) === subject) return given;
    throw signedOut("the app's token is another user's now; close this client, and connect() again for them");
  };
}

/** Throws KafkaError SASL_AUTHENTICATION_FAILED. The signature is the gateway's to check: here a name is read, and not believed. */
function subjectOf(token: string): string {
  if (typeof token !== "string" || token === "") throw signedOut("nobody is signed in: the app has no token");
  const payload = token.split(".", 2)[1] ?? "";
  let subject: unknown;
  try {
    const text = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown } | null;
    subject = claims?.sub;
  } catch {
    subject = undefined;
  }
  if (typeof subject === "string" && subject !== "") return subject;
  throw signedOut("the app's token is not a JWT that names a user (sub)");
}
