/** One connection to a gateway: requests and their answers, pushes, and the end. It does not come back: see `upstream.ts`. */
import { errorText } from "./error-text.ts";
import type { Clock } from "../log/clock.ts";
import { apiVersions } from "../wire/apis/api-versions.ts";
import type { Api } from "../wire/api.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { decodePush, isPush } from "../wire/push.ts";
import type { PushFrame } from "../wire/push.ts";
import { encodeRequest } from "../wire/request.ts";
import type { Input } from "../wire/schema.ts";
import { decodeResponse } from "../wire/response.ts";
import type { OpenTransport, Transport } from "./transport.ts";
import { deferred } from "./wait.ts";

export interface ConnectionOptions {
  open: OpenTransport;
  clock: Clock;
  clientId: string;
  /** For opening the transport and learning the API versions together. */
  openTimeoutMs?: number;
  requestTimeoutMs?: number;
  /** When nothing has come in for this long, something is asked, to notice a peer that went without a word. */
  idleMs?: number;
}

const OPEN_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const IDLE_MS = 15_000;

/** Behind API key and version. */
const REQUEST_CORRELATION_ID_AT = 4;

/** ApiVersions is asked in this version first; a peer that is older answers in version 0 with its own range. */
const API_VERSIONS_FIRST = 3;

/** A request that is not answered yet. */
interface Pending {
  /** Throws when the answer cannot be read. */
  answered(message: Uint8Array): void;
  lost(error: KafkaError): void;
}

export interface ServedVersions {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Somebody here who follows a partition: several may, and they share one subscription. */
export interface PushListener {
  /** `message` is the frame as it came. */
  push(frame: PushFrame, message: Uint8Array): void;
  /** Another one here has had the subscription begin at `offset`: what lies before it comes only to who asks again. */
  moved(offset: bigint): void;
}

export class Connection {
  /** Resolves with the reason when the connection has ended, from whichever side. */
  readonly closed: Promise<string>;

  private readonly clock: Clock;
  private readonly clientId: string;
  private readonly requestTimeoutMs: number;
  private readonly idleMs: number;
  private readonly transport: Transport;
  private readonly pending = new Map<number, Pending>();
  private readonly pushListeners = new Map<string, Set<PushListener>>();
  private readonly theirVersions = new Map<number, ServedVersions>();
  private readonly opened = deferred<void>();
  private readonly ended = deferred<string>();
  private readonly endListeners = new Set<(reason: string) => void>();
  private endReason: string | undefined;
  private nextCorrelationId = 0;
  private messageBytesMax = Infinity;
  private heard = false;
  private cancelIdleTimer: () => void = () => undefined;

  /**
   * Opens a transport and learns which API versions the other side speaks. Rejects with NETWORK_EXCEPTION when it does
   * not open, or with UNSUPPORTED_VERSION when the other side speaks something else.
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const connection = new Connection(options);
    const timeoutMs = options.openTimeoutMs ?? OPEN_TIMEOUT_MS;
    const cancelTimer = options.clock.setTimer(timeoutMs, () =>
      connection.close(`no answer while opening for ${timeoutMs} ms`),
    );
    const onAbort = (): void => connection.close("closed by this side");
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      await connection.opened.promise;
      await connection.negotiate();
      return connection;
    } catch (error) {
      connection.close(errorText(error));
      throw error;
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  private constructor(options: ConnectionOptions) {
    this.clock = options.clock;
    this.clientId = options.clientId;
    this.requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.idleMs = options.idleMs ?? IDLE_MS;
    this.closed = this.ended.promise;
    void this.closed.then((reason) => this.tellEnd(reason));
    this.opened.promise.catch(() => undefined);
    this.transport = options.open({
      opened: () => this.opened.resolve(),
      message: (bytes) => this.onMessage(bytes),
      moved: (topicId, partition, offset) => this.subscriptionMoved(topicId, partition, offset),
      closed: (reason) => this.end(reason),
    });
  }

  get isClosed(): boolean {
    return this.endReason !== undefined;
  }

  /** What the other side serves, as it told. */
  get served(): readonly ServedVersions[] {
    return [...this.theirVersions.values()];
  }

  /** Whether the other side takes requests of this API in this version. */
  serves(apiKey: number, version: number): boolean {
    const theirs = this.theirVersions.get(apiKey);
    return theirs !== undefined && version >= theirs.minVersion && version <= theirs.maxVersion;
  }

  /** The highest version of `api` that both sides speak; undefined when there is none. */
  version(api: { key: number; minVersion: number; maxVersion: number }): number | undefined {
    const theirs = this.theirVersions.get(api.key);
    if (theirs === undefined) return undefined;
    const version = Math.min(api.maxVersion, theirs.maxVersion);
    return version >= Math.max(api.minVersion, theirs.minVersion) ? version : undefined;
  }

  /**
   * Sends a request in the highest version both sides speak. Rejects with NETWORK_EXCEPTION when the connection ends
   * first (whether the other side acted on it is then unknown) or UNSUPPORTED_VERSION. A request without an answer in
   * time ends the connection: what else is outstanding would not be answered either.
   */
  async request<Req, Res>(
    api: Api<Req, Res>,
    body: Input<Req>,
    timeoutMs = this.requestTimeoutMs,
  ): Promise<Res> {
    const version = this.version(api);
    if (version === undefined) {
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_VERSION,
        `the other side does not serve ${api.name} in a version known here`,
      );
    }
    return this.send(api, version, body, timeoutMs);
  }

  /**
   * From now on the other side takes no larger messages, and would end the connection for one: a request that is larger
   * rejects with MESSAGE_TOO_LARGE, and is not sent.
   */
  limitMessages(bytesMax: number): void {
    this.messageBytesMax = bytesMax;
  }

  /**
   * Sends a request of somebody else's, whole as they have encoded it, which is this connection's from now on. `receive` gets
   * the answer as it came, under their correlation id; nothing when the connection ends first. Throws KafkaError
   * MESSAGE_TOO_LARGE, and NETWORK_EXCEPTION when it has ended.
   */
  forward(message: Uint8Array, receive: (answer: Uint8Array) => void): void {
    if (this.endReason !== undefined) throw connectionLost(this.endReason);
    this.checkSize(message, "this request");
    const theirs = correlationIdAt(message, REQUEST_CORRELATION_ID_AT);
    setCorrelationId(message, REQUEST_CORRELATION_ID_AT, this.nextCorrelationId);
    this.sendAs(message, {
      answered: (answer) => {
        setCorrelationId(answer, 0, theirs);
        receive(answer);
      },
      lost: () => undefined,
    });
  }

  /** Tells `listener` of each Push of one partition, in the order of arrival; the answer takes it away again. */
  onPush(topicId: string, partition: number, listener: PushListener): () => void {
    const name = pushKey(topicId, partition);
    const listeners = this.pushListeners.get(name) ?? new Set();
    this.pushListeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.pushListeners.get(name) === listeners) this.pushListeners.delete(name);
    };
  }

  /** Subscribe was answered to `by`, and begins at `offset`: the gateway keeps one place for a connection, the last one asked for. */
  subscriptionMoved(topicId: string, partition: number, offset: bigint, by?: PushListener): void {
    for (const listener of this.pushListeners.get(pushKey(topicId, partition)) ?? [])
      if (listener !== by) listener.moved(offset);
  }

  /**
   * As `closed`, for those who may go before the connection does: it lasts for days, and would hold each of them for as long. The
   * answer takes `listener` away again.
   */
  onEnd(listener: (reason: string) => void): () => void {
    this.endListeners.add(listener);
    if (this.isClosed) void this.closed.then((reason) => this.tellEnd(reason));
    return () => this.endListeners.delete(listener);
  }

  /** Whether anybody here still listens for this partition's pushes. */
  isListening(topicId: string, partition: number): boolean {
    return this.pushListeners.has(pushKey(topicId, partition));
  }

  close(reason: string): void {
    if (this.isClosed) return;
    this.end(reason);
    this.transport.close();
  }

  private async negotiate(): Promise<void> {
    const first = Math.min(API_VERSIONS_FIRST, apiVersions.maxVersion);
    const body = { clientSoftwareName: "rivulet", clientSoftwareVersion: "0.1.0" };
    let answer = await this.send(apiVersions, first, body, this.requestTimeoutMs);
    if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      answer = await this.send(apiVersions, 0, body, this.requestTimeoutMs);
    }
    if (answer.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(answer.errorCode, "the other side refused to say which API versions it speaks");
    }
    for (const theirs of answer.apiKeys) this.theirVersions.set(theirs.apiKey, theirs);
    this.watchForSilence();
  }

  private send<Req, Res>(
    api: Api<Req, Res>,
    version: number,
    body: Input<Req>,
    timeoutMs: number,
  ): Promise<Res> {
    if (this.endReason !== undefined) return Promise.reject(connectionLost(this.endReason));
    const correlationId = this.nextCorrelationId;
    const message = encodeRequest(api, version, { correlationId, clientId: this.clientId }, body);
    try {
      this.checkSize(message, api.name);
    } catch (error) {
      return Promise.reject(error as KafkaError);
    }
    const answer = deferred<Res>();
    const cancelTimer = this.clock.setTimer(timeoutMs, () =>
      this.close(`${api.name} was not answered within ${timeoutMs} ms`),
    );
    this.sendAs(message, {
      answered: (bytes) => {
        cancelTimer();
        try {
          answer.resolve(readAnswer(api, version, bytes));
        } catch (error) {
          answer.reject(error);
          throw error;
        }
      },
      lost: (error) => {
        cancelTimer();
        answer.reject(error);
      },
    });
    return answer.promise;
  }

  /** `message` is under the next correlation id. */
  private sendAs(message: Uint8Array, pending: Pending): void {
    this.pending.set(this.nextCorrelationId, pending);
    this.nextCorrelationId = (this.nextCorrelationId + 1) & 0x7fffffff;
    this.transport.send(message);
  }

  private checkSize({ byteLength }: Uint8Array, what: string): void {
    if (byteLength <= this.messageBytesMax) return;
    const most = `a message to this gateway can have ${this.messageBytesMax} bytes at most`;
    throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, `${what} would take ${byteLength}; ${most}`);
  }

  private onMessage(message: Uint8Array): void {
    if (this.isClosed) return;
    this.heard = true;
    try {
      if (isPush(message)) this.onPushFrame(decodePush(message), message);
      else this.onAnswer(message);
    } catch (error) {
      this.close(`the other side sent something unreadable: ${errorText(error)}`);
    }
  }

  private onPushFrame(frame: PushFrame, message: Uint8Array): void {
    for (const listener of this.pushListeners.get(pushKey(frame.topicId, frame.partition)) ?? [])
      listener.push(frame, message);
  }

  private onAnswer(message: Uint8Array): void {
    if (message.byteLength < 4)
      throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, "an answer of less than four bytes");
    const correlationId = correlationIdAt(message, 0);
    const pending = this.pending.get(correlationId);
    if (pending === undefined)
      throw new KafkaError(
        ErrorCode.CORRUPT_MESSAGE,
        `an answer to request ${correlationId}, which is not outstanding`,
      );
    this.pending.delete(correlationId);
    pending.answered(message);
  }

  /** When a whole interval passes without a word, asks for one: the request's own time-out does the rest. */
  private watchForSilence(): void {
    this.cancelIdleTimer = this.clock.setTimer(this.idleMs, () => {
      if (!this.heard) this.send(apiVersions, 0, {}, this.idleMs).catch(() => undefined);
      this.heard = false;
      this.watchForSilence();
    });
  }

  /** Each of those who listen, once. */
  private tellEnd(reason: string): void {
    const listeners = [...this.endListeners];
    this.endListeners.clear();
    for (const listener of listeners) listener(reason);
  }

  private end(reason: string): void {
    if (this.isClosed) return;
    this.endReason = reason;
    this.cancelIdleTimer();
    this.opened.reject(connectionLost(reason));
    for (const pending of this.pending.values()) pending.lost(connectionLost(reason));
    this.pending.clear();
    this.pushListeners.clear();
    this.ended.resolve(reason);
  }
}

/** An older peer answers ApiVersions in version 0, whatever version was asked (KIP-511). */
function readAnswer<Req, Res>(api: Api<Req, Res>, version: number, message: Uint8Array): Res {
  const isApiVersions = api.key === apiVersions.key;
  const refused =
    isApiVersions &&
    message.byteLength >= 6 &&
    new DataView(message.buffer, message.byteOffset).getInt16(4) !== 0;
  return decodeResponse(api, refused ? 0 : version, message).body;
}

function correlationIdAt(message: Uint8Array, at: number): number {
  return new DataView(message.buffer, message.byteOffset, message.byteLength).getInt32(at);
}

function setCorrelationId(message: Uint8Array, at: number, correlationId: number): void {
  new DataView(message.buffer, message.byteOffset, message.byteLength).setInt32(at, correlationId);
}

function pushKey(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

function connectionLost(reason: string): KafkaError {
  return new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the connection to the gateway ended: ${reason}`);
}
