/** How a topic's leader cleans it up: what a replica has to know of it, from the topic's own settings. */
import { describeConfigs } from "../wire/apis/describe-configs.ts";
import { ErrorCode } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";

/** By Kafka's names: `cleanup.policy` names `compact`, and `delete.retention.ms`. */
export interface TopicCleanup {
  readonly compacts: boolean;
  /** How long a tombstone stays at least, in milliseconds. */
  readonly deleteRetentionMs: number;
}

const TOPIC_RESOURCE = 2;
/** Kafka's default. */
const DELETE_RETENTION_MS = 86_400_000;

/** undefined: whoever asks may not know, or the other side does not tell. Rejects when the connection ends. */
export async function askCleanup(
  connection: Pick<Connection, "request" | "version">,
  topic: string,
): Promise<TopicCleanup | undefined> {
  if (connection.version(describeConfigs) === undefined) return undefined;
  const answer = await connection.request(describeConfigs, {
    resources: [
      {
        resourceType: TOPIC_RESOURCE,
        resourceName: topic,
        configurationKeys: ["cleanup.policy", "delete.retention.ms"],
      },
    ],
    includeSynonyms: false,
    includeDocumentation: false,
  });
  const mine = answer.results[0];
  if (mine === undefined || mine.errorCode !== ErrorCode.NONE) return undefined;
  const values = new Map(mine.configs.map(({ name, value }) => [name, value]));
  const policy = values.get("cleanup.policy") ?? "";
  const retentionMs = Number(values.get("delete.retention.ms") ?? DELETE_RETENTION_MS);
  return {
    compacts: policy.split(",").some((each) => each.trim() === "compact"),
    deleteRetentionMs: Number.isFinite(retentionMs) && retentionMs >= 0 ? retentionMs : DELETE_RETENTION_MS,
  };
}
