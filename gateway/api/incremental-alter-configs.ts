import { incrementalAlterConfigs } from "../../wire/apis/incremental-alter-configs.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { alterEach, type Configured, refuseRepeated } from "./config-resource.ts";
import { shownName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Kafka's AlterConfigOp.OpType. */
const Operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

interface Change {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

/** IncrementalAlterConfigs (KIP-339): each setting by itself; lists can be appended to, and taken from. */
export const incrementalAlterConfigsApi: ServedApi = serveApi(
  incrementalAlterConfigs,
  async ({ resources, validateOnly }, { services }) => ({
    responses: await alterEach(resources, services, validateOnly, ({ configs }) => {
      const seen = new Set<string>();
      for (const { name } of configs) refuseRepeated(seen, name);
      return (now) => new Map(configs.map((change) => [change.name, valueAfter(change, now)]));
    }),
  }),
);

/** What a setting is after the change; null: its default. */
function valueAfter(
  { name, configOperation, value }: Change,
  { values, definitions }: Configured,
): string | null {
  if (configOperation === Operation.delete) return null;
  if (value === null) throw invalid(ErrorCode.INVALID_REQUEST, `${shownName(name)} is given no value`);
  if (configOperation === Operation.set) return value;
  if (configOperation !== Operation.append && configOperation !== Operation.subtract)
    throw invalid(ErrorCode.INVALID_REQUEST, `${configOperation} is no operation on a setting`);
  const setting = definitions.find((candidate) => candidate.name === name);
  if (setting !== undefined && setting.type !== "list")
    throw invalid(
      ErrorCode.INVALID_CONFIG,
      `${name} is no list: it can be set, not appended to or taken from`,
    );
  const given = listOf(value);
  const before = listOf(values.get(name) ?? "");
  const after =
    configOperation === Operation.append
      ? [...before, ...given.filter((item) => !before.includes(item))]
      : before.filter((item) => !given.includes(item));
  return after.join(",");
}

function listOf(value: string): string[] {
  return value === "" ? [] : value.split(",").map((item) => item.trim());
}

function invalid(code: number, message: string): KafkaError {
  return new KafkaError(code, message);
}
