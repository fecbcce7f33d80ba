import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import type { InlineConfig, Plugin } from "vite";
import { writeDeclarations } from "./declarations.ts";
import { furtherEntries } from "./further-entries.ts";

const here = import.meta.dirname;
const consoleConfig = join(here, "console/vite.config.ts");

const ENGINES = ["engine.wasm", "engine.plain.wasm"];

/**
 * The package carries both builds of the engine beside its module. Bundlers of those who use it look for exactly this form;
 * Vite, if it saw it here, would put the files into the module as base64.
 */
function enginesBeside(dist: string): Plugin {
  const places = ENGINES.map((name, index) => {
    const inSource = `new URL("../build/${name}", import.meta.url)`;
    // As long as what it stands for, so that the source map stays right.
    const held = `__RIVULET_ENGINE_URL_${index}__`.padEnd(inSource.length, "_");
    return { inSource, held, inPackage: `new URL("./${name}", import.meta.url)` };
  });
  return {
    name: "rivulet-engines-beside",
    enforce: "pre",
    transform(code) {
      if (!places.some(({ inSource }) => code.includes(inSource))) return undefined;
      return {
        code: places.reduce((text, { inSource, held }) => text.replace(inSource, held), code),
        map: null,
      };
    },
    renderChunk(code) {
      return places.reduce((text, { held, inPackage }) => text.replace(held, inPackage), code);
    },
    async closeBundle() {
      for (const name of ENGINES) await copyFile(join(here, "../build", name), join(dist, name));
    },
  };
}

/** `dist/index.d.ts` and what it needs, from the compiler. */
function declarations(dist: string): Plugin {
  return {
    name: "rivulet-declarations",
    async closeBundle() {
      const compiler = join(here, "../node_modules/typescript/bin/tsc");
      await writeDeclarations(
        (args) =>
          promisify(execFile)(process.execPath, [compiler, ...args], { cwd: here }).then(() => undefined),
        dist,
      );
    },
  };
}

/** The console page is an app of its own, with a configuration of its own; one command builds both. */
function consolePage(): Plugin {
  return {
    name: "rivulet-console",
    async closeBundle() {
      if (existsSync(consoleConfig)) await build({ configFile: consoleConfig, logLevel: "warn" });
    },
  };
}

/** The SDK, built into `dist`: one module for browsers, `idb` beside it. */
export function sdkConfig(dist: string): InlineConfig & { plugins: Plugin[] } {
  return {
    root: here,
    plugins: [enginesBeside(dist), furtherEntries(dist), declarations(dist)],
    build: {
      lib: { entry: join(here, "index.ts"), formats: ["es"], fileName: "index" },
      outDir: dist,
      emptyOutDir: true,
      target: "es2022",
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        external: ["idb"],
        // The one change to the code keeps every column in its place.
        onLog: (level, log, handle) => {
          if (log.code !== "SOURCEMAP_BROKEN") handle(level, log);
        },
      },
    },
  };
}

const sdk = sdkConfig(join(here, "dist"));
export default { ...sdk, plugins: [...sdk.plugins, consolePage()] };
