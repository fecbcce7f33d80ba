/** Where a gateway's doors are, from the one URL that an app gives. */
export interface GatewayAddress {
  /** Base of HTTP, ends with a slash. */
  readonly http: URL;
  readonly webSocket: URL;
}

const HTTP_OF: Readonly<Record<string, string>> = {
  "ws:": "http:",
  "wss:": "https:",
  "http:": "http:",
  "https:": "https:",
};

/** Throws TypeError for a URL that is none, or whose scheme is not http, https, ws or wss. */
export function gatewayAddress(url: string | URL): GatewayAddress {
  const http = new URL(url);
  const scheme = HTTP_OF[http.protocol];
  if (scheme === undefined)
    throw new TypeError(`${String(url)}: a gateway's URL begins with http:, https:, ws: or wss:`);
  http.protocol = scheme;
  http.search = "";
  http.hash = "";
  if (!http.pathname.endsWith("/")) http.pathname += "/";
  const webSocket = new URL("ws", http);
  webSocket.protocol = scheme === "https:" ? "wss:" : "ws:";
  return { http, webSocket };
}

/** A sentence for people. */
export function unreachable({ host }: URL): string {
  return `${host} cannot be reached, or a Content-Security-Policy (connect-src) forbids it`;
}
