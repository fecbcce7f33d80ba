import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasSimd } from "../log/wasm-simd.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";

/** Where this code stands: `gateway/dist` when it is bundled, `gateway` when it runs from its sources. */
const here = import.meta.dirname;

/** The engine's build for this host, compiled. Throws KafkaError when it has not been built. */
export async function loadEngineModule(): Promise<WebAssembly.Module> {
  const name = hasSimd() ? "engine.wasm" : "engine.plain.wasm";
  const path = [join(here, name), join(here, "../build", name)].find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new KafkaError(
      ErrorCode.RESOURCE_NOT_FOUND,
      `${name} is not beside ${here}; npm run build makes it`,
    );
  }
  return WebAssembly.compile(await readFile(path));
}

/** The directory of the console page. It may not be there. */
export function consoleDirectory(): string {
  const beside = join(here, "console");
  return existsSync(beside) ? beside : join(here, "../web-client/console/dist");
}
