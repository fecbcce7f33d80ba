import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { alterEach, refuseRepeated } from "./config-resource.ts";
import { refuseInternal, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** AlterConfigs: what a topic is given is all that it has of its own; what is not named goes back to its default. */
export const alterConfigsApi: ServedApi = serveApi(
  alterConfigs,
  async ({ resources, validateOnly }, { services }) => ({
    responses: await alterEach(resources, services, async ({ resourceName, configs }) => {
      const { cluster } = services;
      const changes = new Map<string, string | null>();
      const topic = topicByName(cluster, resourceName);
      refuseInternal(topic);
      for (const name of topic.overrides.keys()) changes.set(name, null);
      const seen = new Set<string>();
      for (const { name, value } of configs) {
        refuseRepeated(seen, name);
        changes.set(name, value);
      }
      await cluster.changeConfigs(resourceName, changes, validateOnly);
    }),
  }),
);
