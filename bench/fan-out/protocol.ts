/** What the audience must know of a server to subscribe to it and to feed it. One implementation for each protocol. */
import type { WebSocketClient } from "../websocket-client.ts";

/** Where a server listens and how it is spoken to. Crosses to another process as JSON. */
export interface Address {
  readonly protocol: "plain" | "socket.io" | "rivulet";
  /** Of the WebSocket. */
  readonly port: number;
  /** Rivulet: where records come in, and to which topic. */
  readonly kafkaPort?: number;
  readonly topic?: string;
  readonly topicId?: string;
}

export interface Subscriber {
  /** Records have come, in one frame. */
  readonly onRecords: (count: number) => void;
  /** When given, it is handed each record's value; valid during the call only. Costs time: for checks. */
  readonly onValue?: (value: Uint8Array) => void;
  readonly onLost: (reason: string) => void;
}

/** Sends prepared ticks to the server. */
export interface Source {
  /** Publishes one tick: the records of the prepared tick `index`, modulo their number. */
  publish(index: number): void;
  close(): void;
}

export interface Protocol {
  /** Resolves when the server will send this subscriber every record that is published from then on. */
  subscribe(address: Address, subscriber: Subscriber): Promise<WebSocketClient>;
  /** `ticks`: the records of each tick. */
  openSource(
    address: Address,
    ticks: readonly (readonly Uint8Array[])[],
    onLost: (reason: string) => void,
  ): Promise<Source>;
}
