/**
 * Memory for the records of answers, shared by all connections. What one client may have is bounded elsewhere; here is
 * what thousands may that ask for much and read nothing. Nobody is refused: the more is taken, the less one Fetch gets,
 * and a Fetch that gets less than it asked for comes again.
 */
export class AnswerMemory {
  private readonly max: number;
  private taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Bytes that are taken and not given back. */
  get inUse(): number {
    return this.taken;
  }

  /** Takes up to `wanted` bytes, of what is left no more than a quarter, but always a little; answers how many. */
  takeShare(wanted: number): number {
    const share = Math.max(SHARE_BYTES_MIN, Math.floor((this.max - this.taken) / 4));
    return this.take(Math.min(wanted, share));
  }

  /** Takes `bytes`, whatever is left: they are in memory already. */
  take(bytes: number): number {
    this.taken += bytes;
    return bytes;
  }

  giveBack(bytes: number): void {
    this.taken -= bytes;
  }
}

const SHARE_BYTES_MIN = 64 * 1024;
