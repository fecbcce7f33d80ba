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

/**
 * One file for Node, with npm's packages inside: to find and read the hundred files that they are made of takes longer than all
 * else at a start. What is not needed at once stands in files of its own. uWebSockets is a binary, and stays outside.
 */
export default defineConfig({
  root: here,
  plugins: [withAssets()],
  ssr: { noExternal: ["commander", "jose", "pino", "re2js"], external: ["uWebSockets.js"] },
  build: {
    ssr: "rivulet.ts",
    outDir: "dist",
    emptyOutDir: true,
    target: "node20",
    sourcemap: true,
    rolldownOptions: { output: { entryFileNames: "rivulet.js" } },
  },
});
