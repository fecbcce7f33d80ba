import { hostname, networkInterfaces } from "node:os";
import { formatHostAndPort, isLoopback } from "./settings.ts";

/**
 * Which web pages may call. Exact matches only; `null` and whatever merely looks alike are refused.
 *
 * A browser names the page's origin in `Origin` (not on a GET to the page's own origin) and the address it called in
 * `Host`. The first keeps other sites out. The second keeps out a site whose name was made to lead here (DNS rebinding):
 * such a page counts as our own for the browser, but its name is not one of ours.
 */
export interface OriginPolicy {
  /** An absent origin (empty) is no browser's doing, or a page reading from its own origin. */
  allowsOrigin(origin: string): boolean;
  allowsHost(host: string): boolean;
  /** Where a page of ours may connect to, for its Content-Security-Policy. */
  readonly connectSources: string;
}

export function originPolicy(host: string, port: number, allowOrigins: readonly string[]): OriginPolicy {
  const own = namesOf(host).map((name) => new URL(`http://${formatHostAndPort({ host: name, port })}`));
  const origins = new Set([...own.map((url) => url.origin), ...allowOrigins]);
  const hosts = new Set([...own, ...allowOrigins.map((origin) => new URL(origin))].map((url) => url.host));
  return {
    allowsOrigin: (origin) => origin === "" || origins.has(origin),
    allowsHost: (name) => hosts.has(name.toLowerCase()),
    // The policy's grammar has no IPv6 addresses: a page that was opened by one has only 'self'.
    connectSources: ["'self'", ...own.filter(isNotIpv6).map((url) => `ws://${url.host}`)].join(" "),
  };
}

function isNotIpv6({ hostname }: URL): boolean {
  return !hostname.startsWith("[");
}

/** All names by which this machine can be called at that address. */
function namesOf(host: string): string[] {
  const names = new Set(["127.0.0.1", "localhost", "::1"]);
  if (!isLoopback(host)) {
    for (const addresses of Object.values(networkInterfaces())) {
      // A link-local address with a zone cannot stand in a URL.
      for (const { address } of addresses ?? []) if (!address.includes("%")) names.add(address);
    }
    names.add(hostname().toLowerCase());
  }
  if (host !== "0.0.0.0" && host !== "::") names.add(host);
  return [...names];
}
