/** Where the gateway is: the one of `npm run examples`, or the one that the page's address names (`?gateway=http://...`). */
export const gatewayUrl: string =
  new URLSearchParams(location.search).get("gateway") ?? `http://${location.hostname}:8080`;
