/**
 * Opens the console page when the gateway is down. What the page then shows is on the device already (IndexedDB); this
 * only keeps the page's own files.
 *
 * - `/` comes from the network while that answers within `PAGE_TIMEOUT_MS`, else from the cache: a new build is seen at
 *   once. The cached page is the one that was installed with this worker and is never replaced by a newer one, so that
 *   it always finds the files that it names.
 * - The built files carry a hash of their content in their names: cache first.
 * - Everything else (`/log`, `/ws`, `/healthz`, other origins, other methods) does not pass through here.
 *
 * A new version waits until no page of the old one is open (no `skipWaiting`), so a page never loses its files.
 */

/**
 * Put in by the build (`precache.ts`): the paths to keep, one of the engine's builds (that with SIMD where the module `probe`
 * is valid), and a digest of all of them that names the cache.
 */
declare const __RIVULET_CONSOLE_FILES__: {
  readonly version: string;
  readonly paths: readonly string[];
  readonly engine: { readonly probe: readonly number[]; readonly withSimd: string; readonly plain: string };
};

const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const { version, paths: always, engine } = __RIVULET_CONSOLE_FILES__;
const hasSimd = WebAssembly.validate(Uint8Array.from(engine.probe));
const paths = [...always, hasSimd ? engine.withSimd : engine.plain];
const CACHE_PREFIX = "rivulet-console-";
const CACHE_NAME = CACHE_PREFIX + version;
const PAGE_PATH = "/";
const PAGE_TIMEOUT_MS = 3_000;
const keptPaths: ReadonlySet<string> = new Set(paths);

worker.addEventListener("install", (event) => event.waitUntil(keepFiles()));
worker.addEventListener("activate", (event) => event.waitUntil(dropOldCaches()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (url.pathname === PAGE_PATH) event.respondWith(pageFromNetworkFirst(request));
  else if (keptPaths.has(url.pathname)) event.respondWith(fileFromCacheFirst(request, url.pathname));
});

/** All or nothing: one file that cannot be had fails the install, and the browser tries again later. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE_NAME);
  // "no-cache" asks the gateway whether what the browser holds is still right: a stale page must not be kept.
  await cache.addAll(paths.map((path) => new Request(path, { cache: "no-cache" })));
}

async function dropOldCaches(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE_NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
  // The page that installed this worker is served by it from now on, not only after its next visit.
  await worker.clients.claim();
}

async function pageFromNetworkFirst(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
    // A proxy in front answers 502 when the gateway behind it is gone.
    if (response.status < 500) return response;
    return (await kept(PAGE_PATH)) ?? response;
  } catch (error) {
    const page = await kept(PAGE_PATH);
    if (page !== undefined) return page;
    throw error;
  }
}

async function fileFromCacheFirst(request: Request, path: string): Promise<Response> {
  return (await kept(path)) ?? fetch(request);
}

async function kept(path: string): Promise<Response | undefined> {
  const cache = await caches.open(CACHE_NAME);
  return cache.match(path, { ignoreVary: true });
}
