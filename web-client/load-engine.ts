/** Gets the engine, in the build that this browser can run, once per page and address. */
import { createRecordEngine } from "../log/wasm-record-engine.ts";
import type { WasmRecordEngine } from "../log/wasm-record-engine.ts";
import { hasSimd } from "../log/wasm-simd.ts";

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** An engine with memory of its own. Rejects when the file cannot be had; the next call tries again. */
export async function loadEngine(at?: string | URL): Promise<WasmRecordEngine> {
  const url = hasSimd() ? withSimd(at) : plain(at);
  let module = modules.get(url.href);
  if (module === undefined) {
    module = compile(url);
    modules.set(url.href, module);
    module.catch(() => modules.delete(url.href));
  }
  return createRecordEngine(await WebAssembly.instantiate(await module));
}

// The package holds both files beside this module; bundlers find them by this very form.
function withSimd(at?: string | URL): URL {
  return at === undefined ? new URL("../build/engine.wasm", import.meta.url) : new URL(at, location.href);
}

function plain(at?: string | URL): URL {
  if (at === undefined) return new URL("../build/engine.plain.wasm", import.meta.url);
  return new URL("engine.plain.wasm", new URL(at, location.href));
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`${url.href} answered ${response.status}: the engine must be served there`);
  // Not streamed: servers that give it another content type are many, and it is small.
  const bytes = await response.arrayBuffer();
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    // What browsers say of their own accord names neither the file nor the way out.
    const told = error instanceof Error ? error.message : String(error);
    const needed = "a Content-Security-Policy needs script-src 'wasm-unsafe-eval'";
    throw new Error(`${url.href} cannot be compiled (${told}): it has to be the engine, and ${needed}`, {
      cause: error,
    });
  }
}
