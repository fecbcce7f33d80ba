/** A way to exchange whole messages with a gateway: a WebSocket in a tab, a memory pipe in tests. */
export interface Transport {
  /** Sends one message. Never throws: a transport that is gone drops it and has called `closed`. */
  send(message: Uint8Array): void;
  close(): void;
}

/** What a transport reports. Nothing is called before `OpenTransport` has returned, and nothing after `closed`. */
export interface TransportHandler {
  opened(): void;
  /** One whole message; the bytes are the receiver's to keep. */
  message(bytes: Uint8Array): void;
  /**
   * Where others share what is behind the transport: one of them has had the subscription to a partition begin at `offset`.
   */
  moved?(topicId: string, partition: number, offset: bigint): void;
  /** Called exactly once, also when it never opened and when this side closed it. */
  closed(reason: string): void;
}

export type OpenTransport = (handler: TransportHandler) => Transport;
