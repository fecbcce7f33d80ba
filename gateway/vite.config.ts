import { cp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;

/** Puts what the gateway serves and runs beside its bundle, so that `gateway/dist` is all that a package needs. */
function withAssets(): Plugin {
  return {
    name: "rivulet-assets",
    async closeBundle() {
      for (const engine of ["engine.wasm", "engine.plain.wasm"])
        await cp(join(here, "../build", engine), join(here, "dist", engine));
      const page = join(here, "../web-client/console/dist");
      await rm(join(here, "dist/console"), { recursive: true, force: true });
      if (existsSync(page)) await cp(page, join(here, "dist/console"), { recursive: true });
    },
  };
}

/** One file for Node: our own rooms inside, npm's packages outside. */
export default defineConfig({
  root: here,
  plugins: [withAssets()],
  build: {
    ssr: "rivulet.ts",
    outDir: "dist",
    emptyOutDir: true,
    target: "node20",
    sourcemap: true,
    rolldownOptions: { output: { entryFileNames: "rivulet.js" } },
  },
});
