import { SOCKET_READ_BYTES } from "./limits.ts";

/**
 * Memory for requests, shared by all TCP connections: those that are arriving and those that are not answered yet
 * (Kafka's `queued.max.request.bytes`). What one client may have is bounded elsewhere; here is what thousands may that
 * each send most of a large request.
 *
 * Nobody is refused. Above the bound, whoever holds more than a fair share is not read from until memory is given back,
 * so small requests go on as ever. One connection has the turn: it may finish the request it has begun, else those that
 * wait could fill the bound and none of them ever be done. So all of them together hold at most the bound, one request,
 * and a share for each.
 */
export class RequestMemory {
  private readonly max: number;
  private taken = 0;
  private holders = 0;
  /** Not read from; the first has waited longest. Never without somebody who has the turn, who is not among them. */
  private readonly waiting = new Set<RequestHolding>();
  private turn: RequestHolding | undefined;

  constructor(max: number) {
    this.max = max;
  }

  /** Bytes that are held. */
  get inUse(): number {
    return this.taken;
  }

  /** A connection's part, which it has to leave in the end. */
  join(flow: RequestFlow): RequestHolding {
    this.holders++;
    return { bytes: 0, paused: false, flow };
  }

  leave(holding: RequestHolding): void {
    this.waiting.delete(holding);
    this.holders--;
    this.update(holding, 0);
  }

  /** What the connection holds now. `completed`: it has just received a whole request. */
  update(holding: RequestHolding, bytes: number, completed = false): void {
    const more = bytes - holding.bytes;
    holding.bytes = bytes;
    this.taken += more;
    if (this.taken > this.max && more > 0 && bytes > this.share) this.full(holding, completed);
    else if (more < 0 && (this.waiting.size > 0 || this.turn === holding)) this.freed(holding);
  }

  /** Whether others wait for memory, and not this one though it has the turn or holds much. */
  keepsOthersWaiting(holding: RequestHolding): boolean {
    if (this.waiting.size === 0 || this.waiting.has(holding)) return false;
    return this.turn === holding || holding.bytes > this.share;
  }

  private get share(): number {
    return Math.max(CHUNK_BYTES, Math.min(SHARE_BYTES_MAX, this.max / this.holders));
  }

  private full(holding: RequestHolding, completed: boolean): void {
    this.turn ??= holding;
    if (this.turn !== holding) this.waiting.add(holding);
    // Its one request is here: it goes on when that has been answered.
    else if (!completed || this.waiting.size === 0) return;
    pause(holding);
  }

  private freed(holding: RequestHolding): void {
    if (holding.bytes <= this.share) {
      if (this.turn === holding) this.turn = undefined;
      this.waiting.delete(holding);
      resume(holding);
    }
    let room = this.max - this.taken;
    for (const next of this.waiting) {
      if (this.turn === undefined) this.turn = next;
      else if (room < CHUNK_BYTES) return;
      room -= CHUNK_BYTES;
      this.waiting.delete(next);
      resume(next);
    }
    // Nobody is left whom it would be unfair to.
    if (this.waiting.size === 0 && this.turn !== undefined) resume(this.turn);
  }
}

/** What one connection holds; only the account changes it. */
export interface RequestHolding {
  bytes: number;
  paused: boolean;
  readonly flow: RequestFlow;
}

/** Stop reading from a connection, and read again. */
export interface RequestFlow {
  pause(): void;
  resume(): void;
}

/** Nobody's share can be less. */
const CHUNK_BYTES = SOCKET_READ_BYTES;
const SHARE_BYTES_MAX = 1024 * 1024;

function pause(holding: RequestHolding): void {
  if (holding.paused) return;
  holding.paused = true;
  holding.flow.pause();
}

function resume(holding: RequestHolding): void {
  if (!holding.paused) return;
  holding.paused = false;
  holding.flow.resume();
}
