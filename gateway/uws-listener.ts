/**
 * Everything that touches uWebSockets: WebSocket, HTTP and the console's files on one port.
 *
 * What was learnt about the library, and is relied on here: after close or abort nothing may touch a socket; `end` inside
 * `drain` or `dropped` crashes the process, and a large `send` there may never drain, so both run from setImmediate;
 * a message's bytes are gone when its handler returns; its own publish loses messages without a sign, so it is not used.
 */
import type * as uWebSockets from "uWebSockets.js";
import { createServer } from "node:net";
import { rangeOf, type SegmentList, type SegmentReader } from "./api/closed-segments.ts";
import type { ListenerProfile, Services } from "./api/context.ts";
import { failureOf } from "./api/failure.ts";
import type { PartitionUrl } from "./api/partition-url.ts";
import type { PushHub } from "./api/push-hub.ts";
import type { Grant } from "./api/sign-in.ts";
import type { ApiTable } from "./api/table.ts";
import type { ConnectionQuota } from "./clients/connection-quota.ts";
import { Histories, type HistoryRefusal } from "./clients/history-stream.ts";
import { contentSecurityPolicy, refuse, writeCors } from "./http-answers.ts";
import { WEBSOCKET_CONNECTIONS_MAX, WEBSOCKET_IDLE_SECONDS } from "./clients/limits.ts";
import { listenError } from "./listen-error.ts";
import type { OriginPolicy } from "./origins.ts";
import { TOLD_MAX } from "./open-files.ts";
import type { Health } from "./clients/serving.ts";
import { SocketClient } from "./clients/socket-client.ts";
import type { StaticFiles } from "./static-files.ts";
import type { Listener } from "./tcp-listener.ts";
import type { ClosedSegment } from "../log/closed-segments.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { GUARDED_MESSAGE_BYTES_MAX } from "../wire/limits.ts";

const SUBPROTOCOL = "rivulet.kafka.v1";
const HTTP_HEADERS_BYTES_MAX = 16 * 1024;
const HISTORY_TYPE = "application/vnd.rivulet.push";
const SEGMENT_TYPE = "application/vnd.rivulet.segment";

export interface HttpListenerOptions {
  host: string;
  port: number;
  services: Services;
  hub: PushHub;
  apis: ApiTable;
  quota: ConnectionQuota;
  /** Kafka's `socket.request.max.bytes`. */
  requestBytesMax: number;
  /** The console. */
  files: StaticFiles;
  /** What clients are told, and who may call, once the port is known. */
  profile(port: number): ListenerProfile;
  origins(port: number): OriginPolicy;
  health(): Health;
}

/** Opens the port. Throws KafkaError when the library does not load here, or the port cannot be had. */
export async function listenHttp(options: HttpListenerOptions): Promise<Listener> {
  const uws = await loadLibrary();
  const listener = new HttpListener(uws, options);
  await listener.listen();
  return listener;
}

/** The binary is chosen by Node's version and may be missing; the two editions of the library differ in their exports. */
async function loadLibrary(): Promise<Library> {
  try {
    // The library reads it when it is loaded. Its own bound of 4 KiB is less than some tokens take.
    process.env["UWS_HTTP_MAX_HEADERS_SIZE"] ??= String(HTTP_HEADERS_BYTES_MAX);
    const library: object = await import("uWebSockets.js");
    return ("default" in library ? library.default : library) as Library;
  } catch (cause) {
    const { version, platform, arch } = process;
    throw new KafkaError(
      ErrorCode.BROKER_NOT_AVAILABLE,
      `uWebSockets does not load under Node ${version} on ${platform} ${arch}: run Node 20 or 22 (npm start does so by itself)`,
      { cause },
    );
  }
}

/** What its types leave out: constants, and `listen` with a host and options. */
type Library = typeof uWebSockets & {
  readonly DISABLED: number;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
};

type Listen = (
  host: string,
  port: number,
  options: number,
  listening: (socket: uWebSockets.us_listen_socket | false) => void,
) => void;

type Response = uWebSockets.HttpResponse;
type Request = uWebSockets.HttpRequest;
type Socket = uWebSockets.WebSocket<SocketData>;

/** What uWebSockets keeps for us with each socket. */
interface SocketData {
  remote: string;
  client: SocketClient | undefined;
}

/** What is wanted of a history, kept for when the library has taken its request back. */
interface AskedHistory {
  getMethod(): string;
  readonly origin: string;
  readonly url: PartitionUrl;
  readonly from: string | undefined;
  readonly range: string;
  readonly ifRange: string;
  readonly ifNoneMatch: string;
}

class HttpListener implements Listener {
  port = 0;
  private readonly uws: Library;
  private readonly options: HttpListenerOptions;
  private readonly app: uWebSockets.TemplatedApp;
  private readonly clients = new Set<SocketClient>();
  private readonly histories: Histories;
  /** Sockets that the library has told of, less those whose end it has told of. */
  private sockets = 0;
  private isTurningAway = false;
  private listenSocket: uWebSockets.us_listen_socket | undefined;
  private origins: OriginPolicy | undefined;
  private profile: ListenerProfile | undefined;

  constructor(uws: Library, options: HttpListenerOptions) {
    this.uws = uws;
    this.options = options;
    this.app = uws.App();
    this.histories = new Histories(options.services);
    this.route();
  }

  get connections(): number {
    return this.clients.size;
  }

  async listen(): Promise<void> {
    const { host, port, services } = this.options;
    const socket = await new Promise<uWebSockets.us_listen_socket | false>((resolve) => {
      // Without "exclusive" several processes could share the port, each with some of the connections.
      (this.app.listen as unknown as Listen).call(
        this.app,
        host,
        port,
        this.uws.LIBUS_LISTEN_EXCLUSIVE_PORT,
        resolve,
      );
    });
    if (socket === false)
      throw listenError("HTTP and WebSocket", "--http-port", { host, port }, await whyNot(host, port));
    this.listenSocket = socket;
    this.port = this.uws.us_socket_local_port(socket as unknown as uWebSockets.us_socket);
    this.profile = this.options.profile(this.port);
    this.origins = this.options.origins(this.port);
    services.log.info("listening for browsers", { host, port: this.port });
  }

  async finish(): Promise<void> {
    this.stopListening();
    await Promise.all([...Array.from(this.clients, (client) => client.finish()), this.histories.finish()]);
  }

  async close(): Promise<void> {
    this.stopListening();
    // Never from inside a handler of the library.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.app.close();
  }

  private stopListening(): void {
    if (this.listenSocket === undefined) return;
    this.uws.us_listen_socket_close(this.listenSocket);
    this.listenSocket = undefined;
  }

  private route(): void {
    this.app
      .filter((res, change) => this.counted(res, change))
      .ws<SocketData>("/ws", {
        compression: this.uws.DISABLED,
        maxPayloadLength: this.messageBytesMax(),
        // Nothing is ever dropped: we stop sending when something stays buffered.
        maxBackpressure: 0,
        idleTimeout: WEBSOCKET_IDLE_SECONDS,
        sendPingsAutomatically: true,
        upgrade: (res, req, context) => this.upgrade(res, req, context),
        open: (ws) => this.opened(ws),
        message: (ws, message, isBinary) => ws.getUserData().client?.received(message, isBinary),
        drain: (ws) => ws.getUserData().client?.drained(),
        close: (ws) => {
          ws.getUserData().client?.closed();
          this.options.quota.giveBack();
        },
      })
      .get("/healthz", (res, req) => this.healthz(res, req))
      .head("/healthz", (res, req) => this.healthz(res, req))
      .get("/log/:topic/:partition", (res, req) => this.history(res, req))
      .head("/log/:topic/:partition", (res, req) => this.history(res, req))
      .get("/log/:topic/:partition/segments", (res, req) => this.segments(res, req))
      .head("/log/:topic/:partition/segments", (res, req) => this.segments(res, req))
      .get("/log/:topic/:partition/:range/:digest", (res, req) => this.segment(res, req))
      .head("/log/:topic/:partition/:range/:digest", (res, req) => this.segment(res, req))
      .options("/log/*", (res, req) => this.preflight(res, req))
      .get("/*", (res, req) => this.file(res, req))
      .head("/*", (res, req) => this.file(res, req))
      .any("/*", (res, req) => {
        refuse(
          res,
          req,
          404,
          ErrorCode.INVALID_REQUEST,
          `nothing answers ${req.getCaseSensitiveMethod().slice(0, 20)} here`,
        );
      });
  }

  /**
   * The library puts a message together before it says a word, and knows one limit for all sockets: where people have to
   * sign in it is small enough to be given to strangers, and more than what the SDK makes of records of usual sizes.
   */
  private messageBytesMax(): number {
    const { requestBytesMax, services } = this.options;
    return services.signIn === undefined
      ? requestBytesMax
      : Math.min(requestBytesMax, GUARDED_MESSAGE_BYTES_MAX);
  }

  /** A socket has come or gone. When descriptors run out the library asks for the next one without pause: it must not come to that. */
  private counted(res: Response, change: number): void {
    const { quota } = this.options;
    this.sockets += change;
    if (this.isTurningAway) return;
    if (change < 0) return quota.giveBack();
    // Some more than may stay are let in, to be told so when they ask to.
    if (quota.take(TOLD_MAX)) return;
    quota.refused("http");
    this.isTurningAway = true;
    res.close();
    this.isTurningAway = false;
  }

  private upgrade(res: Response, req: Request, context: uWebSockets.us_socket_context_t): void {
    if (!this.allowed(res, req)) return;
    const protocols = req.getHeader("sec-websocket-protocol").split(",");
    if (!protocols.some((protocol) => protocol.trim() === SUBPROTOCOL)) {
      return refuse(
        res,
        req,
        400,
        ErrorCode.INVALID_REQUEST,
        `ask for the WebSocket subprotocol ${SUBPROTOCOL}`,
      );
    }
    if (queryOf(req) !== "") {
      return refuse(
        res,
        req,
        400,
        ErrorCode.INVALID_REQUEST,
        "/ws takes no query: nothing secret belongs into a URL",
      );
    }
    const { quota } = this.options;
    if (quota.isExceeded || this.clients.size >= WEBSOCKET_CONNECTIONS_MAX) {
      if (quota.isExceeded) quota.refused("websocket");
      else quota.refused("websocket", `there may be ${WEBSOCKET_CONNECTIONS_MAX} WebSockets`);
      return refuse(
        res,
        req,
        503,
        ErrorCode.THROTTLING_QUOTA_EXCEEDED,
        "there are too many connections; try again later",
      );
    }
    const data: SocketData = { remote: addressOf(res), client: undefined };
    const key = req.getHeader("sec-websocket-key");
    const before = this.sockets;
    res.upgrade(data, key, SUBPROTOCOL, req.getHeader("sec-websocket-extensions"), context);
    // Whether the library takes this for the end of its socket depends on its edition. That of the WebSocket is ours to tell.
    if (this.sockets < before) quota.take(Number.POSITIVE_INFINITY);
  }

  private opened(ws: Socket): void {
    const data = ws.getUserData();
    const { profile } = this;
    if (profile === undefined) return;
    const { services, hub, apis } = this.options;
    const client: SocketClient = new SocketClient(ws, {
      services,
      hub,
      apis,
      listener: profile,
      remote: data.remote,
      concat: (pieces) => Buffer.concat(pieces),
      gone: () => this.clients.delete(client),
    });
    data.client = client;
    this.clients.add(client);
  }

  /** Whether the page that calls may; answers the request when not. */
  private allowed(res: Response, req: Request): boolean {
    const { origins } = this;
    if (origins?.allowsHost(req.getHeader("host")) !== true) {
      refuse(
        res,
        req,
        403,
        ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
        "called by a name that is not this gateway's; name it with --allow-origin",
      );
      return false;
    }
    const origin = req.getHeader("origin");
    const fromElsewhere =
      origin === "" && ["cross-site", "same-site"].includes(req.getHeader("sec-fetch-site"));
    if (origins.allowsOrigin(origin) && !fromElsewhere) return true;
    refuse(
      res,
      req,
      403,
      ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
      "pages of this origin may not call; name it with --allow-origin",
    );
    return false;
  }

  private healthz(res: Response, req: Request): void {
    const { well, body } = this.options.health();
    const origin = req.getHeader("origin");
    res
      .writeStatus(well ? "200 OK" : "503 Service Unavailable")
      .writeHeader("content-type", "application/json")
      // Isolated pages (COEP) ask this before they open a socket again; the socket itself needs no such permission.
      .writeHeader("cross-origin-resource-policy", "cross-origin")
      .writeHeader("cache-control", "no-store");
    if (this.origins?.allowsOrigin(origin) === true) writeCors(res, origin);
    if (req.getMethod() === "head") res.endWithoutBody();
    else res.end(JSON.stringify(body));
  }

  private preflight(res: Response, req: Request): void {
    if (!this.allowed(res, req)) return;
    res.writeStatus("204 No Content");
    writeCors(res, req.getHeader("origin"));
    res
      .writeHeader("access-control-allow-methods", "GET, HEAD")
      .writeHeader("access-control-allow-headers", "authorization, range")
      .writeHeader("access-control-max-age", "600")
      .endWithoutBody();
  }

  private history(res: Response, req: Request): void {
    this.logRequest(res, req, "from", (asked, grant) => this.answerHistory(res, asked, grant));
  }

  private segments(res: Response, req: Request): void {
    this.logRequest(res, req, "from", (asked) => {
      const reading = (reader: SegmentReader): Promise<SegmentList | HistoryRefusal> =>
        this.histories.list(asked.url, asked.from, reader);
      whenRead(res, reading, (list) => {
        if ("status" in list) return this.refuseHistory(res, asked, list);
        const body = JSON.stringify(list);
        res
          .writeStatus("200 OK")
          .writeHeader("content-type", "application/json")
          .writeHeader("cache-control", "private, no-cache");
        writeCors(res, asked.origin);
        if (asked.getMethod() === "head") res.endWithoutBody();
        else res.end(body);
      });
    });
  }

  private segment(res: Response, req: Request): void {
    const [range, digest] = [req.getParameter(2) ?? "", req.getParameter(3) ?? ""];
    this.logRequest(res, req, "", (asked, grant) => {
      const reading = (reader: SegmentReader): Promise<ClosedSegment | HistoryRefusal> =>
        this.histories.find(asked.url, range, digest, reader);
      whenRead(res, reading, (segment) => {
        if ("status" in segment) this.refuseHistory(res, asked, segment);
        else this.answerSegment(res, asked, segment, `"${range}/${digest}"`, grant);
      });
    });
  }

  /** What is asked below `/log`, by whoever may: `query` is all that the URL may ask besides. */
  private logRequest(
    res: Response,
    req: Request,
    query: string,
    answer: (asked: AskedHistory, grant?: Grant) => void,
  ): void {
    if (!this.allowed(res, req)) return;
    const method = req.getMethod();
    const asked: AskedHistory = {
      getMethod: () => method,
      origin: req.getHeader("origin"),
      url: { topicId: req.getParameter(0) ?? "", partition: req.getParameter(1) ?? "" },
      from: req.getQuery("from"),
      range: req.getHeader("range"),
      ifRange: req.getHeader("if-range"),
      ifNoneMatch: req.getHeader("if-none-match"),
    };
    if (!(query === "" ? /^$/ : /^(from=[^&]*)?$/).test(queryOf(req))) {
      const hint =
        query === ""
          ? "a segment is named by its path, and takes no query"
          : "?from= is all that is asked here: nothing secret belongs into a URL";
      return refuse(res, asked, 400, ErrorCode.INVALID_REQUEST, hint, asked.origin);
    }
    const { signIn } = this.options.services;
    if (signIn === undefined) return answer(asked);
    const checked = signIn.checkHeader(req.getHeader("authorization")).then(
      (grant) => () => answer(asked, grant),
      (error: unknown) => () => this.refuseToken(res, asked, error),
    );
    whenRead(
      res,
      () => checked,
      (then) => then(),
    );
  }

  private refuseToken(res: Response, asked: AskedHistory, error: unknown): void {
    const { errorCode, errorMessage } = failureOf(error, this.options.services);
    const status = errorCode === ErrorCode.SASL_AUTHENTICATION_FAILED ? 401 : 503;
    this.refuseHistory(res, asked, { status, errorCode, errorMessage });
  }

  private refuseHistory(res: Response, asked: AskedHistory, refusal: HistoryRefusal): void {
    refuse(res, asked, refusal.status, refusal.errorCode, refusal.errorMessage, asked.origin);
  }

  private answerHistory(res: Response, asked: AskedHistory, grant?: Grant): void {
    const request = this.histories.ask(asked.url, asked.from);
    if ("status" in request) return this.refuseHistory(res, asked, request);
    res
      .writeStatus("200 OK")
      .writeHeader("content-type", HISTORY_TYPE)
      .writeHeader("cache-control", "private, no-cache");
    writeCors(res, asked.origin);
    res.writeHeader("rivulet-high-watermark", String(request.to));
    res.writeHeader("rivulet-log-start-offset", String(request.log.logStartOffset));
    if (asked.getMethod() === "head") return void res.endWithoutBody();
    this.histories.send(res, request, grant);
  }

  /** What never changes may be kept by anybody where anybody may read it; elsewhere by the reader, who asks each time. */
  private answerSegment(
    res: Response,
    asked: AskedHistory,
    segment: ClosedSegment,
    etag: string,
    grant?: Grant,
  ): void {
    const isPublic = this.options.services.signIn === undefined;
    const isFresh = matches(asked.ifNoneMatch, etag);
    const isPart = asked.range !== "" && (asked.ifRange === "" || asked.ifRange === etag);
    const range = isPart ? rangeOf(asked.range, segment.bytes) : { first: 0, end: segment.bytes };
    const isWhole = range !== undefined && range.end - range.first === segment.bytes;
    const status = isFresh ? "304 Not Modified" : isWhole ? "200 OK" : "206 Partial Content";
    res
      .writeStatus(range === undefined && !isFresh ? "416 Range Not Satisfiable" : status)
      .writeHeader("etag", etag)
      .writeHeader("cache-control", isPublic ? "public, max-age=31536000, immutable" : "private, no-cache")
      .writeHeader("content-type", SEGMENT_TYPE)
      .writeHeader("accept-ranges", "bytes");
    writeCors(res, asked.origin);
    if (isFresh) return void res.endWithoutBody();
    if (range === undefined) {
      return void res.writeHeader("content-range", `bytes */${segment.bytes}`).end("");
    }
    if (!isWhole) res.writeHeader("content-range", `bytes ${range.first}-${range.end - 1}/${segment.bytes}`);
    if (asked.getMethod() === "head") {
      // Not as an argument of endWithoutBody: see `file`.
      return void res.writeHeader("content-length", String(range.end - range.first)).endWithoutBody();
    }
    this.histories.sendSegment(res, segment, range, grant);
  }

  private file(res: Response, req: Request): void {
    if (!this.allowed(res, req)) return;
    const path = req.getUrl();
    const file = this.options.files.get(path);
    if (file === undefined) {
      const hint =
        path === "/" ? "the console page has not been built; npm start builds it" : "there is nothing here";
      return refuse(res, req, 404, ErrorCode.RESOURCE_NOT_FOUND, hint);
    }
    const fresh = matches(req.getHeader("if-none-match"), file.etag);
    res
      .writeStatus(fresh ? "304 Not Modified" : "200 OK")
      .writeHeader("etag", file.etag)
      .writeHeader("cache-control", file.cacheControl)
      .writeHeader("content-type", file.contentType)
      .writeHeader("x-content-type-options", "nosniff")
      .writeHeader("referrer-policy", "no-referrer")
      .writeHeader("service-worker-allowed", "/")
      .writeHeader(
        "content-security-policy",
        contentSecurityPolicy(this.origins?.connectSources ?? "'self'"),
      );
    if (fresh) res.endWithoutBody();
    // Not as an argument of endWithoutBody: the library then takes the request for unanswered, and ends the process.
    else if (req.getMethod() === "head") {
      res.writeHeader("content-length", String(file.bytes.byteLength)).endWithoutBody();
    } else res.end(file.bytes);
  }
}

/** The library does not say why it cannot listen; Node does, when asked for the same. */
function whyNot(host: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen(port, host, () =>
      probe.close(() => resolve(new Error("the system refused, and does not say why"))),
    );
  });
}

/** Answers with what is read first. Never without a cork, and never once the client is gone: the library ends the process for that. */
function whenRead<T>(
  res: Response,
  read: (reader: SegmentReader) => Promise<T>,
  answer: (value: T) => void,
): void {
  let isGone = false;
  res.onAborted(() => (isGone = true));
  void read({ isThere: () => !isGone }).then((value) => {
    if (!isGone) res.cork(() => answer(value));
  });
}

/** Whether an `If-None-Match` header names the tag (RFC 9110, 13.1.2). */
function matches(header: string, etag: string): boolean {
  return header.split(",").some((known) => known.trim().replace(/^W\//, "") === etag);
}

/** Undefined or empty where there is none, whichever edition of the library it is. */
function queryOf(req: Request): string {
  return (req.getQuery() as string | undefined) ?? "";
}

function addressOf(res: Response): string {
  return new TextDecoder().decode(new Uint8Array(res.getRemoteAddressAsText()));
}
