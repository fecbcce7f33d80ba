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

/** Whoever goes there has the browser clear all that this site has stored. */
export const CLEARED = "/cleared.html";

const PAGES: Readonly<Record<string, string>> = {
  // The worker hears what the test asks of it, in any browser: a driver of Firefox has no other way into one.
  "/sdk.html": `<!doctype html><title>sdk</title><script>
    globalThis.ear = crypto.randomUUID();
    globalThis.Worker = class extends Worker {
      constructor(script, options) {
        super("/eared.js?" + new URLSearchParams({ script, ear }), options);
      }
    };
  </script><script type="module">
    import * as sdk from "/sdk.js";
    globalThis.sdk = sdk;
    document.title = "ready";
  </script>`,
  // Of the same origin, and nothing of the SDK in it.
  "/other.html": `<!doctype html><title>other</title>`,
  [CLEARED]: `<!doctype html><title>cleared</title>`,
};

/** Of a worker: does what it is asked over the channel that its page has named, and answers. */
const EAR = `
  const channel = new BroadcastChannel(new URLSearchParams(location.search).get("ear"));
  channel.onmessage = async ({ data: { id, work, argument } }) => {
    if (work === undefined) return;
    try {
      channel.postMessage({ id, value: await (0, eval)("(" + work + ")")(argument) });
    } catch (error) {
      channel.postMessage({ id, error: String(error) });
    }
  };
`;

/** What the server makes up itself. */
function made({ pathname, searchParams }: URL): string | undefined {
  if (pathname === "/ear.js") return EAR;
  // One after the other, and both before the worker hears anything.
  if (pathname === "/eared.js")
    return `import "/ear.js"; import ${JSON.stringify(searchParams.get("script"))};`;
  return PAGES[pathname];
}

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
    const url = new URL(request.url ?? "/", "http://here");
    const type = TYPES[extname(url.pathname)] ?? "application/octet-stream";
    const text = made(url);
    const content = text === undefined ? readFile(join(directory, url.pathname)) : Promise.resolve(text);
    const cleared = url.pathname === CLEARED ? { "clear-site-data": '"storage"' } : {};
    content.then(
      (body) => response.writeHead(200, { "content-type": type, ...cleared }).end(body),
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
