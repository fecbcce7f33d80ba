import { errorName } from "../wire/errors.ts";

/** What is asked of an HTTP response; uWebSockets' own fits. */
export interface HttpAnswer {
  writeStatus(status: string): HttpAnswer;
  writeHeader(name: string, value: string): HttpAnswer;
  end(body: string): unknown;
  endWithoutBody(): unknown;
}

const STATUS: Readonly<Record<number, string>> = {
  400: "400 Bad Request",
  401: "401 Unauthorized",
  403: "403 Forbidden",
  404: "404 Not Found",
  416: "416 Range Not Satisfiable",
  500: "500 Internal Server Error",
  503: "503 Service Unavailable",
};

/** An error as JSON: Kafka's name and code for it, and what to do. `origin` is one that has been allowed, or none. */
export function refuse(
  res: HttpAnswer,
  req: { getMethod(): string },
  status: number,
  code: number,
  message: string,
  origin = "",
): void {
  res
    .writeStatus(STATUS[status] ?? String(status))
    .writeHeader("content-type", "application/json")
    .writeHeader("cache-control", "no-store");
  if (status === 401) res.writeHeader("www-authenticate", "Bearer");
  writeCors(res, origin);
  if (req.getMethod() === "head") res.endWithoutBody();
  else res.end(JSON.stringify({ error: errorName(code), code, message }));
}

/** For an origin that has been allowed; none: no browser is asking. */
export function writeCors(res: HttpAnswer, origin: string): void {
  res.writeHeader("vary", "Origin");
  if (origin === "") return;
  res
    .writeHeader("access-control-allow-origin", origin)
    .writeHeader(
      "access-control-expose-headers",
      "rivulet-high-watermark, rivulet-log-start-offset, etag, content-range",
    );
}

/** The page runs its own scripts and its own WebAssembly, and talks to this gateway only. */
export function contentSecurityPolicy(connectSources: string): string {
  return [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    `connect-src ${connectSources}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}
