/** What AlterConfigs and IncrementalAlterConfigs have in common: resources, each with an answer of its own. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { Services } from "./context.ts";
import { attempted, failureOf } from "./failure.ts";
import { shownName } from "./partitions.ts";

/** Kafka's ConfigResource.Type. */
export const ConfigResource = { topic: 2, broker: 4 } as const;

export interface AskedResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export interface ResourceAnswer extends AskedResource {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** Refuses what stands more than once in a request; Kafka's error for it is INVALID_REQUEST. */
export function refuseRepeated(seen: Set<string>, what: string): void {
  if (seen.has(what)) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `${what} stands in the request more than once; name it once`,
    );
  }
  seen.add(what);
}

/** Has each resource changed in turn, and answers how that went. */
export async function alterEach<R extends AskedResource>(
  resources: readonly R[],
  services: Services,
  change: (resource: R) => Promise<void>,
): Promise<ResourceAnswer[]> {
  const seen = new Set<string>();
  const answers: ResourceAnswer[] = [];
  for (const resource of resources) {
    const { resourceType, resourceName } = resource;
    const how = await attempted(
      async () => {
        refuseRepeated(seen, `resource ${resourceType} ${shownName(resourceName)}`);
        if (resourceType !== ConfigResource.topic) throw notChangeable(resourceType);
        await change(resource);
        return { errorCode: ErrorCode.NONE as number, errorMessage: null };
      },
      (error) => failureOf(error, services),
    );
    answers.push({ resourceType, resourceName, ...how });
  }
  return answers;
}

function notChangeable(type: number): KafkaError {
  return new KafkaError(
    ErrorCode.INVALID_REQUEST,
    type === ConfigResource.broker
      ? "settings of the broker are given when it starts (--config) and do not change while it runs; set them for a topic"
      : `resource type ${type} has no settings here; topics (2) have`,
  );
}
