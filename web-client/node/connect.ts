/** A client in Node, or another runtime with Node's files: in memory, over a WebSocket that may be given. */
import { readFile } from "node:fs/promises";
import type { Engine } from "../../log/engine.ts";
import { createEngine } from "../../log/wasm-engine.ts";
import { hasSimd } from "../../log/wasm-simd.ts";
import { gatewayAddress } from "../address.ts";
import type { ConnectOptions, Rivulet } from "../core/api.ts";
import { whoSignsIn } from "../core/tokens.ts";
import { httpHistory, serverTime } from "../http-gateway.ts";
import { openClient } from "../open-client.ts";
import { systemClock } from "../system-clock.ts";
import { webSocketTransport } from "../websocket-transport.ts";
import type { WebSocketClass } from "../websocket-transport.ts";

export interface NodeConnectOptions extends Omit<ConnectOptions, "engineUrl" | "name"> {
  /**
   * What connects: the runtime's own `WebSocket` when left out (Node has one from 22 on); else that of `ws` or of `undici`, which
   * has the same interface.
   */
  WebSocket?: WebSocketClass;
}

/**
 * As in a browser, but everything is kept in memory (`storage` says so): what waits in the outbox is gone with the process, so
 * wait for `delivered`. Throws TypeError where there is no WebSocket.
 */
export async function connect(options: NodeConnectOptions): Promise<Rivulet> {
  const address = gatewayAddress(options.url);
  const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (WebSocket === undefined)
    throw new TypeError(
      "this runtime has no WebSocket: use Node 22 or newer, or give connect() one, as in " +
        '`import { WebSocket } from "ws"; connect({ url, WebSocket })`',
    );
  options.signal?.throwIfAborted();
  const { principal, tokens } = await whoSignsIn(options);
  options.signal?.throwIfAborted();
  const host = {
    clock: systemClock,
    random: () => Math.random(),
    openTransport: webSocketTransport(address.webSocket, WebSocket),
    history: httpHistory(address.http),
    serverTime: () => serverTime(address.http),
    locks: undefined,
    openPort: () => ({ post: () => undefined, close: () => undefined }),
    onOnline: () => undefined,
    // There is none: everything is in memory.
    storage: {
      persist: () => Promise.resolve(false),
      persisted: () => Promise.resolve(undefined),
      estimate: () => Promise.resolve({}),
    },
    report: (what: string, error: unknown) => console.error(`rivulet: ${what}:`, error),
  };
  return openClient(host, {
    account: address.http.href,
    principal,
    tokens,
    databases: undefined,
    engine: await loadEngine(),
    offline: options.offline ?? false,
    signal: options.signal,
  });
}

let module: Promise<WebAssembly.Module> | undefined;

async function loadEngine(): Promise<Engine> {
  module ??= readFile(
    hasSimd()
      ? new URL("../../build/engine.wasm", import.meta.url)
      : new URL("../../build/engine.plain.wasm", import.meta.url),
  ).then((bytes) => WebAssembly.compile(bytes));
  module.catch(() => (module = undefined));
  return createEngine(await WebAssembly.instantiate(await module));
}
