/** The SDK from its sources, bundled once for all pages of a test file, and an origin that serves it: pages that die are many. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "vite";

const repository = join(import.meta.dirname, "../../..");

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".html": "text/html",
};

const PAGES: Readonly<Record<string, string>> = {
  "/sdk.html": `<!doctype html><title>sdk</title><script type="module">
    import * as sdk from "/sdk.js";
    globalThis.sdk = sdk;
    document.title = "ready";
  </script>`,
  // Of the same origin, and nothing of the SDK in it.
  "/other.html": `<!doctype html><title>other</title>`,
};

export interface SdkSite {
  readonly origin: string;
  close(): Promise<void>;
}

export async function openSdkSite(): Promise<SdkSite> {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-sdk-site-"));
  await build({
    configFile: false,
    root: repository,
    logLevel: "error",
    worker: { format: "es" },
    build: {
      outDir: directory,
      target: "es2022",
      minify: false,
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: {
        input: { sdk: join(repository, "web-client/index.ts") },
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://here").pathname;
    const type = TYPES[extname(path)];
    const page = PAGES[path];
    const content = page === undefined ? readFile(join(directory, path)) : Promise.resolve(page);
    content.then(
      (body) => response.writeHead(200, { "content-type": type ?? "application/octet-stream" }).end(body),
      () => response.writeHead(404).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
