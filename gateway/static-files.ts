import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";

/** One file of the console as it is sent. */
export interface StaticFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly etag: string;
  readonly cacheControl: string;
}

/** URL path -> file. All of the console is held in memory, so no path from outside is ever looked for on the disk. */
export type StaticFiles = ReadonlyMap<string, StaticFile>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** Reads a directory; an empty map when there is none. `index.html` also stands at `/`. */
export async function readStaticFiles(directory: string): Promise<StaticFiles> {
  const files = new Map<string, StaticFile>();
  await collect(directory, "", files);
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return files;
}

async function collect(directory: string, at: string, files: Map<string, StaticFile>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" && at === "") return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await collect(path, `${at}/${entry.name}`, files);
    else if (entry.isFile())
      files.set(`${at}/${entry.name}`, await readStaticFile(path, `${at}/${entry.name}`));
  }
}

async function readStaticFile(path: string, url: string): Promise<StaticFile> {
  const bytes = await readFile(path);
  return {
    bytes,
    contentType: CONTENT_TYPES[extname(path)] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
    // The build puts a digest into the names below /assets; all else may change under its name.
    cacheControl: url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  };
}
