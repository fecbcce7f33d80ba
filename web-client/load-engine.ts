/** Gets `engine.wasm`, once per page and address. */
import type { Engine } from "../log/engine.ts";
import { createEngine } from "../log/wasm-engine.ts";

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** An engine with memory of its own. Rejects when the file cannot be had; the next call tries again. */
export async function loadEngine(at?: string | URL): Promise<Engine> {
  // The package holds the file beside this module; bundlers find it by this very form.
  const url =
    at === undefined ? new URL("../build/engine.wasm", import.meta.url) : new URL(at, location.href);
  let module = modules.get(url.href);
  if (module === undefined) {
    module = compile(url);
    modules.set(url.href, module);
    module.catch(() => modules.delete(url.href));
  }
  return createEngine(await WebAssembly.instantiate(await module));
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`${url.href} answered ${response.status}: engine.wasm must be served there`);
  // Not streamed: servers that give it another content type are many, and it is small.
  return WebAssembly.compile(await response.arrayBuffer());
}
