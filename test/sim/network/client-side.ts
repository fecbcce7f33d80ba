/** What a client process plugs in where a real one has sockets and fetch. */
import type { HistorySource } from "../../../sync/history.ts";
import type { OpenTransport } from "../../../sync/transport.ts";
import type { Process } from "../kernel/process.ts";
import type { Network } from "./network.ts";

/** Kafka's protocol over a WebSocket: one frame is one message, and half a frame is none. */
export function webSocketTransport(network: Network, process: Process, address: string): OpenTransport {
  throw new Error(`follows: ${address} ${process.name} ${network.world.nowMs}`);
}

/** Kafka's protocol over TCP: each message behind its length in 4 bytes. */
export function tcpTransport(network: Network, process: Process, address: string): OpenTransport {
  throw new Error(`follows: ${address} ${process.name} ${network.world.nowMs}`);
}

/** `GET /log/<topic id>/<partition>?from=<offset>`: fails as fetch does for a status that is not 200 and a body that is cut. */
export function history(network: Network, process: Process, address: string): HistorySource {
  throw new Error(`follows: ${address} ${process.name} ${network.world.nowMs}`);
}

/** `GET /healthz`: the gateway's time, in milliseconds since the epoch. */
export function serverTime(network: Network, process: Process, address: string): () => Promise<number> {
  throw new Error(`follows: ${address} ${process.name} ${network.world.nowMs}`);
}
