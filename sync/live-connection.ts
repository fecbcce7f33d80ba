/** Whether there is a connection to the gateway now, and which: what all go by who read from it or send to it. */
import type { Clock } from "../log/clock.ts";
import type { Api } from "../wire/api.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Input } from "../wire/schema.ts";
import type { Connection } from "./connection.ts";
import { Bell, onAbort } from "./wait.ts";

/**
 * `connecting`: the first attempt since the start, a lost connection or `goOnline`. `offline`: switched off, or not
 * reached and tried again. `signed out`: the gateway lets nobody in with the token that there is, or there is none; tried
 * again as soon as there is another. `closed`: for good.
 */
export interface UpstreamState {
  readonly name: "connecting" | "live" | "offline" | "signed out" | "closed";
  readonly reason: string | undefined;
}

export interface LiveConnectionOptions {
  readonly clock: Clock;
  /** Answers [0, 1). */
  readonly random: () => number;
}

/** Who keeps the connection says how it stands; it may be another one each time. */
export abstract class LiveConnection {
  readonly clock: Clock;
  readonly random: () => number;
  protected current: Connection | undefined;
  private currentState: UpstreamState;
  private readonly stateListeners = new Set<(state: UpstreamState) => void>();
  private readonly changed = new Bell();

  constructor({ clock, random }: LiveConnectionOptions, state: UpstreamState) {
    this.clock = clock;
    this.random = random;
    this.currentState = state;
  }

  get state(): UpstreamState {
    return this.currentState;
  }

  /** The connection while the state is live. */
  get connection(): Connection | undefined {
    return this.currentState.name === "live" ? this.current : undefined;
  }

  /** What HTTP is asked with: the token that is signed in with now. */
  abstract get token(): string | undefined;

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

  /** Resolves with a live connection; rejects when the signal aborts or there will be none any more. */
  async live(signal?: AbortSignal): Promise<Connection> {
    const forget = signal && onAbort(signal, () => this.changed.ring());
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
      forget?.();
    }
  }

  protected setState(state: UpstreamState): void {
    this.currentState = state;
    this.changed.ring();
    for (const listener of this.stateListeners) listener(state);
  }

  /** A method, so that the compiler does not take an earlier look at the state for the present one. */
  protected isClosed(): boolean {
    return this.currentState.name === "closed";
  }
}
