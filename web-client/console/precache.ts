/** Tells the service worker, at build time, which files make up the page. */
import { createHash } from "node:crypto";
import type { Plugin } from "vite";
import { SIMD_MODULE } from "../../log/wasm-simd.ts";

const PLACEHOLDER = "__RIVULET_CONSOLE_FILES__";
const WORKER_FILE = "service-worker.js";

/**
 * Replaces `__RIVULET_CONSOLE_FILES__` in `service-worker.js` by `{ version, paths, engine }`: the paths of all files of the
 * build, the page itself as `/`, and a digest of their names and contents. Source maps are not kept on devices. Of the
 * engine's two builds a device keeps one, so they stand apart, with the module that tells which.
 */
export function precache(): Plugin {
  return {
    name: "rivulet-precache",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[WORKER_FILE];
        if (worker?.type !== "chunk" || !worker.code.includes(PLACEHOLDER))
          this.error(`${WORKER_FILE} is not in the build, or names no ${PLACEHOLDER}`);
        const files = Object.values(bundle)
          .filter((file) => file !== worker && !file.fileName.endsWith(".map"))
          .toSorted((a, b) => (a.fileName < b.fileName ? -1 : 1));
        const digest = createHash("sha256");
        for (const file of files)
          digest.update(file.fileName).update(file.type === "chunk" ? file.code : file.source);
        const engine = { probe: [...SIMD_MODULE], withSimd: "", plain: "" };
        const paths: string[] = [];
        for (const file of files) {
          const path = file.fileName === "index.html" ? "/" : `/${file.fileName}`;
          const names = file.type === "asset" ? file.names : [];
          if (names.includes("engine.wasm")) engine.withSimd = path;
          else if (names.includes("engine.plain.wasm")) engine.plain = path;
          else paths.push(path);
        }
        if (engine.withSimd === "" || engine.plain === "") this.error("a build of the engine is missing");
        const list = JSON.stringify({ version: digest.digest("hex").slice(0, 16), paths, engine });
        worker.code = worker.code.replaceAll(PLACEHOLDER, () => list);
      },
    },
  };
}
