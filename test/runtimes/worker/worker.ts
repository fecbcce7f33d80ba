/** A whole gateway in a Durable Object: its log in the object's SQLite, its clients on WebSockets. */
import engineModule from "engine.wasm";
import { Opened } from "../../../gateway/clients/opened.ts";
import { Serving } from "../../../gateway/clients/serving.ts";
import { SocketClient } from "../../../gateway/clients/socket-client.ts";
import type { Clock } from "../../../log/clock.ts";
import { brokerConfig } from "../../../log/config.ts";
import { silent } from "../../../log/logger.ts";
import { createEngine } from "../../../log/wasm-engine.ts";
import { runContract } from "./contract.ts";
import { type DurableStorage, DurableStore } from "./durable-store.ts";

/** What is used of the runtime, which has no types here. */
interface ObjectState {
  readonly storage: DurableStorage;
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>;
}
interface RuntimeSocket {
  accept(): void;
  send(message: Uint8Array): void;
  close(code: number, reason: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: ArrayBuffer | string }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
}
declare const WebSocketPair: new () => { readonly 0: object; readonly 1: RuntimeSocket };
interface Objects {
  idFromName(name: string): object;
  get(id: object): { fetch(request: Request): Promise<Response> };
}

const SUBPROTOCOL = "rivulet.kafka.v1";
const ADVERTISED = { host: "worker.invalid", port: 443 };

const clock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setTimeout(callback, 0),
};

/** `/contract` runs the contract of stores in an object of its own; all else is the gateway. */
export default {
  fetch(request: Request, env: { readonly LOG: Objects }): Promise<Response> {
    const name = new URL(request.url).pathname === "/contract" ? "contract" : "gateway";
    return env.LOG.get(env.LOG.idFromName(name)).fetch(request);
  },
};

export class LogObject {
  private readonly state: ObjectState;
  private serving: Promise<Serving> | undefined;

  constructor(state: ObjectState) {
    this.state = state;
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { storage } = this.state;
    if (pathname === "/contract") return Response.json(await runContract(storage));
    this.serving ??= this.state.blockConcurrencyWhile(() => open(new DurableStore(storage)));
    const serving = await this.serving;
    if (pathname === "/healthz") return Response.json(serving.health({ version: "worker", kafka: "" }).body);
    if (pathname === "/ws" && request.headers.get("upgrade") === "websocket") return accept(serving);
    return new Response("there is nothing here", { status: 404 });
  }
}

/** An object is never told that it ends: every start is one after a crash. */
function open(store: DurableStore): Promise<Serving> {
  const engine = createEngine(new WebAssembly.Instance(engineModule));
  const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(16));
  const dataDirectory = { path: "storage of the object", space: () => Promise.resolve(undefined) };
  const config = brokerConfig(new Map());
  const options = { store, engine, clock, random, config, log: silent, dataDirectory };
  return Serving.open(options, new Opened(silent));
}

function accept(serving: Serving): Response {
  const { 0: theirs, 1: ours } = new WebSocketPair();
  ours.accept();
  const socket = {
    cork: (send: () => void): void => send(),
    send: (message: Uint8Array): void => ours.send(message),
    // The runtime does not tell what its client has not taken yet: here a slow reader is not told from a fast one.
    getBufferedAmount: (): number => 0,
    end: (code: number, reason: string): void => ours.close(code, reason),
  };
  const client = new SocketClient(socket, {
    ...serving.webSocket,
    listener: serving.webSocketProfile(ADVERTISED),
    remote: "a client of the worker",
    concat,
    gone: () => {},
  });
  ours.addEventListener("message", ({ data }) => {
    if (typeof data === "string") client.received(new ArrayBuffer(0), false);
    else client.received(data, true);
  });
  let isClosed = false;
  const closed = (): void => {
    if (!isClosed) client.closed();
    isClosed = true;
  };
  ours.addEventListener("close", closed);
  ours.addEventListener("error", closed);
  const headers = { "sec-websocket-protocol": SUBPROTOCOL };
  return new Response(null, { status: 101, headers, webSocket: theirs } as ResponseInit);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.byteLength;
  }
  return result;
}
