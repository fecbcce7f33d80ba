/**
 * One connection of a foreign Kafka client, over TCP: written apart from `sync/connection.ts`, so that the gateway is seen
 * by two different pairs of eyes. Answers have to come in the order of the requests, as the Java client demands.
 */
import type { OpenTransport, Transport } from "../../../sync/transport.ts";
import type { Api } from "../../../wire/api.ts";
import { encodeRequest } from "../../../wire/request.ts";
import { decodeResponse } from "../../../wire/response.ts";
import type { Input } from "../../../wire/schema.ts";
import type { Process } from "../kernel/process.ts";

/** The connection ended before the answer came: what was asked may have been done, or not. */
export class ConnectionLost extends Error {}

interface Outstanding {
  readonly correlationId: number;
  /** Takes the answer. */
  readonly answer: (message: Uint8Array) => void;
  readonly lose: (error: ConnectionLost) => void;
  readonly cancelTimeout: () => void;
}

export interface KafkaConnectionOptions {
  readonly process: Process;
  readonly transport: OpenTransport;
  /** A request without an answer for so long ends the connection, as in the Java client. */
  readonly requestTimeoutMs: number;
}

export class KafkaConnection {
  /** Resolves with the reason when it has ended. */
  readonly closed: Promise<string>;
  private readonly options: KafkaConnectionOptions;
  private readonly transport: Transport;
  private readonly outstanding: Outstanding[] = [];
  private nextCorrelationId = 1;
  private endReason: string | undefined;
  private end: (reason: string) => void = () => undefined;

  /** Rejects with ConnectionLost when it does not open in time. */
  static async open(options: KafkaConnectionOptions): Promise<KafkaConnection> {
    let opened: () => void = () => undefined;
    const whenOpened = new Promise<void>((resolve) => (opened = resolve));
    const connection = new KafkaConnection(options, () => opened());
    const { clock } = options.process;
    const cancel = clock.setTimer(options.requestTimeoutMs, () =>
      connection.close("it did not open in time"),
    );
    const failure = connection.closed.then((reason) => {
      throw new ConnectionLost(reason);
    });
    try {
      await Promise.race([whenOpened, failure]);
      return connection;
    } finally {
      cancel();
    }
  }

  private constructor(options: KafkaConnectionOptions, opened: () => void) {
    this.options = options;
    this.closed = new Promise((resolve) => {
      this.end = (reason) => {
        if (this.endReason !== undefined) return;
        this.endReason = reason;
        for (const each of this.outstanding.splice(0)) {
          each.cancelTimeout();
          each.lose(new ConnectionLost(reason));
        }
        resolve(reason);
      };
    });
    this.transport = options.transport({
      opened,
      message: (bytes) => this.onMessage(bytes),
      closed: (reason) => this.end(reason),
    });
  }

  get isClosed(): boolean {
    return this.endReason !== undefined;
  }

  close(reason: string): void {
    if (this.isClosed) return;
    this.end(reason);
    this.transport.close();
  }

  /** Sends a request; `timeoutMs` is how much longer than usual its answer may take. Rejects with ConnectionLost. */
  request<Req, Res>(api: Api<Req, Res>, version: number, body: Input<Req>, timeoutMs = 0): Promise<Res> {
    if (this.endReason !== undefined) return Promise.reject(new ConnectionLost(this.endReason));
    const correlationId = this.nextCorrelationId;
    const waitMs = this.options.requestTimeoutMs + timeoutMs;
    return new Promise((resolve, reject) => {
      this.outstanding.push({
        correlationId,
        answer: (message) => resolve(decodeResponse(api, version, message).body),
        lose: reject,
        cancelTimeout: this.options.process.clock.setTimer(waitMs, () =>
          this.close(`${api.name} was not answered within ${waitMs} ms`),
        ),
      });
      this.tell(api, version, body);
    });
  }

  /** Sends what gets no answer: a Produce with acks 0. */
  tell<Req, Res>(api: Api<Req, Res>, version: number, body: Input<Req>): void {
    const correlationId = this.nextCorrelationId++;
    const { name: clientId } = this.options.process;
    this.transport.send(encodeRequest(api, version, { correlationId, clientId }, body));
  }

  private onMessage(message: Uint8Array): void {
    if (this.isClosed) return;
    const { process } = this.options;
    const correlationId = new DataView(message.buffer, message.byteOffset).getInt32(0);
    const first = this.outstanding.shift();
    if (first?.correlationId !== correlationId) {
      process.world.trace.violation(
        `${process.name}: the answer to request ${correlationId} came, and that to ${first?.correlationId ?? "none"} was due`,
      );
      first?.lose(new ConnectionLost("answers out of order"));
      return this.close("answers out of order");
    }
    first.cancelTimeout();
    try {
      first.answer(message);
    } catch (error) {
      process.world.trace.violation(`${process.name}: an answer cannot be read: ${String(error)}`);
      first.lose(new ConnectionLost("an unreadable answer"));
      this.close("an unreadable answer");
    }
  }
}
