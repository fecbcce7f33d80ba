/** Keeps one connection to the gateway alive: connects, notices the end, waits with full jitter, connects again. */
import { errorText } from "./error-text.ts";
import { GUARDED_MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import { fullJitterMs, RECONNECT_BACK_OFF } from "./back-off.ts";
import type { BackOffOptions } from "./back-off.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./connection.ts";
import { LiveConnection } from "./live-connection.ts";
import type { UpstreamState } from "./live-connection.ts";
import { askToken, keepSignedIn, signIn, wantsSignIn } from "./sign-in.ts";
import { isSignedOut, signedOut } from "./signed-out.ts";
import { SWITCHED_OFF } from "./switched-off.ts";
import { aborted } from "./wait.ts";
import type { SignedIn, Tokens } from "./sign-in.ts";

export interface UpstreamOptions extends ConnectionOptions {
  /** Answers [0, 1). */
  random: () => number;
  backOff?: BackOffOptions;
  /** What to sign in with, where the gateway asks for it. */
  tokens?: Tokens | undefined;
  /** Is told of each token that somebody has been signed in with. */
  onSignedIn?: ((token: string) => void) | undefined;
  /**
   * Whether the gateway answers at all, at less cost than an attempt to connect: resolves when it does. Asked before each attempt
   * that follows on a failed one: Firefox holds back a socket for up to a minute where others have failed (RFC 6455, 7.2.3).
   */
  knock?: (() => Promise<unknown>) | undefined;
  /** A connection that lasted this long was a good one: the next wait is short again. */
  stableMs?: number;
}

const STABLE_MS = 10_000;
/** So long after the last attempt the next one is made though nobody answers: a page's policy may allow but the socket. */
const UNASKED_MS = 90_000;
/** A token that was refused is tried again at the earliest after half of this, unless another one comes before. */
const REFUSED_MS = 300_000;

/** How a connection, or the attempt to get one, has ended. */
interface Loss {
  readonly wasLive: boolean;
  readonly isSignedOut: boolean;
  readonly reason: string;
}

export class Upstream extends LiveConnection {
  private readonly options: UpstreamOptions;
  private wanted: boolean;
  private signedIn: SignedIn | undefined;
  /** What the gateway has refused, and until when it is not asked about it again. */
  private refused: { readonly token: string; readonly reason: string; readonly untilMs: number } | undefined;
  private failures = 0;
  /** When the last attempt was made that failed. */
  private failedAtMs: number | undefined;
  /** How often it was switched off: what happened before the last time says nothing about the network. */
  private switchedOff = 0;
  /** Aborted to end an attempt or a wait early; replaced for each. */
  private attempt = new AbortController();
  private wakeUp: () => void = () => undefined;
  private readonly running: Promise<void>;

  constructor(options: UpstreamOptions, startOffline = false) {
    super(
      options,
      startOffline ? { name: "offline", reason: SWITCHED_OFF } : { name: "connecting", reason: undefined },
    );
    this.options = options;
    this.wanted = !startOffline;
    this.running = this.run();
  }

  override get token(): string | undefined {
    return this.signedIn?.token;
  }

  /** Drops the connection and makes no other until `goOnline`. */
  goOffline(): void {
    if (!this.wanted || this.state.name === "closed") return;
    this.wanted = false;
    this.switchedOff += 1;
    this.attempt.abort();
    this.setState({ name: "offline", reason: SWITCHED_OFF });
    this.current?.close(SWITCHED_OFF);
    this.wakeUp();
  }

  goOnline(): void {
    if (this.wanted || this.state.name === "closed") return;
    this.wanted = true;
    this.failures = 0;
    this.refused = undefined;
    this.setState({ name: "connecting", reason: undefined });
    this.wakeUp();
  }

  /** The host says that the network is back: a wait ends now. */
  wake(): void {
    if (!this.wanted || this.state.name === "closed") return;
    this.failures = 0;
    this.wakeUp();
  }

  /** Resolves when the connection is gone and nothing is under way any more. */
  async close(reason: string): Promise<void> {
    if (this.state.name !== "closed") {
      this.setState({ name: "closed", reason });
      this.attempt.abort();
      this.current?.close(reason);
      this.wakeUp();
    }
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.state.name !== "closed") {
      if (!this.wanted) {
        await this.untilWoken(undefined);
        continue;
      }
      const { switchedOff } = this;
      const lost = await this.connectOnce();
      if (this.isClosed() || !this.wanted || switchedOff !== this.switchedOff) continue;
      const delayMs = fullJitterMs(
        this.failures,
        this.options.random,
        this.options.backOff ?? RECONNECT_BACK_OFF,
      );
      this.setState(afterLoss(lost));
      this.failures += 1;
      // A listener may have switched off or closed just now.
      if (!this.isClosed() && this.wanted) await this.untilWoken(delayMs);
    }
  }

  /** One attempt, and the connection's whole life when it succeeds. */
  private async connectOnce(): Promise<Loss> {
    this.attempt = new AbortController();
    const { signal } = this.attempt;
    let connection: Connection;
    try {
      connection = await this.enter(signal);
    } catch (error) {
      return { wasLive: false, isSignedOut: isSignedOut(error), reason: errorText(error) };
    }
    if (this.isClosed() || !this.wanted) {
      connection.close("no longer wanted");
      return { wasLive: false, isSignedOut: false, reason: "no longer wanted" };
    }
    this.current = connection;
    const cancelStable = this.clock.setTimer(this.options.stableMs ?? STABLE_MS, () => {
      this.failures = 0;
    });
    const ended = new AbortController();
    const renewing = this.renew(connection, ended.signal);
    this.setState({ name: "live", reason: undefined });
    const reason = await connection.closed;
    ended.abort();
    cancelStable();
    this.current = undefined;
    this.signedIn = undefined;
    return { wasLive: true, isSignedOut: renewing !== undefined && (await renewing), reason };
  }

  /** A connection on which somebody is signed in, where that has to be. The token is asked for first: it may take its time. */
  private async enter(signal: AbortSignal): Promise<Connection> {
    const { tokens } = this.options;
    const token = tokens === undefined ? undefined : await askToken(tokens, this.clock, signal);
    const { refused } = this;
    if (refused !== undefined && refused.token === token && this.clock.now() < refused.untilMs)
      throw signedOut(refused.reason);
    const connection = await this.open(signal);
    const onAbort = (): void => connection.close("closed by this side");
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (wantsSignIn(connection)) await this.signIn(connection, token);
      return connection;
    } catch (error) {
      connection.close(errorText(error));
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  private async open(signal: AbortSignal): Promise<Connection> {
    const { clock, failedAtMs, options } = this;
    const sinceMs = clock.now() - (failedAtMs ?? -Infinity);
    if (options.knock !== undefined && sinceMs >= 0 && sinceMs < UNASKED_MS) {
      await Promise.race([options.knock(), aborted(signal)]);
      signal.throwIfAborted();
    }
    try {
      const connection = await Connection.open(options, signal);
      this.failedAtMs = undefined;
      return connection;
    } catch (error) {
      // One that was given up here says nothing about the gateway.
      if (!signal.aborted) this.failedAtMs = clock.now();
      throw error;
    }
  }

  private async signIn(connection: Connection, token: string | undefined): Promise<void> {
    if (token === undefined)
      throw signedOut("the gateway lets nobody in without a token; give one to connect(), as `token`");
    try {
      this.signedIn = await signIn(connection, token);
      connection.limitMessages(GUARDED_MESSAGE_BYTES_MAX);
      this.refused = undefined;
      this.options.onSignedIn?.(token);
    } catch (error) {
      if (isSignedOut(error)) this.refuse(token, errorText(error));
      throw error;
    }
  }

  private refuse(token: string, reason: string): void {
    const untilMs = this.clock.now() + (REFUSED_MS * (1 + this.random())) / 2;
    this.refused = { token, reason, untilMs };
  }

  /** Resolves with the connection's end: true when that came since nobody is signed in any more. undefined: nobody is. */
  private renew(connection: Connection, signal: AbortSignal): Promise<boolean> | undefined {
    const { clock, random, signedIn } = this;
    const { tokens } = this.options;
    if (tokens === undefined || signedIn === undefined) return undefined;
    const onRenewed = (renewed: SignedIn): void => {
      this.signedIn = renewed;
      this.options.onSignedIn?.(renewed.token);
    };
    return keepSignedIn({ connection, tokens, clock, random, signedIn, onRenewed, signal }).then(
      () => false,
      (error: unknown) => {
        connection.close(errorText(error));
        return true;
      },
    );
  }

  /** Waits for `delayMs` (for ever when undefined) or until woken. */
  private untilWoken(delayMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = delayMs === undefined ? undefined : this.clock.setTimer(delayMs, () => this.wakeUp());
      this.wakeUp = () => {
        this.wakeUp = () => undefined;
        cancel?.();
        resolve();
      };
    });
  }
}

function afterLoss({ wasLive, isSignedOut, reason }: Loss): UpstreamState {
  if (isSignedOut) return { name: "signed out", reason };
  return wasLive ? { name: "connecting", reason } : { name: "offline", reason: `${reason}; trying again` };
}
