/** What a client process plugs in where a real one has sockets and fetch. */
import type { HistorySource } from "../../../sync/history.ts";
import type { OpenTransport, TransportHandler } from "../../../sync/transport.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";
import { framePrefix, FrameReader } from "../../../wire/frame-reader.ts";
import type { Process } from "../kernel/process.ts";
import { frame, Frames, FrameType } from "./frames.ts";
import { get } from "./http.ts";
import type { EndHandler } from "./link.ts";
import type { Network } from "./network.ts";

const MESSAGE_BYTES_MAX = 2 ** 30;
const TIME_TIMEOUT_MS = 5000;

/** How messages lie in a connection's bytes. */
interface Framing {
  /** The message as it is written. */
  pieces(message: Uint8Array): readonly Uint8Array[];
  /** The messages that `chunk` completes, and why the other side closes when it says so. */
  push(chunk: Uint8Array): Iterable<{ message: Uint8Array } | { closes: string }>;
}

/** Kafka's protocol over a WebSocket: one frame is one message, and half a frame is none. */
export function webSocketTransport(network: Network, process: Process, address: string): OpenTransport {
  return (handler) => open(network, process, address, handler, webSocketFraming());
}

/** Kafka's protocol over TCP: each message behind its length in 4 bytes. */
export function tcpTransport(network: Network, process: Process, address: string): OpenTransport {
  return (handler) => open(network, process, address, handler, tcpFraming());
}

/** `GET /log/<topic id>/<partition>?from=<offset>`: fails as fetch does for a status that is not 200 and a body that is cut. */
export function history(network: Network, process: Process, address: string): HistorySource {
  return {
    async *read(topicId, partition, from, signal) {
      const path = `/log/${topicId}/${partition}?from=${from}`;
      signal.throwIfAborted();
      const exchange = get(network, process, address, path);
      const aborted = (): void => exchange.stop(asError(signal.reason));
      signal.addEventListener("abort", aborted, { once: true });
      try {
        const status = await exchange.status;
        if (status !== 200) {
          const code = ErrorCode.UNKNOWN_SERVER_ERROR;
          throw new KafkaError(code, `GET ${path.split("?", 1)[0]} answered ${status}`);
        }
        yield* exchange.pieces();
      } finally {
        signal.removeEventListener("abort", aborted);
        exchange.stop(new Error("no longer wanted"));
      }
    },
  };
}

/** `GET /healthz`: the gateway's time, in milliseconds since the epoch. */
export function serverTime(network: Network, process: Process, address: string): () => Promise<number> {
  return async () => {
    const exchange = get(network, process, address, "/healthz");
    const cancel = process.clock.setTimer(TIME_TIMEOUT_MS, () =>
      exchange.stop(new Error("it took too long")),
    );
    try {
      await exchange.status;
      const pieces: Uint8Array[] = [];
      for await (const piece of exchange.pieces()) pieces.push(piece);
      const text = pieces.map((piece) => new TextDecoder().decode(piece)).join("");
      const { nowMs } = JSON.parse(text) as { nowMs?: unknown };
      if (typeof nowMs !== "number" || !Number.isFinite(nowMs))
        throw new Error("the gateway does not tell its time");
      return nowMs;
    } finally {
      cancel();
    }
  };
}

function open(
  network: Network,
  process: Process,
  address: string,
  handler: TransportHandler,
  framing: Framing,
): ReturnType<OpenTransport> {
  let isOpen = false;
  let isOver = false;
  const over = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    handler.closed(reason);
  };
  const told: EndHandler = {
    opened() {
      if (isOver) return;
      isOpen = true;
      handler.opened();
    },
    data(chunk) {
      if (isOver) return;
      for (const part of framing.push(chunk)) {
        if (isOver) return;
        if ("message" in part) handler.message(part.message);
        else {
          end.end();
          over(part.closes);
        }
      }
    },
    ended() {
      end.end();
      over(`${address} closed the connection`);
    },
    closed: over,
  };
  const end = network.connect(process, address, told);
  return {
    send(message) {
      if (!isOpen || isOver || end.isEnding || !process.isAlive) return;
      network.requestLeaves(process, message);
      for (const piece of framing.pieces(message)) end.write(piece);
    },
    close() {
      end.end();
      over("closed by this side");
    },
  };
}

function webSocketFraming(): Framing {
  const frames = new Frames(MESSAGE_BYTES_MAX);
  return {
    pieces: (message) => [frame(FrameType.message, message)],
    *push(chunk) {
      for (const { type, payload } of frames.push(chunk)) {
        if (type === FrameType.message) yield { message: payload };
        else yield { closes: new TextDecoder().decode(payload) };
      }
    },
  };
}

function tcpFraming(): Framing {
  const reader = new FrameReader({ frameBytesMax: MESSAGE_BYTES_MAX });
  return {
    pieces: (message) => [framePrefix(message.byteLength), message],
    *push(chunk) {
      for (const message of reader.push(chunk)) yield { message };
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
