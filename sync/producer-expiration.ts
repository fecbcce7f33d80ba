/** How long the log's owner remembers a producer that is silent: after that it would take what is sent again for something new. */
import { describeConfigs } from "../wire/apis/describe-configs.ts";
import { ErrorCode } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";

const BROKER_RESOURCE = 4;
const SETTING = "producer.id.expiration.ms";
/** Kafka's default, for those who are not told. */
const DEFAULT_MS = 86_400_000;

/** In milliseconds, as node `nodeId` has it; Kafka's default where it does not tell. Rejects when the connection ends. */
export async function askProducerIdExpiration(
  connection: Pick<Connection, "request" | "version">,
  nodeId: number,
): Promise<number> {
  if (connection.version(describeConfigs) === undefined) return DEFAULT_MS;
  const { results } = await connection.request(describeConfigs, {
    resources: [
      { resourceType: BROKER_RESOURCE, resourceName: String(nodeId), configurationKeys: [SETTING] },
    ],
    includeSynonyms: false,
    includeDocumentation: false,
  });
  const [mine] = results;
  if (mine === undefined || mine.errorCode !== ErrorCode.NONE) return DEFAULT_MS;
  const value = Number(mine.configs.find(({ name }) => name === SETTING)?.value ?? NaN);
  return Number.isFinite(value) && value > 0 ? value : DEFAULT_MS;
}
