/**
 * What two brokers may say differently in an answer without meaning anything else by it, and nothing more:
 *
 * - error codes go by their names, and a sentence about an error counts as "text": what it says is each one's own
 * - ids that a broker makes up (topics, members, producers, the cluster, fetch sessions) go by the order in which the script
 *   first saw them
 * - a broker's own address goes by a word, and so does a time that is now; other times by how far they are from the scripts'
 * - epochs of a consumer group are counted from the one that the script says: a broker whose group has yet to hear of a topic
 *   begins a new one when it does
 * - what a script has named begins with the script's own prefix, which goes
 * - record batches are taken apart; the CRC is checked and not shown, since it follows from the rest
 *
 * Lists whose elements have a name or a number are compared by it (`compare.ts`), whatever their order.
 */
import { createHash } from "node:crypto";
import { BatchHeader } from "../../log/batch.ts";
import { errorName } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import { loadEngine } from "../engine/load.ts";

/** An answer as it is compared: what JSON can hold. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [field: string]: Plain };

const ERROR_CODES = new Set(["errorCode", "topicConfigErrorCode"]);
const ERROR_TEXTS = new Set(["errorMessage", "batchIndexErrorMessage"]);
const GROUP_EPOCHS = new Set(["memberEpoch", "groupEpoch", "assignmentEpoch"]);
/** Fields with ids that the broker makes up, by what they are ids of. */
const MADE_UP: Readonly<Record<string, string>> = {
  topicId: "topic",
  memberId: "member",
  leader: "member",
  producerId: "producer",
  clusterId: "cluster",
  sessionId: "session",
};
const NONE = new Set<unknown>(["", ZERO_UUID, -1n, 0, null]);
/** Producer ids that scripts make up themselves are at least this: no broker has handed out so many. */
export const SCRIPTS_PRODUCER_IDS_FROM = 7_000_000n;
/** Times this close to the clock are now. */
const NEAR_MS = 20n * 60_000n;

/** A time that is neither now nor so long ago that a log would let go of it: what scripts stamp, the same for both brokers. */
export const AN_HOUR_AGO = Date.now() - 60 * 60_000;

const engine = loadEngine();
const text = new TextDecoder();

/** Puts the answers that one script has had from one broker into words that both share. */
export class Normaliser {
  private readonly prefix: string;
  private readonly port: number;
  private readonly seen = new Map<string, Map<unknown, string>>();
  private firstGroupEpoch: number | undefined;

  /** `prefix` begins all names that the script makes up; the broker listens on 127.0.0.1 at `port`. */
  constructor({ prefix, port }: { prefix: string; port: number }) {
    this.prefix = prefix;
    this.port = port;
  }

  /** From now on the id goes by this name. */
  call(kind: string, id: unknown, name: string): void {
    this.names(kind).set(id, `<${kind} ${this.withoutPrefix(name)}>`);
  }

  /** From now on the epochs of consumer groups are told by how far they are from this one. */
  countGroupEpochsFrom(epoch: number): void {
    this.firstGroupEpoch = epoch;
  }

  answer(value: unknown, field = ""): Plain {
    if (field === "records") return this.records(value as Uint8Array | null);
    if (ERROR_TEXTS.has(field)) return value === null || value === "" ? null : "text";
    if (ERROR_CODES.has(field)) return errorName(value as number);
    const kind = MADE_UP[field];
    if (kind !== undefined && !NONE.has(value) && !isOfScripts(value)) return this.named(kind, value);
    if (GROUP_EPOCHS.has(field) && this.firstGroupEpoch !== undefined && (value as number) > 0)
      return `<first epoch + ${(value as number) - this.firstGroupEpoch}>`;
    if (field === "host") return value === "127.0.0.1" ? "<host>" : String(value);
    if (field === "port") return value === this.port ? "<port>" : Number(value);
    if (typeof value === "bigint") return time(value);
    if (typeof value === "string") return this.withoutPrefix(value);
    if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
    if (Array.isArray(value)) return value.map((element) => this.answer(element, elementOf(field)));
    if (typeof value === "object" && value !== null) {
      this.callByName(value);
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [name, this.answer(inner, name)]),
      );
    }
    return value as Plain;
  }

  /** A topic that is told with its name goes by that from then on. */
  private callByName(value: object): void {
    const { name, topicId } = value as { name?: unknown; topicId?: unknown };
    if (typeof name !== "string" || name === "" || NONE.has(topicId)) return;
    if (!this.names("topic").has(topicId)) this.call("topic", topicId, name);
  }

  private named(kind: string, id: unknown): string {
    const names = this.names(kind);
    let name = names.get(id);
    if (name === undefined) names.set(id, (name = `<${kind} ${names.size + 1}>`));
    return name;
  }

  private names(kind: string): Map<unknown, string> {
    let names = this.seen.get(kind);
    if (names === undefined) this.seen.set(kind, (names = new Map()));
    return names;
  }

  private withoutPrefix(name: string): string {
    return name.replaceAll(this.prefix, "");
  }

  /** The batches of a Fetch; what a limit has cut off at the end stands as that. */
  private records(bytes: Uint8Array | null): Plain {
    if (bytes === null) return null;
    const batches: Plain[] = [];
    for (let at = 0; at < bytes.byteLength;) {
      const left = bytes.byteLength - at;
      if (left < 61 || left < new BatchHeader(bytes, at).bytes) return [...batches, "part of a batch"];
      const batch = bytes.slice(at, at + new BatchHeader(bytes, at).bytes);
      batches.push(this.batch(batch));
      at += batch.byteLength;
    }
    return batches;
  }

  private batch(batch: Uint8Array): Plain {
    const header = new BatchHeader(batch);
    const isSound = engine.checkBatch(batch, true, 2 ** 27) === batch.byteLength;
    const records = Array.from(
      engine.readBatch(batch, 2 ** 27),
      ({ offset, timestamp, key, value, headers }) => [
        String(offset),
        this.answer(BigInt(timestamp)),
        key === null ? null : text.decode(key),
        value === null ? null : shortened(value),
        headers.length,
      ],
    );
    return {
      baseOffset: String(header.baseOffset),
      leaderEpoch: header.leaderEpoch,
      attributes: header.attributes,
      baseTimestamp: this.answer(header.baseTimestamp),
      maxTimestamp: this.answer(header.maxTimestamp),
      producerId: this.answer(header.producerId, "producerId"),
      producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence,
      isSound,
      records,
    };
  }
}

/** An array of ids is one of what its name has in the singular. */
function elementOf(field: string): string {
  return field === "coordinatorKeys" ? "" : field.replace(/s$/, "");
}

function isOfScripts(id: unknown): boolean {
  return typeof id === "bigint" && id >= SCRIPTS_PRODUCER_IDS_FROM;
}

function time(value: bigint): string {
  if (isNear(value, Date.now())) return "<now>";
  return isNear(value, AN_HOUR_AGO) ? `<an hour ago + ${value - BigInt(AN_HOUR_AGO)} ms>` : String(value);
}

function isNear(time: bigint, to: number): boolean {
  const distance = time - BigInt(to);
  return distance < NEAR_MS && distance > -NEAR_MS;
}

function shortened(value: Uint8Array): string {
  if (value.byteLength <= 40) return text.decode(value);
  return `${value.byteLength} bytes ${createHash("sha1").update(value).digest("hex").slice(0, 8)}`;
}
