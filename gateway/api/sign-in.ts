/** Letting people in by the tokens they bring: what is the same for all connections and for HTTP. */
import type { Clock } from "../../log/clock.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { Deadline, Deadlines } from "../coordinator/deadlines.ts";
import { Endings } from "./endings.ts";

/** A client on a connection signs in within this time, in milliseconds. */
export const SIGN_IN_MS = 10_000;
/** Connections on which nobody has signed in yet; one more, and the one that has waited longest is closed. */
export const WAITING_MAX = 1000;

/** What a token was found to say. */
export interface CheckedToken {
  /** Whom it names: `User:<name>`. */
  readonly principal: string;
  /** When it runs out, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Checks one token. Rejects with KafkaError: SASL_AUTHENTICATION_FAILED, in words for whoever has brought it, or
 * NETWORK_EXCEPTION when it cannot be told now because the keys cannot be had. Never repeats anything of the token.
 */
export type CheckToken = (token: string) => Promise<CheckedToken>;

/** Somebody who was let in, and for how long. */
export interface Grant {
  readonly principal: string;
  readonly endsAtMs: number;
  /** Whole milliseconds from when it was given, at least 1. */
  readonly lifetimeMs: number;
}

export interface SignInOptions {
  checkToken: CheckToken;
  clock: Clock;
  /** Kafka's `connections.max.reauth.ms`; 0: as long as the token says. */
  maxReauthMs: number;
  /** Kafka's `connection.failed.authentication.delay.ms`. */
  failureDelayMs: number;
  /** Kafka's `sasl.server.max.receive.size`. */
  requestBytesMax: number;
  /** How far other clocks may differ from ours, in milliseconds. */
  skewMs: number;
  /** `SIGN_IN_MS` when left out. */
  signInMs?: number;
  /** `WAITING_MAX` when left out. */
  waitingMax?: number;
}

/** Clients count lifetimes in integers of 32 bits. */
const LIFETIME_MAX_MS = 2 ** 31 - 1;

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export class SignIn {
  /** Of sessions, and of what else ends with a token. */
  readonly endings: Endings;
  readonly requestBytesMax: number;
  private readonly options: SignInOptions;
  private readonly deadlines: Deadlines;
  /** In the order in which they came, each with how it gives way. */
  private readonly waiting = new Map<Deadline, () => void>();

  constructor(options: SignInOptions) {
    this.options = options;
    this.requestBytesMax = options.requestBytesMax;
    this.endings = new Endings(options.clock);
    this.deadlines = new Deadlines(options.clock);
  }

  /** A connection on which nobody has signed in: `deadline` is due when that takes too long. */
  wait(deadline: Deadline, giveWay: () => void): void {
    this.waiting.set(deadline, giveWay);
    this.deadlines.set(deadline, this.options.signInMs ?? SIGN_IN_MS);
    const [oldest] = this.waiting;
    if (oldest === undefined || this.waiting.size <= (this.options.waitingMax ?? WAITING_MAX)) return;
    this.waitNoMore(oldest[0]);
    oldest[1]();
  }

  waitNoMore(deadline: Deadline): void {
    this.waiting.delete(deadline);
    this.deadlines.cancel(deadline);
  }

  /** Rejects as `CheckToken` does. */
  async check(token: string): Promise<Grant> {
    const { checkToken, clock, maxReauthMs, skewMs } = this.options;
    const { principal, expiresAtMs } = await checkToken(token);
    const now = clock.now();
    // Past its end by our clock, and taken all the same since clocks differ: then it lasts as long as they may.
    const left = Math.floor((expiresAtMs > now ? expiresAtMs : expiresAtMs + skewMs) - now);
    const allowed = maxReauthMs > 0 ? Math.min(left, maxReauthMs) : left;
    const lifetimeMs = Math.max(1, Math.min(allowed, LIFETIME_MAX_MS));
    return { principal, endsAtMs: now + lifetimeMs, lifetimeMs };
  }

  /** By the header `Authorization: Bearer <token>` of HTTP. Rejects as `check` does, also when there is none. */
  async checkHeader(authorization: string): Promise<Grant> {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) {
      throw new KafkaError(
        ErrorCode.SASL_AUTHENTICATION_FAILED,
        authorization === ""
          ? "sign in: send the header Authorization: Bearer <token>"
          : "the header Authorization has another form than: Bearer <token>",
      );
    }
    return this.check(token);
  }

  isOver({ endsAtMs }: Grant): boolean {
    return this.options.clock.now() >= endsAtMs;
  }

  /** Who guesses has to wait for each answer. */
  afterFailure(): Promise<void> {
    const { failureDelayMs } = this.options;
    if (failureDelayMs === 0) return Promise.resolve();
    return new Promise((resolve) => this.deadlines.set(new Deadline(resolve), failureDelayMs));
  }

  /** No timer is left behind. */
  close(): void {
    this.deadlines.clear();
    this.endings.clear();
  }
}
