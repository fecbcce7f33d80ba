/** Serves a bench's page from an origin of its own, as an app that uses the SDK would be. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import type { BenchSettings } from "../bench.ts";

const TYPES: Readonly<Record<string, string>> = { ".js": "text/javascript", ".wasm": "application/wasm" };
const PAGE =
  '<!doctype html><meta charset="utf-8"><title>bench</title><ol></ol><script type="module" src="page.js"></script>';

export interface PageServer {
  readonly origin: string;
  close(): void;
}

/** `name` is the bench's, whose page `bundle.mjs` has built. Scripts may be kept by the browser's cache, as an app's are. */
export async function servePage({ scripts }: BenchSettings, name: string): Promise<PageServer> {
  const directory = join(scripts, "page", name);
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    if (path === "/") return void response.setHeader("content-type", "text/html").end(PAGE);
    readFile(join(directory, path)).then(
      (bytes) => {
        response.setHeader("content-type", TYPES[extname(path)] ?? "text/plain");
        response.setHeader("cache-control", "public, max-age=3600, immutable").end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page server has no port");
  return { origin: `http://127.0.0.1:${address.port}`, close: () => void server.close() };
}
