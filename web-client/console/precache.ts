/** Tells the service worker, at build time, which files make up the page. */
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

const PLACEHOLDER = "__RIVULET_CONSOLE_FILES__";
const WORKER_FILE = "service-worker.js";

/**
 * Replaces `__RIVULET_CONSOLE_FILES__` in `service-worker.js` by `{ version, paths }`: the paths of all files of the
 * build, the page itself as `/`, and a digest of their names and contents. Source maps are not kept on devices.
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
        const paths = files.map(({ fileName }) => (fileName === "index.html" ? "/" : `/${fileName}`));
        const list = JSON.stringify({ version: digest.digest("hex").slice(0, 16), paths });
        worker.code = worker.code.replaceAll(PLACEHOLDER, () => list);
      },
    },
  };
}
