/** The token that this tab signs in with, where the gateway asks for one: pasted by a person, gone with the tab. */
import { connect, ErrorCode, KafkaError, type Rivulet } from "../index.ts";

/** Outlives a reload of this tab, and is no other tab's business. */
const TOKEN_KEY = "rivulet-console-token";

export const TOKEN_PATTERN = String.raw`\s*[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\s*`;

export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN_KEY) !== null;
}

/** Signs in with this token from now on; what is on the device for its user is another store, so the page begins anew. */
export function signInWith(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token.trim());
  location.reload();
}

export function signOut(): void {
  sessionStorage.removeItem(TOKEN_KEY);
  location.reload();
}

/** A client of the gateway that has served this page, for whoever is signed in on this tab. */
export async function connectHere(offline: boolean): Promise<Rivulet> {
  const options = { url: location.origin, offline };
  if (!hasToken()) return connect(options);
  try {
    return await connect({ ...options, token: () => sessionStorage.getItem(TOKEN_KEY) ?? "" });
  } catch (error) {
    // It names nobody: then there is nobody whose things could be shown.
    if (!(error instanceof KafkaError) || error.code !== ErrorCode.SASL_AUTHENTICATION_FAILED) throw error;
    sessionStorage.removeItem(TOKEN_KEY);
    return connect(options);
  }
}
