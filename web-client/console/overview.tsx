import { useComputed } from "@preact/signals";
import type { ConfigEntry } from "../index.ts";
import { latestOf } from "./activity.ts";
import { useConsole } from "./context.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "./format.ts";
import { Icon } from "./icons.tsx";
import { useTold } from "./use-told.ts";

/** What is asked about one topic beside what every summary says. */
interface TopicFacts {
  readonly bytes: bigint | undefined;
  readonly retention: string;
}

const FACTS_MS = 10_000;
/** So many topics are asked about; more of them are listed without size and retention. */
const ASKED_MAX = 100;

/** All topics beside each other. */
export function Overview() {
  const { topics, activity, kept, rivulet, go } = useConsole();
  // Asked anew when there are other topics, not whenever a number in a summary moves.
  const asked = useComputed(() =>
    (topics.value ?? [])
      .slice(0, ASKED_MAX)
      .map(({ name }) => name)
      .join(" "),
  );
  const [facts] = useTold(async (signal) => {
    const names = asked.value.split(" ").filter((name) => name !== "");
    const known = await Promise.all(
      names.map(async (name): Promise<readonly [string, TopicFacts] | undefined> => {
        try {
          const [{ partitions }, entries] = await Promise.all([
            rivulet.admin.describeTopic(name, { signal }),
            rivulet.admin.describeConfigs({ topic: name }, { signal }),
          ]);
          return [name, { bytes: bytesOf(partitions), retention: retentionOf(entries) }];
        } catch {
          // It was deleted meanwhile, or nobody may look.
          return undefined;
        }
      }),
    );
    return new Map(known.filter((each) => each !== undefined));
  }, FACTS_MS);
  const all = topics.value ?? [];

  return (
    <section class="section" aria-labelledby="overview-title">
      <div class="section-head">
        <h2 id="overview-title">Topics</h2>
        <p class="quiet">{all.length} in this cluster</p>
      </div>
      <div class="section-body">
        <table>
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col" class="number">
                Partitions
              </th>
              <th scope="col" class="number">
                Records
              </th>
              <th scope="col" class="number">
                Records/s
              </th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col">Keeps</th>
              <th scope="col">This device</th>
            </tr>
          </thead>
          <tbody>
            {all.map(({ id, name, partitions }) => {
              const held = kept.byName.value.get(name);
              const told = facts.value.value?.get(name);
              const rate = latestOf(activity.rates.value.get(name));
              const records = partitions.reduce(
                (sum, each) => sum + each.highWatermark - each.logStartOffset,
                0n,
              );
              return (
                <tr key={id}>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      onClick={() => go({ page: "topic", topic: name, tab: "records" })}
                    >
                      {name}
                    </button>
                  </th>
                  <td class="number">{partitions.length}</td>
                  <td class="number">{formatCount(records)}</td>
                  <td class="number">{rate === undefined ? "–" : formatRate(rate)}</td>
                  <td class="number">{told?.bytes === undefined ? "–" : formatBytes(Number(told.bytes))}</td>
                  <td>{told?.retention ?? "–"}</td>
                  <td>
                    {held !== undefined && (
                      <span class="on-device">
                        <Icon name="device" /> {formatBytes(held.heldBytes)}
                      </span>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
        {all.length === 0 && <p class="quiet">None yet.</p>}
      </div>
    </section>
  );
}

function bytesOf(partitions: readonly { readonly bytes: bigint | undefined }[]): bigint | undefined {
  let sum = 0n;
  for (const { bytes } of partitions) {
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

/** `7 days`, `100.0 MB a partition`, `latest per key`: what stays of a topic, in a few words. */
export function retentionOf(entries: readonly ConfigEntry[]): string {
  const valueOf = (name: string): string => entries.find((entry) => entry.name === name)?.value ?? "";
  const policy = valueOf("cleanup.policy").split(",");
  const words: string[] = [];
  if (policy.includes("compact")) words.push("latest per key");
  if (policy.includes("delete")) {
    const [ms, bytes] = [Number(valueOf("retention.ms")), Number(valueOf("retention.bytes"))];
    if (ms >= 0) words.push(formatDuration(ms));
    if (bytes >= 0) words.push(`${formatBytes(bytes)} a partition`);
  }
  return words.length === 0 ? "everything" : words.join(", ");
}
