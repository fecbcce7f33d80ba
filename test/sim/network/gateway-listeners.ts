/** The gateway's listeners on the simulated network: its own code for connections, over sockets that are not real. */
import type { Endpoint } from "../../../gateway/api/context.ts";
import { Histories, type StreamedResponse } from "../../../gateway/clients/history-stream.ts";
import { IDLE_MS, QUEUED_BYTES_MAX, WEBSOCKET_IDLE_SECONDS } from "../../../gateway/clients/limits.ts";
import { RequestMemory } from "../../../gateway/clients/request-memory.ts";
import type { Serving } from "../../../gateway/clients/serving.ts";
import { SocketClient, type ServerWebSocket } from "../../../gateway/clients/socket-client.ts";
import { TcpClient, type TcpSocket } from "../../../gateway/clients/tcp-client.ts";
import { SWEEP_MS, TcpClients } from "../../../gateway/clients/tcp-clients.ts";
import type { Process } from "../kernel/process.ts";
import { frame, Frames, FrameType, textFrame } from "./frames.ts";
import { answerHead, bodyChunk, wholeAnswer } from "./http.ts";
import type { End, EndHandler } from "./link.ts";
import type { Network } from "./network.ts";

/** Stopped in two steps, as the real ones are: first what is here is answered. */
export interface Listener {
  finish(): Promise<void>;
  close(): void;
}

const REQUEST_LINE_BYTES_MAX = 4096;

/** Kafka's protocol over TCP. */
export function listenTcp(network: Network, process: Process, address: string, serving: Serving): Listener {
  const { world, clock } = process;
  const clients = new TcpClients();
  const open = new Map<TcpClient, End>();
  const requestMemory = new RequestMemory(QUEUED_BYTES_MAX);
  const listener = serving.kafkaProfile(endpointOf(address));
  const stopListening = network.listen(process, address, (end) => {
    const client = new TcpClient(new SimTcpSocket(end), {
      ...serving.kafka,
      listener,
      requestMemory,
      remote: address,
      elapsedMs: () => world.nowMs,
      busy: (busy) => clients.watch(busy),
    });
    open.set(client, end);
    clients.add(client);
    return {
      data: (bytes) => client.arrived(bytes),
      ended: () => void client.finish(),
      drained: () => void (end.bufferedBytes === 0 && client.drained()),
      closed: () => {
        open.delete(client);
        clients.delete(client);
        client.closed();
      },
    };
  });
  const sweep = (): (() => void) =>
    clock.setTimer(SWEEP_MS, () => {
      clients.sweep();
      for (const [client, end] of open) if (world.nowMs - end.lastActiveMs > IDLE_MS) client.idle();
      stopSweeping = sweep();
    });
  let stopSweeping = sweep();
  return {
    async finish() {
      stopListening();
      await Promise.all(Array.from(open.keys(), (client) => client.finish()));
    },
    close() {
      stopSweeping();
      stopListening();
      for (const client of open.keys()) client.destroy();
    },
  };
}

/** WebSocket. */
export function listenWebSocket(
  network: Network,
  process: Process,
  address: string,
  serving: Serving,
): Listener {
  const clients = new Map<SocketClient, End>();
  const listener = serving.webSocketProfile(endpointOf(address));
  const stopListening = network.listen(process, address, (end) => {
    // Its pings are not answered any more: by then it has heard nothing for this long.
    end.patienceMs = 1000 * WEBSOCKET_IDLE_SECONDS;
    const socket = new SimWebSocket(end, serving.webSocket.requestBytesMax);
    const client: SocketClient = new SocketClient(socket, {
      ...serving.webSocket,
      listener,
      remote: address,
      concat: (pieces) => Buffer.concat(pieces),
      gone: () => clients.delete(client),
    });
    clients.set(client, end);
    return socket.handler(client);
  });
  return {
    async finish() {
      stopListening();
      await Promise.all(Array.from(clients.keys(), (client) => client.finish()));
    },
    close() {
      stopListening();
      for (const end of clients.values()) end.destroy();
    },
  };
}

/** `GET /log/<topic id>/<partition>?from=<offset>` and `GET /healthz`. */
export function listenHttp(network: Network, process: Process, address: string, serving: Serving): Listener {
  const histories = new Histories(serving.services);
  const open = new Set<End>();
  const stopListening = network.listen(process, address, (end) => {
    open.add(end);
    const response = new SimResponse(end);
    const requests = new Frames(REQUEST_LINE_BYTES_MAX);
    const answer = (path: string): void => {
      const asked = /^\/log\/([^/?]+)\/([^/?]+)(?:\?from=([^&]*))?$/.exec(path);
      if (path === "/healthz") {
        const { well, body } = serving.health({ version: "simulated", kafka: "" });
        return response.whole(well ? 200 : 503, JSON.stringify(body));
      }
      if (asked === null) return response.whole(404, "there is nothing here");
      const request = histories.ask({ topicId: asked[1] ?? "", partition: asked[2] ?? "" }, asked[3]);
      if ("status" in request) return response.whole(request.status, request.errorMessage);
      end.write(answerHead(200));
      histories.send(response, request);
    };
    return {
      data: (bytes) => {
        for (const { type, payload } of requests.push(bytes))
          if (type === FrameType.request) answer(new TextDecoder().decode(payload));
      },
      ended: () => end.destroy(),
      drained: () => response.drained(),
      closed: () => {
        open.delete(end);
        response.aborted();
      },
    };
  });
  return {
    async finish() {
      stopListening();
      await histories.finish();
    },
    close() {
      stopListening();
      for (const end of open) end.destroy();
    },
  };
}

function endpointOf(address: string): Endpoint {
  const { hostname, port } = new URL(address);
  return { host: hostname, port: Number(port) };
}

class SimTcpSocket implements TcpSocket {
  private readonly end_: End;

  constructor(end: End) {
    this.end_ = end;
  }

  get isDestroyed(): boolean {
    return this.end_.isClosed;
  }

  get isEnding(): boolean {
    return this.end_.isEnding;
  }

  get bytesRead(): number {
    return this.end_.bytesRead;
  }

  get bufferedBytes(): number {
    return this.end_.bufferedBytes;
  }

  write(pieces: readonly Uint8Array[], taken: () => void): void {
    for (const piece of pieces) this.end_.write(piece);
    this.end_.write(new Uint8Array(0), taken);
  }

  pause(): void {
    this.end_.pause();
  }

  resume(): void {
    this.end_.resume();
  }

  watchProgress(): void {
    // The listener looks at all of them.
  }

  end(): void {
    this.end_.end();
  }

  destroy(): void {
    this.end_.destroy();
  }
}

/** As strict as uWebSockets is: what would crash the process there throws here. */
class SimWebSocket implements ServerWebSocket {
  private readonly end_: End;
  private readonly frames: Frames;
  private client: SocketClient | undefined;
  private isClosed = false;
  private inDrain = false;

  constructor(end: End, messageBytesMax: number) {
    this.end_ = end;
    this.frames = new Frames(messageBytesMax);
  }

  handler(client: SocketClient): EndHandler {
    this.client = client;
    return {
      data: (bytes) => this.received(bytes),
      ended: () => {
        this.end_.end();
        this.closed();
      },
      drained: () => {
        if (this.isClosed) return;
        this.inDrain = true;
        client.drained();
        this.inDrain = false;
      },
      closed: () => this.closed(),
    };
  }

  cork(send: () => void): void {
    this.use("cork");
    send();
  }

  send(message: Uint8Array): void {
    this.use("send");
    this.end_.write(frame(FrameType.message, message));
  }

  getBufferedAmount(): number {
    this.use("getBufferedAmount");
    return this.end_.bufferedBytes;
  }

  end(_code: number, reason: string): void {
    this.use("end");
    if (this.inDrain) throw new Error("end inside drain crashes the process");
    this.end_.write(textFrame(FrameType.close, reason));
    this.end_.end();
    // The library tells of the end before it returns.
    this.closed();
  }

  private received(bytes: Uint8Array): void {
    try {
      for (const { type, payload } of this.frames.push(bytes)) {
        if (this.isClosed) return;
        if (type === FrameType.message) this.client?.received(payload.buffer, true);
      }
    } catch {
      // Too large a message: the library closes without a word.
      this.end_.destroy();
    }
  }

  private use(what: string): void {
    if (this.isClosed) throw new Error(`${what} on a WebSocket that is closed crashes the process`);
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.client?.closed();
  }
}

class SimResponse implements StreamedResponse {
  private readonly end_: End;
  private onAbort: (() => void) | undefined;
  private onWrite: (() => boolean) | undefined;
  private isOver = false;

  constructor(end: End) {
    this.end_ = end;
  }

  onAborted(aborted: () => void): void {
    this.onAbort = aborted;
  }

  onWritable(writable: () => boolean): void {
    this.onWrite = writable;
  }

  cork(write: () => void): void {
    this.use();
    write();
  }

  write(bytes: Uint8Array): boolean {
    this.use();
    this.end_.write(bodyChunk(bytes));
    return this.end_.bufferedBytes === 0;
  }

  end(): void {
    this.use();
    this.isOver = true;
    this.end_.write(bodyChunk(new Uint8Array(0)));
  }

  close(): void {
    this.end_.destroy();
  }

  /** An answer that is there at once. */
  whole(status: number, body: string): void {
    this.isOver = true;
    for (const piece of wholeAnswer(status, body)) this.end_.write(piece);
  }

  drained(): void {
    if (!this.isOver) this.onWrite?.();
  }

  /** The connection is gone. */
  aborted(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onAbort?.();
  }

  private use(): void {
    if (this.isOver) throw new Error("a response that is over is touched, which crashes the process");
  }
}
