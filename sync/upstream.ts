/** Keeps one connection to the gateway alive: connects, notices the end, waits with full jitter, connects again. */
import { errorText } from "./error-text.ts";
import type { Clock } from "../log/clock.ts";
import type { Api } from "../wire/api.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Input } from "../wire/schema.ts";
import { fullJitterMs, RECONNECT_BACK_OFF } from "./back-off.ts";
import type { BackOffOptions } from "./back-off.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./connection.ts";
import { Bell } from "./wait.ts";

/**
 * `connecting`: the first attempt since the start, a lost connection or `goOnline`. `offline`: switched off, or not
 * reached and tried again. `closed`: for good.
 */
export interface UpstreamState {
  readonly name: "connecting" | "live" | "offline" | "closed";
  readonly reason: string | undefined;
}

export interface UpstreamOptions extends ConnectionOptions {
  /** Answers [0, 1). */
  random: () => number;
  backOff?: BackOffOptions;
  /** A connection that lasted this long was a good one: the next wait is short again. */
  stableMs?: number;
}

const STABLE_MS = 10_000;
const SWITCHED_OFF = "switched off here";

export class Upstream {
  private readonly options: UpstreamOptions;
  private readonly stateListeners = new Set<(state: UpstreamState) => void>();
  private readonly changed = new Bell();
  private currentState: UpstreamState = { name: "connecting", reason: undefined };
  private current: Connection | undefined;
  private wanted: boolean;
  private failures = 0;
  /** How often it was switched off: what happened before the last time says nothing about the network. */
  private switchedOff = 0;
  /** Aborted to end an attempt or a wait early; replaced for each. */
  private attempt = new AbortController();
  private wakeUp: () => void = () => undefined;
  private readonly running: Promise<void>;

  constructor(options: UpstreamOptions, startOffline = false) {
    this.options = options;
    this.wanted = !startOffline;
    if (startOffline) this.currentState = { name: "offline", reason: SWITCHED_OFF };
    this.running = this.run();
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get random(): () => number {
    return this.options.random;
  }

  get state(): UpstreamState {
    return this.currentState;
  }

  /** The connection while the state is live. */
  get connection(): Connection | undefined {
    return this.currentState.name === "live" ? this.current : undefined;
  }

  /** Calls `listener` at each change of state; the answer takes it away again. */
  onState(listener: (state: UpstreamState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  /** Sends on the live connection; rejects with NETWORK_EXCEPTION when there is none. */
  request<Req, Res>(api: Api<Req, Res>, body: Input<Req>, timeoutMs?: number): Promise<Res> {
    const { connection } = this;
    if (connection === undefined) {
      return Promise.reject(
        new KafkaError(ErrorCode.NETWORK_EXCEPTION, `not connected (${this.state.name})`),
      );
    }
    return connection.request(api, body, timeoutMs);
  }

  /** Resolves with a live connection; rejects when the signal aborts or the upstream is closed. */
  async live(signal?: AbortSignal): Promise<Connection> {
    const onAbort = (): void => this.changed.ring();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        const change = this.changed.next();
        const { connection, state } = this;
        if (connection !== undefined && !connection.isClosed) return connection;
        if (state.name === "closed") {
          throw new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the client is closed: ${state.reason ?? ""}`);
        }
        await change;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
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
      if (lost.wasLive) this.setState({ name: "connecting", reason: lost.reason });
      else this.setState({ name: "offline", reason: `${lost.reason}; trying again` });
      this.failures += 1;
      // A listener may have switched off or closed just now.
      if (!this.isClosed() && this.wanted) await this.untilWoken(delayMs);
    }
  }

  /** One attempt, and the connection's whole life when it succeeds. */
  private async connectOnce(): Promise<{ wasLive: boolean; reason: string }> {
    this.attempt = new AbortController();
    let connection: Connection;
    try {
      connection = await Connection.open(this.options, this.attempt.signal);
    } catch (error) {
      return { wasLive: false, reason: errorText(error) };
    }
    if (this.isClosed() || !this.wanted) {
      connection.close("no longer wanted");
      return { wasLive: false, reason: "no longer wanted" };
    }
    this.current = connection;
    const cancelStable = this.clock.setTimer(this.options.stableMs ?? STABLE_MS, () => {
      this.failures = 0;
    });
    this.setState({ name: "live", reason: undefined });
    const reason = await connection.closed;
    cancelStable();
    this.current = undefined;
    return { wasLive: true, reason };
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

  /** A method, so that the compiler does not take an earlier look at the state for the present one. */
  private isClosed(): boolean {
    return this.currentState.name === "closed";
  }

  private setState(state: UpstreamState): void {
    this.currentState = state;
    this.changed.ring();
    for (const listener of this.stateListeners) listener(state);
  }
}
