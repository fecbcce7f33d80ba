/**
 * Idempotent producers that send what is next, what they have sent before, and what they should not, to a partition that is
 * restarted, killed and loses power, has records deleted and forgets who is silent: every answer, and the log in the end,
 * against a model that is a few lines of Kafka's rules.
 */
import { expect, it } from "vitest";
import type { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { Random } from "../engine/random.ts";
import { CrashingStore } from "./crashing-store.ts";
import { batchOf, config, openLeader, readValues, START_MS, tickClock } from "./harness.ts";

const SEQUENCES = 2n ** 31n;
const EXPIRATION_MS = 10_000;
const REMEMBERED = 5;

interface Batch {
  readonly id: bigint;
  readonly epoch: number;
  readonly first: bigint;
  readonly count: number;
}

interface Stored extends Batch {
  readonly baseOffset: bigint;
  readonly appendedMs: number;
}

type Verdict = "new" | Stored | { readonly code: number };

/** What Kafka's rules say of idempotent producers (KIP-98). */
class Model {
  /** Of each producer that is known: its last batches of one epoch, and when it was heard. */
  readonly known = new Map<bigint, { readonly batches: readonly Stored[]; readonly heardMs: number }>();

  judge(batch: Batch): Verdict {
    const batches = this.known.get(batch.id)?.batches ?? [];
    const last = batches.at(-1);
    if (last === undefined) return "new";
    if (batch.epoch < last.epoch) return { code: ErrorCode.INVALID_PRODUCER_EPOCH };
    if (batch.epoch > last.epoch)
      return batch.first === 0n ? "new" : { code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
    const same = batches.find(({ first, count }) => first === batch.first && count === batch.count);
    if (same !== undefined) return same;
    const next = (last.first + BigInt(last.count)) % SEQUENCES;
    return batch.first === next ? "new" : { code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
  }

  store(batch: Stored): void {
    const before = this.known.get(batch.id)?.batches ?? [];
    const ofEpoch = before.filter(({ epoch }) => epoch === batch.epoch);
    const batches = [...ofEpoch, batch].slice(-REMEMBERED);
    this.known.set(batch.id, { batches, heardMs: batch.appendedMs });
  }

  /** Answers who is forgotten. */
  expire(nowMs: number): bigint[] {
    const silent = [...this.known].filter(([, { heardMs }]) => nowMs - heardMs >= EXPIRATION_MS);
    for (const [id] of silent) this.known.delete(id);
    return silent.map(([id]) => id);
  }

  /** A node that is started has heard everybody just now. */
  restarted(nowMs: number): void {
    for (const [id, { batches }] of this.known) this.known.set(id, { batches, heardMs: nowMs });
  }
}

class History {
  private readonly random: Random;
  private readonly model = new Model();
  private readonly settings;
  private readonly isLogAppendTime: boolean;
  private store: CrashingStore;
  private log: PartitionLog | undefined;
  private nowMs = START_MS;
  private starts = 0;
  private nextId = 1n;
  /** Producers that are used now, with all that they have sent. */
  private ids: bigint[] = [];
  private readonly sent = new Map<bigint, Batch[]>();
  /** Who was forgotten once. A start that reads the log anew may know more of them again: they are used no more then. */
  private readonly forgotten = new Set<bigint>();
  /** What the log must hold, in order. */
  private readonly stored: Stored[] = [];
  private pending: Promise<void>[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    this.isLogAppendTime = this.random.oneIn(2);
    this.settings = config({
      "segment.bytes": 400 + this.random.below(1500),
      ...(this.isLogAppendTime ? { "message.timestamp.type": "LogAppendTime" } : {}),
    });
    this.store = new CrashingStore(() => this.random.below(2 ** 30) / 2 ** 30);
    for (let n = 0; n < 4; n++) this.ids.push(this.newProducer());
  }

  async run(steps: number): Promise<void> {
    await this.open(false);
    for (let step = 0; step < steps; step++) {
      const what = this.random.below(40);
      if (what < 2) await this.restart();
      else if (what === 2) await this.deleteRecords();
      else if (what < 6) this.passTime();
      else this.send(this.anyBatch());
      if (this.random.oneIn(3)) await this.settle();
    }
    await this.settle();
    const { logStartOffset } = this.opened();
    const wanted = this.stored.flatMap((batch) =>
      valuesOf(batch).map((value, at): [bigint, string] => [batch.baseOffset + BigInt(at), value]),
    );
    // The log may begin within a batch, which is read whole.
    const isThere = ([offset]: readonly [bigint, ...unknown[]]): boolean => offset >= logStartOffset;
    expect((await readValues(this.opened())).filter(isThere)).toEqual(wanted.filter(isThere));
    await this.opened().close();
  }

  private opened(): PartitionLog {
    if (this.log === undefined) throw new Error("the partition is not open");
    return this.log;
  }

  private async open(clean: boolean): Promise<void> {
    const clock = { ...tickClock, now: () => this.nowMs };
    const settings = { ...this.settings, producerExpirationMs: EXPIRATION_MS };
    this.log = await openLeader(this.store, { clock, config: settings, clean }, this.starts++);
  }

  private newProducer(): bigint {
    const id = this.nextId++;
    this.sent.set(id, []);
    return id;
  }

  private anyBatch(): Batch {
    const id = this.ids[this.random.below(this.ids.length)] ?? 0n;
    const earlier = this.sent.get(id) ?? [];
    const last = earlier.at(-1);
    const count = 1 + this.random.below(3);
    // Some begin shortly before the sequences begin again.
    if (last === undefined)
      return {
        id,
        epoch: 0,
        first: this.random.oneIn(2) ? SEQUENCES - BigInt(1 + this.random.below(6)) : 0n,
        count,
      };
    const next = { id, epoch: last.epoch, first: (last.first + BigInt(last.count)) % SEQUENCES, count };
    const again = earlier.at(-1 - this.random.below(8)) ?? last;
    switch (this.random.below(12)) {
      case 0:
      case 1:
      case 2:
        return again;
      case 3:
        return { ...again, count: again.count + 1 };
      case 4:
        return { ...again, first: (again.first + 1n) % SEQUENCES };
      case 5:
        return { ...next, first: (next.first + BigInt(1 + this.random.below(9))) % SEQUENCES };
      case 6:
        return { ...next, epoch: last.epoch + 1, first: this.random.oneIn(3) ? 1n : 0n };
      case 7:
        return { ...next, epoch: Math.max(0, last.epoch - 1) };
      default:
        return next;
    }
  }

  private send(batch: Batch): void {
    const verdict = this.model.judge(batch);
    const log = this.opened();
    const at = { producerId: batch.id, producerEpoch: batch.epoch, baseSequence: Number(batch.first) };
    const bytes = batchOf(valuesOf(batch), { ...at, timestamp: this.nowMs });
    const what = JSON.stringify(batch, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    if (verdict !== "new" && "code" in verdict) {
      let code: number | undefined;
      try {
        log.append(bytes);
      } catch (error) {
        code = error instanceof KafkaError ? error.code : undefined;
      }
      expect(code, what).toBe(verdict.code);
      return;
    }
    const baseOffset = verdict === "new" ? log.logEndOffset : verdict.baseOffset;
    const appendedMs = verdict === "new" ? this.nowMs : verdict.appendedMs;
    const answer = log.append(bytes);
    this.pending.push(answer.synced);
    answer.synced.catch(() => {});
    expect(answer, what).toMatchObject({
      duplicate: verdict !== "new",
      baseOffset,
      lastOffset: baseOffset + BigInt(batch.count - 1),
      logAppendTimeMs: this.isLogAppendTime ? BigInt(appendedMs) : -1n,
    });
    if (verdict !== "new") return;
    const taken = { ...batch, baseOffset, appendedMs };
    this.stored.push(taken);
    this.model.store(taken);
    this.sent.get(batch.id)?.push(batch);
  }

  /** All that was sent is answered. */
  private async settle(): Promise<void> {
    await Promise.all(this.pending);
    this.pending = [];
  }

  private passTime(): void {
    this.nowMs += this.random.below(EXPIRATION_MS / 2);
    this.opened().expireProducers(this.nowMs);
    for (const id of this.model.expire(this.nowMs)) this.forgotten.add(id);
    const known = new Set(Array.from(this.opened().producers(), ({ producerId }) => producerId));
    expect(this.ids.filter((id) => known.has(id))).toEqual(this.ids.filter((id) => this.model.known.has(id)));
  }

  private async deleteRecords(): Promise<void> {
    await this.settle();
    const log = this.opened();
    const span = Number(log.highWatermark - log.logStartOffset);
    await log.deleteRecordsBefore(log.logStartOffset + BigInt(this.random.below(span + 1)));
  }

  private async restart(): Promise<void> {
    const isClean = this.random.oneIn(3);
    if (isClean) {
      await this.settle();
      await this.opened().close();
    } else {
      // What is on its way, nobody was told of.
      await this.settle();
      const before = new Map(this.model.known);
      const until = this.stored.length;
      for (let n = this.random.below(4); n > 0; n--) this.send(this.anyBatch());
      if (this.pending.length > 0 && this.random.oneIn(2)) await Promise.race(this.pending);
      this.store.crash();
      this.store = this.random.oneIn(2) ? this.store.afterPowerLoss() : this.store.afterKill();
      this.pending = [];
      await this.open(false);
      this.model.known.clear();
      for (const [id, known] of before) this.model.known.set(id, known);
      for (const batch of this.stored.splice(until)) {
        if (batch.baseOffset < this.opened().logEndOffset) {
          this.stored.push(batch);
          this.model.store(batch);
        } else
          this.sent.set(
            batch.id,
            (this.sent.get(batch.id) ?? []).filter((each) => !isSame(each, batch)),
          );
      }
      this.ids = this.ids.map((id) => (this.forgotten.has(id) ? this.newProducer() : id));
      this.forgotten.clear();
    }
    if (isClean) await this.open(true);
    this.model.restarted(this.nowMs);
  }
}

function isSame(one: Batch, other: Batch): boolean {
  return one.epoch === other.epoch && one.first === other.first && one.count === other.count;
}

function valuesOf({ id, epoch, first, count }: Batch): string[] {
  return Array.from({ length: count }, (_, at) => `${id}/${epoch}/${(first + BigInt(at)) % SEQUENCES}`);
}

it.each(Array.from({ length: 30 }, (_, at) => 1 + at))(
  "idempotent producers are answered as the model says, seed %i",
  (seed) => new History(seed).run(250),
);
