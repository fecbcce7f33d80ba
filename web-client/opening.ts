/** What a client is opened with, in the page or in the worker that was started for it. */
import type { Tokens } from "../sync/sign-in.ts";
import { gatewayAddress } from "./address.ts";
import { browserHost } from "./browser-host.ts";
import { loadEngine } from "./load-engine.ts";

/** What `connect` was asked for, as a message can hold it. */
export interface Opening {
  readonly url: string;
  readonly account: string;
  readonly principal: string;
  /** There are tokens. */
  readonly isSignedIn: boolean;
  readonly offline: boolean;
  /** Absolute. */
  readonly engineUrl: string | undefined;
  /** The page has Web Locks, and may share a store with other tabs: their clients may run in pages, with what those have. */
  readonly hasLocks: boolean;
}

/** What only the page has. */
export interface OfPage {
  readonly tokens: Tokens | undefined;
  /** Asks the browser not to throw the store away. */
  readonly persist: () => Promise<boolean>;
  readonly signal: AbortSignal | undefined;
}

/** What the client stands on, in this thread. Rejects when the engine cannot be had. */
export async function groundOf(
  { url, account, principal, offline, engineUrl, hasLocks }: Opening,
  { tokens, persist, signal }: OfPage,
) {
  const host = browserHost(gatewayAddress(url), persist);
  return {
    host: hasLocks ? host : { ...host, locks: undefined },
    account,
    principal,
    tokens,
    databases: typeof indexedDB === "undefined" ? undefined : indexedDB,
    engine: await loadEngine(engineUrl),
    offline,
    signal,
  };
}
