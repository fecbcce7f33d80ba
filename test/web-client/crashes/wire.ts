/**
 * The way between pages and a gateway, in the test's hands: it tells what goes out under whose name, keeps back what one of the
 * two has said, and is cut. Messages are whole, as the WebSocket has them.
 */
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import { BatchHeader } from "../../../log/batch.ts";
import { ApiKey } from "../../../wire/api.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { saslAuthenticate } from "../../../wire/apis/sasl-authenticate.ts";
import { decodeOauthbearer } from "../../../wire/oauthbearer.ts";
import { decodeRequest } from "../../../wire/request.ts";
import { decodeRequestHeader } from "../../../wire/request-header.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "../../sim/workload/engine.ts";
import { idOf } from "../../sim/workload/values.ts";

/** `requests`: what pages say; `answers`: what the gateway says. */
export type Direction = "requests" | "answers";

export interface WireOptions {
  /** The gateway's port, which may be another one after a restart. */
  readonly target: () => number;
  /** A record leaves a page in a Produce request, on a connection of whoever has signed in there. */
  readonly onSent: (id: string, principal: string) => void;
}

/** Whoever has not signed in. */
export const NOBODY = "anonymous";

export class Wire {
  readonly port: number;
  private readonly options: WireOptions;
  private readonly server: Server;
  private readonly webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  private readonly lines = new Set<Line>();
  /** What is to be held from the next Produce on, on its connection, and whoever waits for that. */
  private readonly waiting = new Map<Direction, () => void>();
  private isCut = false;

  private constructor(server: Server, options: WireOptions) {
    this.server = server;
    this.options = options;
    this.port = (server.address() as AddressInfo).port;
    server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.pass(request, response),
    );
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.connect(request, socket, head),
    );
  }

  static async open(options: WireOptions): Promise<Wire> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Wire(server, options);
  }

  /** Nothing gets through until it is mended, and what was open is broken. */
  cut(): void {
    this.isCut = true;
    for (const line of this.lines) line.breakOff();
    this.server.closeAllConnections();
  }

  mend(): void {
    this.isCut = false;
  }

  /**
   * From the next Produce request, or the next answer to one, on what is said in that direction on its connection is kept
   * back; resolves then.
   */
  hold(direction: Direction): Promise<void> {
    return new Promise((resolve) => this.waiting.set(direction, resolve));
  }

  /** What was kept back arrives, also when whoever has said it is gone; or it never does. */
  release(direction: Direction, { isLost }: { isLost: boolean }): void {
    this.waiting.delete(direction);
    for (const line of this.lines) line.release(direction, isLost);
  }

  async close(): Promise<void> {
    this.cut();
    this.webSockets.close();
    this.server.close();
    await once(this.server, "close");
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    if (this.isCut) return void request.socket.destroy();
    const { method, url, headers } = request;
    const onward = httpRequest({
      host: "127.0.0.1",
      port: this.options.target(),
      method,
      path: url,
      headers,
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    request.pipe(onward);
  }

  private connect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => undefined);
    if (this.isCut) return void socket.destroy();
    const { "sec-websocket-protocol": protocol = "", origin, host = "" } = request.headers;
    const gateway = new WebSocket(`ws://127.0.0.1:${this.options.target()}${request.url ?? ""}`, protocol, {
      perMessageDeflate: false,
      headers: { host, ...(origin !== undefined && { origin }) },
    });
    gateway.on("error", () => socket.destroy());
    gateway.once("open", () => {
      if (this.isCut || socket.destroyed) return gateway.terminate();
      this.webSockets.handleUpgrade(request, socket, head, (page) => {
        const line = new Line(page, gateway, {
          onSent: this.options.onSent,
          onProduce: (direction) => {
            const resolve = this.waiting.get(direction);
            if (resolve === undefined) return;
            this.waiting.delete(direction);
            line.hold(direction);
            resolve();
          },
          onOver: () => this.lines.delete(line),
        });
        this.lines.add(line);
      });
    });
  }
}

interface LineEvents {
  readonly onSent: WireOptions["onSent"];
  /** A Produce request, or an answer to one, is about to be passed on. */
  readonly onProduce: (direction: Direction) => void;
  readonly onOver: () => void;
}

/** One WebSocket, and its other half. */
class Line {
  private readonly page: WebSocket;
  private readonly gateway: WebSocket;
  private readonly events: LineEvents;
  private readonly held = new Set<Direction>();
  private readonly kept: Record<Direction, Buffer[]> = { requests: [], answers: [] };
  /** Correlation ids of Produce requests that are not answered. */
  private readonly asked = new Set<number>();
  private principal = NOBODY;

  constructor(page: WebSocket, gateway: WebSocket, events: LineEvents) {
    this.page = page;
    this.gateway = gateway;
    this.events = events;
    page.on("message", (message: Buffer) => {
      this.listen(new Uint8Array(message));
      this.say("requests", message);
    });
    gateway.on("message", (message: Buffer) => {
      if (this.asked.delete(message.readInt32BE(0))) events.onProduce("answers");
      this.say("answers", message);
    });
    for (const socket of [page, gateway]) socket.on("error", () => undefined);
    // What a page has said before it died may still be on its way.
    page.on("close", () => this.kept.requests.length === 0 && this.breakOff());
    gateway.on("close", () => this.breakOff());
  }

  breakOff(): void {
    this.page.terminate();
    this.gateway.terminate();
    this.events.onOver();
  }

  hold(direction: Direction): void {
    this.held.add(direction);
  }

  release(direction: Direction, isLost: boolean): void {
    this.held.delete(direction);
    const kept = this.kept[direction].splice(0);
    if (!isLost) for (const message of kept) this.to(direction).send(message);
    if (this.page.readyState !== WebSocket.OPEN) this.gateway.close();
  }

  private to(direction: Direction): WebSocket {
    return direction === "requests" ? this.gateway : this.page;
  }

  private say(direction: Direction, message: Buffer): void {
    if (this.held.has(direction)) this.kept[direction].push(message);
    else if (this.to(direction).readyState === WebSocket.OPEN) this.to(direction).send(message);
  }

  /** Whose connection it is, and which records go out on it. */
  private listen(message: Uint8Array): void {
    const { apiKey, apiVersion, correlationId, bodyAt } = decodeRequestHeader(message);
    if (apiKey === ApiKey.SaslAuthenticate) {
      const { authBytes } = decodeRequest(saslAuthenticate, apiVersion, message, bodyAt);
      this.principal = subjectOf(decodeOauthbearer(authBytes).token);
    }
    if (apiKey !== ApiKey.Produce) return;
    this.asked.add(correlationId);
    for (const { partitionData } of decodeRequest(produce, apiVersion, message, bodyAt).topicData)
      for (const { records } of partitionData)
        if (records !== null) for (const id of idsIn(records)) this.events.onSent(id, this.principal);
    this.events.onProduce("requests");
  }
}

function* idsIn(batches: Uint8Array): Generator<string, void, void> {
  const batch = batches.slice(0, new BatchHeader(batches).bytes);
  for (const record of engine.readBatch(batch, UNCOMPRESSED_BYTES_MAX)) yield idOf(record);
}

function subjectOf(token: string): string {
  const claims = JSON.parse(Buffer.from(token.split(".", 2)[1] ?? "", "base64url").toString()) as {
    sub: string;
  };
  return claims.sub;
}
