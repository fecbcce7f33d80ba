/** Samples of a soak as lines of text. */
import type { Sample, SoakReport } from "./soak.ts";
import { OFFSETS_TOPIC, soakTopics } from "./topics.ts";

const KIB = 1024;
const WARNINGS_SHOWN = 20;
const topics = [...soakTopics.map(({ name }) => name), OFFSETS_TOPIC, ""];

const columns: readonly (readonly [string, (sample: Sample) => number | string | undefined])[] = [
  ["min", ({ ranMs }) => (ranMs / 60_000).toFixed(1)],
  ...topics.map((topic): (typeof columns)[number] => [
    `${topic === "" ? "other" : topic} KiB`,
    ({ disk }) => Math.round((disk.get(topic) ?? 0) / KIB),
  ]),
  ["files", ({ files }) => files],
  ["deleted", ({ deletedFiles }) => deletedFiles],
  ["sockets", ({ sockets }) => sockets],
  ["handles", ({ handles }) => handles],
  ["RSS MiB", ({ residentBytes }) => mebibytes(residentBytes)],
  ["heap MiB", ({ heapBytes }) => mebibytes(heapBytes)],
  ["buffers MiB", ({ bufferBytes }) => mebibytes(bufferBytes)],
  ["produced", ({ produced }) => produced],
  ["MiB", ({ producedBytes }) => mebibytes(producedBytes)],
  ["by Kafka", ({ readByKafka }) => readByKafka],
  ["by push", ({ readByPush }) => readByPush],
  ["histories", ({ readAsHistory }) => readAsHistory],
  ["gaps told", ({ gaps }) => gaps],
  ["compactions", ({ compactions }) => compactions],
  ["segments removed", ({ removedSegments }) => removedSegments],
  ["kills", ({ life }) => life],
  ["start ms", ({ startMs }) => Math.round(startMs)],
];

export const heading: string = columns.map(([name]) => name).join("  ");

/** Under the heading's columns. */
export function row(sample: Sample): string {
  return columns.map(([name, of]) => String(of(sample) ?? "-").padStart(name.length)).join("  ");
}

function mebibytes(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : (bytes / KIB / KIB).toFixed(1);
}

/** What it comes to: the most that was taken, and how long starts took. */
export function summary({ samples, atRest, segments, warnings }: SoakReport): string {
  const most = (of: (sample: Sample) => number | undefined): number =>
    Math.max(...samples.map((sample) => of(sample) ?? 0));
  const starts = samples.filter(({ life }, at) => life > 0 && samples[at - 1]?.life !== life);
  const produced = mebibytes(atRest.producedBytes);
  const left = mebibytes([...atRest.disk.values()].reduce((sum, bytes) => sum + bytes, 0));
  return [
    `${atRest.produced} records (${produced} MiB) were acknowledged; ${left} MiB are left on the disk, in ${segments} segments`,
    `at most: ${most(({ files }) => files)} files open, ${most(({ deletedFiles }) => deletedFiles)} of them deleted, ` +
      `${most(({ sockets }) => sockets)} sockets, RSS ${mebibytes(most(({ residentBytes }) => residentBytes))} MiB, ` +
      `heap ${mebibytes(most(({ heapBytes }) => heapBytes))} MiB, buffers ${mebibytes(most(({ bufferBytes }) => bufferBytes))} MiB`,
    `starts after kill -9: ${starts.map(({ startMs }) => `${Math.round(startMs)} ms`).join(", ")}`,
    `every reader has read everything right, and of each key what was written last; ${warnings.length} warnings`,
    ...[...new Set(warnings)].slice(0, WARNINGS_SHOWN).map((words) => `  ${words}`),
  ].join("\n");
}
