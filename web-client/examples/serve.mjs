/** Serves the examples with Vite, from their sources and the SDK as it is published. */
import { join } from "node:path";
import { createServer } from "vite";

const here = import.meta.dirname;

/** Listens on 127.0.0.1; port 0 takes a free one. Resolves with the address, and how to stop. */
export async function serveExamples(port) {
  const server = await createServer({
    configFile: false,
    root: here,
    logLevel: "warn",
    server: { host: "127.0.0.1", port, strictPort: port !== 0 },
    resolve: { alias: { "@rivulet/client": join(here, "../dist/index.js") } },
    // What the SDK brings beside its module is found from where that is.
    optimizeDeps: { include: ["uplot", "idb"], exclude: ["@rivulet/client"] },
    build: { target: "es2022" },
  });
  await server.listen();
  const { port: taken } = server.httpServer.address();
  return { address: `http://127.0.0.1:${taken}`, close: () => server.close() };
}
