import { existsSync, readFileSync } from "node:fs";
import type { Engine } from "../../log/engine.ts";
import { createEngine } from "../../log/wasm-engine.ts";
import { engineExports, type EngineExports } from "../../log/wasm-exports.ts";

export type EngineKind = "release" | "plain" | "debug";

/** All builds, `plain` being the release without SIMD: what the tests in this directory run on. */
export const engineKinds: readonly EngineKind[] = ["release", "plain", "debug"];

const FILES: Readonly<Record<EngineKind, URL>> = {
  release: new URL("../../build/engine.wasm", import.meta.url),
  plain: new URL("../../build/engine.plain.wasm", import.meta.url),
  debug: new URL("../../build/engine.debug.wasm", import.meta.url),
};

const modules = new Map<EngineKind, WebAssembly.Module>();

/** The compiled module; throws when it has not been built. */
export function loadModule(kind: EngineKind = "release"): WebAssembly.Module {
  const known = modules.get(kind);
  if (known !== undefined) return known;
  if (!existsSync(FILES[kind])) {
    throw new Error(`${FILES[kind].pathname} is missing: run \`npm run build:engine\` first`);
  }
  const module = new WebAssembly.Module(readFileSync(FILES[kind]));
  modules.set(kind, module);
  return module;
}

/** A new engine with memory of its own. */
export function loadEngine(kind: EngineKind = "release"): Engine {
  return createEngine(new WebAssembly.Instance(loadModule(kind)));
}

/** The raw exports of a new instance, for tests that lay memory out themselves. */
export function loadExports(kind: EngineKind = "release"): EngineExports {
  return engineExports(new WebAssembly.Instance(loadModule(kind)));
}
