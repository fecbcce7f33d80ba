import type { Clock } from "../../log/clock.ts";
import type { Cluster } from "../../log/cluster.ts";
import type { Logger } from "../../log/logger.ts";
import type { MessageMemory } from "../../wire/frame-reader.ts";
import type { GroupCoordinator } from "../coordinator/group-coordinator.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import type { FetchSessions } from "./fetch-sessions.ts";
import type { Lifetime } from "./lifetime.ts";
import type { Session } from "./session.ts";
import type { SignIn } from "./sign-in.ts";
import type { Subscriber } from "./subscriber.ts";

/** Where the log is kept, for operators. */
export interface DataDirectory {
  /** As the operator knows it. */
  readonly path: string;
  /** Of the file system that it is on; undefined where nobody can tell. */
  space(): Promise<{ readonly totalBytes: bigint; readonly usableBytes: bigint } | undefined>;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** What all handlers share. */
export interface Services {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends when the gateway stops: requests that wait are answered with what there is. */
  readonly running: Lifetime;
  /** What answers that are being read from the log or have not been read by their clients may take, all together. */
  readonly answerMemory: AnswerMemory;
  readonly fetchSessions: FetchSessions;
  /** Takes back what was read from the log, and at which nobody looks any more: other reads may fill it. */
  readonly giveBack: (records: Uint8Array) => void;
  /** Where the requests of clients are put. */
  readonly messages: MessageMemory;
  readonly groups: GroupCoordinator;
  readonly dataDirectory: DataDirectory;
  /** Left out: nobody has to sign in. */
  readonly signIn?: SignIn | undefined;
}

/** How the listener that a connection came in through differs from the others. */
export interface ListenerProfile {
  readonly name: "kafka" | "websocket";
  /** Address that clients of this listener are told to use. */
  readonly advertised: Endpoint;
  /** Most bytes of records in the answer to one Fetch; at least one batch is always given. */
  readonly fetchBytesMax: number;
}

/** What a handler knows besides the request itself. */
export interface RequestContext {
  readonly services: Services;
  readonly listener: ListenerProfile;
  readonly apiVersion: number;
  readonly clientId: string | null;
  /** The client's address as groups show it, such as `/127.0.0.1`. */
  readonly clientHost: string;
  /** Whom the connection speaks for: `User:<name>`. */
  readonly principal: string;
  /** How somebody signs in on it. */
  readonly session: Session;
  /** Ends when the connection does: an answer would reach nobody. */
  readonly connection: Lifetime;
  /** The connection's receiver of pushes; undefined where the listener does not push. */
  readonly subscriber: Subscriber | undefined;
  /** Runs `callback` once the answer to this request has been handed to the socket. */
  afterReply(callback: () => void): void;
  /** Runs `callback` once nobody here looks at what was answered any more; never where the connection ends before. */
  afterSent(callback: () => void): void;
  /** Nobody here looks at the request any more, nor at bytes of it: another one may take its memory. */
  messageDone(): void;
  /** Closes the connection instead of answering. */
  close(reason: string): void;
  /** Closes the connection once what was answered has been sent. */
  endConnection(reason: string): void;
}
