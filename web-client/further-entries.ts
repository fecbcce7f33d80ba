/** The package's entries beside the one for browsers, each a module by itself: for Node, and for React. Runs on Node, at build time. */
import { join } from "node:path";
import { build } from "vite";
import type { Plugin } from "vite";

const here = import.meta.dirname;

const ENTRIES = [
  { name: "node", external: [/^node:/, "idb"] },
  { name: "react", external: ["react"] },
];

/** The engine lies beside the modules of the package. */
const IN_SOURCE = /new URL\("\.\.\/\.\.\/build\/([\w.]+)", import\.meta\.url\)/g;

/** As long as what it stands for, so that the source map stays right; Vite would put the file into the module as base64. */
function engineBeside(): Plugin {
  const held = (name: string): string => `__RIVULET_ENGINE_${name.replaceAll(".", "$")}__`;
  return {
    name: "rivulet-engine-beside",
    enforce: "pre",
    transform: (code) => ({
      code: code.replace(IN_SOURCE, (whole, name: string) => held(name).padEnd(whole.length, "_")),
      map: null,
    }),
    renderChunk: (code) =>
      code.replace(/__RIVULET_ENGINE_([\w$]+?)__+/g, (_, name: string) => {
        return `new URL("./${name.replaceAll("$", ".")}", import.meta.url)`;
      }),
  };
}

export function furtherEntries(dist: string): Plugin {
  return {
    name: "rivulet-further-entries",
    async closeBundle() {
      for (const { name, external } of ENTRIES) {
        await build({
          root: here,
          configFile: false,
          logLevel: "warn",
          plugins: [engineBeside()],
          build: {
            lib: { entry: join(here, name, "index.ts"), formats: ["es"], fileName: name },
            outDir: dist,
            emptyOutDir: false,
            target: "es2022",
            minify: false,
            sourcemap: true,
            rolldownOptions: {
              external,
              onLog: (level, log, handle) => {
                if (log.code !== "SOURCEMAP_BROKEN") handle(level, log);
              },
            },
          },
        });
      }
    },
  };
}
