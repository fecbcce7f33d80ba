import type { Cluster } from "../../log/cluster.ts";

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * A number that is another one when any of the topics is another, or has other partitions; 0 for none, and in whatever order
 * they come. Kafka has another one in the same place: nobody but the writer compares it.
 */
export function metadataHash(names: Iterable<string>, cluster: Pick<Cluster, "topic">): bigint {
  let hash = 0n;
  for (const name of names) {
    const topic = cluster.topic(name);
    if (topic === undefined) continue;
    const text = `${topic.id}:${topic.partitions.length}`;
    hash += (BigInt(fnv1a(text, OFFSET_BASIS)) << 32n) | BigInt(fnv1a(text, ~OFFSET_BASIS));
  }
  return BigInt.asIntN(64, hash);
}

/** FNV-1a over UTF-16 code units, in 32 bits. */
function fnv1a(text: string, basis: number): number {
  let hash = basis;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME);
  return hash >>> 0;
}
