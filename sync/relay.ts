/**
 * One connection for several clients: each of them speaks Kafka's protocol as if the connection were its own, and its frames
 * go out on the shared one. A request travels under a correlation id of the connection's, a Push goes to all who have the
 * partition subscribed. A client that does not take what it gets costs no memory: it is told that it was left behind, and
 * asks again from where it is.
 */
import { ApiKey } from "../wire/api.ts";
import type { Api } from "../wire/api.ts";
import { apiVersions } from "../wire/apis/api-versions.ts";
import { subscribe } from "../wire/apis/subscribe.ts";
import { unsubscribe } from "../wire/apis/unsubscribe.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { PushFrame } from "../wire/push.ts";
import { decodeRequest, readRequestHeader } from "../wire/request.ts";
import { decodeResponse, encodeResponse } from "../wire/response.ts";
import { joinPieces } from "../wire/writer.ts";
import type { Connection, PushListener } from "./connection.ts";
import { errorText } from "./error-text.ts";

/** What the client gets. Nothing is called after `closed`. */
export interface RelayClient {
  /** An answer or a Push, whole; the bytes may be other clients', too, and must not be changed. */
  message(bytes: Uint8Array): void;
  /** Its subscription to a partition begins at `offset` now: what lies before it comes only to who asks again. */
  moved(topicId: string, partition: number, offset: bigint): void;
  /** The connection has ended, or the client has sent what it must not. */
  closed(reason: string): void;
}

/** Requests of one client that are on their way at once; those behind them wait. */
const OUTSTANDING_MAX = 1000;
/** What may wait: a client that asks for so much without taking an answer is not one of ours. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** What a request that waits counts besides its bytes. */
const WAITING_BYTES = 256;
/** What is on its way to a client and not taken yet; when it is full, no Push is added. */
const UNTAKEN_BYTES_MAX = 4 * 1024 * 1024;

/** Signing in is done once, by whoever has the connection. */
const NOT_RELAYED: ReadonlySet<number> = new Set([ApiKey.SaslHandshake, ApiKey.SaslAuthenticate]);

/** Whose requests are read; all others go on as they are. */
const READ: ReadonlyMap<number, Api> = new Map([subscribe, unsubscribe].map((api: Api) => [api.key, api]));

interface RelayedPartition {
  readonly listener: PushListener;
  /** The client has what comes before, or never asked for it; -1n until its Subscribe is answered. */
  sentTo: bigint;
  readonly stop: () => void;
}

/** One client's share of a connection, for as long as both last. */
export class Relay {
  private readonly connection: Connection;
  private readonly client: RelayClient;
  private readonly partitions = new Map<string, RelayedPartition>();
  private outstanding = 0;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private untakenBytes = 0;
  private isOver = false;
  private readonly stopHearing: () => void;

  constructor(connection: Connection, client: RelayClient) {
    this.connection = connection;
    this.client = client;
    this.stopHearing = connection.onEnd((reason) => this.end(reason));
  }

  /** A request of the client's, which is the relay's from now on. What cannot be relayed ends the client's share. */
  request(message: Uint8Array): void {
    if (this.isOver) return;
    try {
      // In order: what is asked for is asked for before it is left.
      if (this.outstanding >= OUTSTANDING_MAX || this.waiting.length > 0) this.wait(message);
      else this.relay(message);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** The client has taken so many bytes of what it was sent. */
  taken(bytes: number): void {
    this.untakenBytes = Math.max(0, this.untakenBytes - bytes);
  }

  /** The client is gone: what is pushed for it alone is no longer asked for. */
  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopHearing();
    this.waiting.length = 0;
    const left = [...this.partitions.keys()];
    for (const { stop } of this.partitions.values()) stop();
    this.partitions.clear();
    this.unsubscribeUnheard(left.map(partitionOf));
  }

  private wait(message: Uint8Array): void {
    this.waitingBytes += message.byteLength + WAITING_BYTES;
    if (this.waitingBytes > WAITING_BYTES_MAX)
      throw new KafkaError(
        ErrorCode.THROTTLING_QUOTA_EXCEEDED,
        `one client has ${OUTSTANDING_MAX} requests outstanding, and ${this.waiting.length} more that wait for them`,
      );
    this.waiting.push(message);
  }

  private sendWaiting(): void {
    try {
      while (!this.isOver && this.outstanding < OUTSTANDING_MAX) {
        const message = this.waiting.shift();
        if (message === undefined) return;
        this.waitingBytes -= message.byteLength + WAITING_BYTES;
        this.relay(message);
      }
    } catch (error) {
      this.refuse(error);
    }
  }

  private refuse(error: unknown): void {
    this.close();
    this.client.closed(errorText(error));
  }

  private relay(message: Uint8Array): void {
    const { apiKey, apiVersion, correlationId, bodyAt } = readRequestHeader(message, (key) => READ.get(key));
    if (NOT_RELAYED.has(apiKey))
      throw new KafkaError(ErrorCode.ILLEGAL_SASL_STATE, "who shares a connection does not sign in on it");
    if (apiKey === ApiKey.ApiVersions) return this.tellVersions(apiVersion, correlationId);
    this.checkServed(apiKey, apiVersion);
    if (apiKey === ApiKey.Unsubscribe) {
      const { subscriptions } = decodeRequest(unsubscribe, apiVersion, message, bodyAt);
      return this.leave(subscriptions, apiVersion, correlationId);
    }
    if (apiKey !== ApiKey.Subscribe) return this.forward(message, (answer) => this.send(answer));
    const { subscriptions } = decodeRequest(subscribe, apiVersion, message, bodyAt);
    // Pushes may be here before the answer is: whoever has asked sorts out which are of the new subscription.
    for (const { topicId, partition } of subscriptions) this.listen(topicId, partition);
    this.forward(message, (answer) => {
      const body = decodeResponse(subscribe, apiVersion, answer).body;
      for (const [index, { topicId, partition, errorCode, offset }] of body.subscriptions.entries()) {
        if (errorCode !== ErrorCode.NONE || offset < 0n) continue;
        const asked = subscriptions[index]?.offset ?? offset;
        this.began(topicId, partition, asked < 0n ? offset : asked);
      }
      this.send(answer);
    });
  }

  /** What the other side cannot read it would end the connection for, which is the others', too. */
  private checkServed(apiKey: number, version: number): void {
    if (this.connection.serves(apiKey, version)) return;
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `the gateway does not serve API ${apiKey} in version ${version}`,
    );
  }

  private forward(message: Uint8Array, receive: (answer: Uint8Array) => void): void {
    this.connection.forward(message, (answer) => {
      this.outstanding -= 1;
      if (this.isOver) return;
      receive(answer);
      this.sendWaiting();
    });
    this.outstanding += 1;
  }

  private send(message: Uint8Array): void {
    this.untakenBytes += message.byteLength;
    this.client.message(message);
  }

  /** As the connection was told, but for what is not relayed. */
  private tellVersions(version: number, correlationId: number): void {
    const apiKeys = this.connection.served.filter(({ apiKey }) => !NOT_RELAYED.has(apiKey));
    const body = { errorCode: ErrorCode.NONE, apiKeys, throttleTimeMs: 0 };
    const noFeatures = { supportedFeatures: [], finalizedFeatures: [], zkMigrationReady: false };
    const answer = encodeResponse(apiVersions, version, correlationId, { ...body, ...noFeatures });
    this.send(joinPieces(answer));
  }

  private leave(
    subscriptions: readonly { topicId: string; partition: number }[],
    version: number,
    correlationId: number,
  ): void {
    for (const { topicId, partition } of subscriptions) this.stopListening(topicId, partition);
    this.unsubscribeUnheard(subscriptions);
    const left = subscriptions.map((each) => ({ ...each, errorCode: ErrorCode.NONE }));
    const body = { throttleTimeMs: 0, subscriptions: left };
    this.send(joinPieces(encodeResponse(unsubscribe, version, correlationId, body)));
  }

  private listen(topicId: string, partition: number): void {
    const key = keyOf(topicId, partition);
    const known = this.partitions.get(key);
    if (known !== undefined) {
      known.sentTo = -1n;
      return;
    }
    const listener: PushListener = {
      push: (frame, message) => this.push(frame, message),
      moved: (offset) => this.client.moved(topicId, partition, offset),
    };
    const stop = this.connection.onPush(topicId, partition, listener);
    this.partitions.set(key, { listener, stop, sentTo: -1n });
  }

  private began(topicId: string, partition: number, offset: bigint): void {
    const relayed = this.partitions.get(keyOf(topicId, partition));
    if (relayed !== undefined) relayed.sentTo = offset;
    this.connection.subscriptionMoved(topicId, partition, offset, relayed?.listener);
  }

  private push(frame: PushFrame, message: Uint8Array): void {
    const relayed = this.partitions.get(keyOf(frame.topicId, frame.partition));
    if (relayed === undefined) return;
    const isRange = frame.errorCode === ErrorCode.NONE || frame.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE;
    if (!isRange) return this.send(message);
    // What another client has asked for once more.
    if (frame.to <= relayed.sentTo) return;
    if (this.untakenBytes < UNTAKEN_BYTES_MAX) {
      relayed.sentTo = frame.to;
      return this.send(message);
    }
    this.stopListening(frame.topicId, frame.partition);
    this.unsubscribeUnheard([frame]);
    this.client.moved(frame.topicId, frame.partition, frame.to);
  }

  private stopListening(topicId: string, partition: number): void {
    const key = keyOf(topicId, partition);
    this.partitions.get(key)?.stop();
    this.partitions.delete(key);
  }

  /** What is pushed for nobody costs both sides. */
  private unsubscribeUnheard(partitions: readonly { topicId: string; partition: number }[]): void {
    const { connection } = this;
    if (connection.isClosed) return;
    const subscriptions = partitions
      .filter(({ topicId, partition }) => !connection.isListening(topicId, partition))
      .map(({ topicId, partition }) => ({ topicId, partition }));
    if (subscriptions.length > 0) connection.request(unsubscribe, { subscriptions }).catch(() => undefined);
  }

  private end(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.client.closed(reason);
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

function partitionOf(key: string): { topicId: string; partition: number } {
  const at = key.lastIndexOf("/");
  return { topicId: key.slice(0, at), partition: Number(key.slice(at + 1)) };
}
