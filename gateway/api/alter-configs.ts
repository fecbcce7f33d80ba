import type { Topic } from "../../log/cluster.ts";
import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { alterEach, refuseRepeated } from "./config-resource.ts";
import { refuseInternal, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** AlterConfigs: what a topic is given is all that it has of its own; what is not named goes back to its default. */
export const alterConfigsApi: ServedApi = serveApi(
  alterConfigs,
  async ({ resources, validateOnly }, { services }) => ({
    responses: await alterEach(resources, services, async ({ resourceName, configs }) => {
      refuseInternal(topicByName(services.cluster, resourceName));
      const seen = new Set<string>();
      for (const { name } of configs) refuseRepeated(seen, name);
      const changesOf = ({ overrides }: Topic): Map<string, string | null> =>
        new Map([
          ...Array.from(overrides.keys(), (name) => [name, null] as const),
          ...configs.map(({ name, value }) => [name, value] as const),
        ]);
      await services.cluster.changeConfigs(resourceName, changesOf, validateOnly);
    }),
  }),
);
