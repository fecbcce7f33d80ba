import type { ListenerProfile, RequestContext, Services } from "../api/context.ts";
import type { ApiTable } from "../api/table.ts";
import { Lifetime } from "../api/lifetime.ts";
import { Session } from "../api/session.ts";
import type { Subscriber } from "../api/subscriber.ts";
import type { RequestHeader, ServedApi } from "../api/served-api.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { KafkaError } from "../../wire/errors.ts";
import type { LogFields } from "../../log/logger.ts";
import { failureOf } from "../api/failure.ts";

/** What a connection asks of the socket it stands on. */
export interface ConnectionHost {
  /**
   * Sends one answer. False: the socket is backed up, and `drained` will be called. Never drops anything. Calls `sent`, which
   * may be during the call, when it does not look at the pieces any more; never where the socket ends before.
   */
  send(pieces: readonly Uint8Array[], sent?: () => void): boolean;
  /** Stop reading, and read again; where a socket cannot stop, too many unanswered requests close it. */
  readonly flow: { pause(): void; resume(): void } | undefined;
  /** A request has been answered: `unansweredBytes` has shrunk. */
  answered?(): void;
  /** Somebody has signed in where that has to be: larger requests may come from now on. */
  signedIn?(): void;
  close(reason: string): void;
  /** Closes once what was sent is out; left out: `close` does that. */
  end?(reason: string): void;
}

export interface ConnectionOptions {
  services: Services;
  listener: ListenerProfile;
  apis: ApiTable;
  host: ConnectionHost;
  /** Where the client is, for the log. */
  remote: string;
  /** Answers keep the order of requests, as Kafka's clients need on TCP. */
  ordered: boolean;
  limits: ConnectionLimits;
  subscriber?: Subscriber;
}

export interface ConnectionLimits {
  /** Requests that may be unanswered before reading stops. */
  requestsMax: number;
  /** Their bytes. One request may be larger than this. */
  requestBytesMax: number;
  /** Requests that may be worked on at once, Produce aside, where answers may overtake. */
  runningMax: number;
}

/** Before anybody has signed in. */
const SIGNING_IN: Pick<ConnectionLimits, "requestsMax" | "requestBytesMax"> = {
  requestsMax: 8,
  requestBytesMax: 128 * 1024,
};

interface Request {
  readonly api: ServedApi;
  readonly header: RequestHeader;
  readonly message: Uint8Array;
  afterReply: (() => void)[];
  afterSent: (() => void)[];
  /** Set when it has been handled; `pieces` undefined: no answer is sent. */
  done: { pieces: readonly Uint8Array[] | undefined } | undefined;
}

/**
 * One client, host-free: takes whole messages, has them handled, and sends the answers.
 *
 * Where answers keep their order, a request starts when all before it are answered, as in Kafka; only Produce starts
 * early, behind other Produce requests and behind a Fetch that waits, so that pipelined batches share a sync. How much
 * may be unanswered is bounded, and nothing starts while the client does not read what it was sent.
 */
export class Connection {
  readonly lifetime: Lifetime = new Lifetime();
  private readonly options: ConnectionOptions;
  private readonly session: Session;
  private readonly clientHost: string;
  private readonly waiting: Request[] = [];
  private readonly started: Request[] = [];
  private heldBytes = 0;
  private congested = false;
  private paused = false;
  private accepting = true;
  private advancing = false;
  private onIdle: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.clientHost = `/${options.remote.replace(/:\d+$/, "")}`;
    this.session = new Session(options.services.signIn, {
      close: (reason) => this.close(reason),
      signedIn: () => options.host.signedIn?.(),
    });
    this.lifetime.onEnd(() => this.session.end());
  }

  /** Most bytes that a request may have now; undefined: as many as the listener takes. */
  get requestBytesMax(): number | undefined {
    return this.session.isOpen ? undefined : this.session.requestBytesMax;
  }

  /** True when every request has been answered. */
  get idle(): boolean {
    return this.started.length === 0 && this.waiting.length === 0;
  }

  /** Bytes of the requests that are not answered yet. */
  get unansweredBytes(): number {
    return this.heldBytes;
  }

  /** Takes one whole message. Its bytes belong to the connection from now on. */
  received(message: Uint8Array): void {
    if (this.lifetime.ended || !this.accepting) return;
    const request = this.parse(message);
    if (request === undefined) return;
    this.waiting.push(request);
    this.heldBytes += message.byteLength;
    this.advance();
    this.limit();
  }

  /** The socket has taken what it was sent. */
  drained(): void {
    if (this.lifetime.ended) return;
    this.congested = false;
    this.advance();
    this.limit();
  }

  /** The socket is gone. */
  closed(): void {
    if (this.lifetime.ended) return;
    this.waiting.length = 0;
    this.started.length = 0;
    this.lifetime.end();
    this.onIdle?.();
  }

  /** Takes no more requests; resolves when those that are here have been answered. */
  finish(): Promise<void> {
    this.accepting = false;
    if (this.idle || this.lifetime.ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.onIdle = resolve;
    });
  }

  /** Closes the connection and says why in the log. */
  close(reason: string, fields: LogFields = {}): void {
    if (this.lifetime.ended) return;
    const { services, remote, listener, host } = this.options;
    services.log.warn(`connection closed: ${reason}`, { remote, listener: listener.name, ...fields });
    host.close(reason);
    this.closed();
  }

  /** As `close`, once what was answered has been sent. */
  private end(reason: string, fields: LogFields): void {
    if (this.lifetime.ended) return;
    const { services, remote, listener, host } = this.options;
    services.log.warn(`connection closed: ${reason}`, { remote, listener: listener.name, ...fields });
    if (host.end === undefined) host.close(reason);
    else host.end(reason);
    this.closed();
  }

  private parse(message: Uint8Array): Request | undefined {
    if (message.byteLength > (this.requestBytesMax ?? message.byteLength)) {
      this.close(`a request of ${message.byteLength} bytes before anybody has signed in`);
      return undefined;
    }
    let header: RequestHeader;
    try {
      header = decodeRequestHeader(message);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
    const api = this.options.apis.find(header);
    if (api === undefined) {
      const { apiKey, apiVersion } = header;
      this.close(
        `API key ${apiKey} version ${apiVersion} is not served here; ApiVersions lists what is`,
        described(header),
      );
      return undefined;
    }
    return { api, header, message, afterReply: [], afterSent: [], done: undefined };
  }

  /**
   * Starts what may start. Where answers keep their order, nothing passes one that may not. A request that is answered at
   * once leads back here: the loop below goes on then, since thousands of them in one another would leave no stack for
   * the last ones, and an append that runs out of it stops half way.
   */
  private advance(): void {
    if (this.advancing) return;
    this.advancing = true;
    try {
      this.startWaiting();
    } finally {
      this.advancing = false;
    }
  }

  private startWaiting(): void {
    for (let at = 0; at < this.waiting.length && !this.lifetime.ended;) {
      const request = this.waiting[at];
      if (request === undefined || this.congested) return;
      if (this.mayStart(request)) {
        const refusal = this.session.refusal(request.api);
        if (refusal !== undefined) return this.close(refusal, described(request.header));
        this.waiting.splice(at, 1);
        this.started.push(request);
        this.start(request);
      } else if (this.options.ordered || !this.session.isOpen) return;
      else at++;
    }
  }

  private mayStart({ api }: Request): boolean {
    const { ordered, limits } = this.options;
    if (this.started.length === 0) return true;
    if (!this.session.isOpen) return false;
    if (ordered) return api.startsEarly && this.started.every((earlier) => earlier.api.mayBePassed);
    if (api.startsEarly) return true;
    return this.started.filter((running) => !running.api.startsEarly).length < limits.runningMax;
  }

  private start(request: Request): void {
    try {
      const reply = request.api.serve(request.message, request.header, this.context(request));
      if (!(reply instanceof Promise)) return this.finished(request, reply);
      reply.then(
        (pieces) => this.finished(request, pieces),
        (error: unknown) => this.fail(error, described(request.header)),
      );
    } catch (error) {
      this.fail(error, described(request.header));
    }
  }

  private finished(request: Request, pieces: readonly Uint8Array[] | undefined): void {
    if (this.lifetime.ended) return;
    request.done = { pieces };
    if (this.options.ordered) {
      for (let first = this.started[0]; first?.done !== undefined; first = this.started[0]) {
        this.started.shift();
        this.answer(first, first.done.pieces);
        if (this.lifetime.ended) return;
      }
    } else {
      this.started.splice(this.started.indexOf(request), 1);
      this.answer(request, pieces);
      if (this.lifetime.ended) return;
    }
    this.advance();
    this.limit();
    if (this.idle) this.onIdle?.();
  }

  private answer(request: Request, pieces: readonly Uint8Array[] | undefined): void {
    this.heldBytes -= request.message.byteLength;
    this.options.host.answered?.();
    const { afterSent } = request;
    const sent = (): void => {
      for (const callback of afterSent) callback();
    };
    const told = afterSent.length === 0 ? undefined : sent;
    if (pieces !== undefined && !this.options.host.send(pieces, told)) this.congested = true;
    if (this.lifetime.ended) return;
    for (const callback of request.afterReply) callback();
  }

  /** Stops and resumes reading, so that what is unanswered stays bounded. */
  private limit(): void {
    if (this.lifetime.ended) return;
    const { host } = this.options;
    const limits = this.session.isOpen ? this.options.limits : SIGNING_IN;
    const requests = this.waiting.length + this.started.length;
    const full = requests > limits.requestsMax || (requests > 1 && this.heldBytes > limits.requestBytesMax);
    if (host.flow === undefined || limits === SIGNING_IN) {
      if (full)
        this.close(
          `more than ${limits.requestsMax} requests or ${limits.requestBytesMax} bytes are unanswered`,
        );
      return;
    }
    const pause = full || (this.congested && this.waiting.length > 0);
    if (pause === this.paused) return;
    this.paused = pause;
    if (pause) host.flow.pause();
    else host.flow.resume();
  }

  private context(request: Request): RequestContext {
    const { session } = this;
    const { services, listener, subscriber } = this.options;
    return {
      services,
      listener,
      apiVersion: request.header.apiVersion,
      clientId: request.header.clientId,
      clientHost: this.clientHost,
      principal: session.principal,
      session,
      connection: this.lifetime,
      subscriber,
      afterReply: (callback) => void request.afterReply.push(callback),
      afterSent: (callback) => void request.afterSent.push(callback),
      messageDone: () => services.messages.giveBack(request.message),
      close: (reason) => this.close(reason, described(request.header)),
      endConnection: (reason) => this.end(reason, described(request.header)),
    };
  }

  /** A request that cannot be answered ends its connection, and nothing else. */
  fail(error: unknown, fields: LogFields = {}): void {
    if (this.lifetime.ended) return;
    if (error instanceof KafkaError) return this.close(error.message, { ...fields, error: error.name });
    const { errorMessage } = failureOf(error, this.options.services);
    this.close(errorMessage, fields);
  }
}

function described({ apiKey, apiVersion, clientId }: RequestHeader): LogFields {
  return { apiKey, apiVersion, clientId: clientId?.slice(0, 100) ?? "" };
}
