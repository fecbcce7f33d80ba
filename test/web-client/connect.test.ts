import { readFile } from "node:fs/promises";
import { afterEach, expect, test, vi } from "vitest";
import { connect } from "../../web-client/connect.ts";

afterEach(() => vi.unstubAllGlobals());

test("connecting that is given up while the engine loads leaves no client behind", async () => {
  const controller = new AbortController();
  const engine = await readFile(new URL("../../build/engine.wasm", import.meta.url));
  vi.stubGlobal("fetch", () => {
    controller.abort(new Error("given up"));
    return Promise.resolve(new Response(new Uint8Array(engine)));
  });
  vi.stubGlobal("addEventListener", () => undefined);
  let open = 0;
  vi.stubGlobal(
    "BroadcastChannel",
    class extends EventTarget {
      constructor() {
        super();
        open += 1;
      }
      postMessage(): void {}
      close(): void {
        open -= 1;
      }
    },
  );
  await expect(connect({ url: "http://127.0.0.1:1", signal: controller.signal })).rejects.toThrow("given up");
  expect(open).toBe(0);
});
