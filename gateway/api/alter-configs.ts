import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { alterEach, refuseRepeated } from "./config-resource.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** AlterConfigs: what a resource is given is all that it has of its own; what is not named goes back to its default. */
export const alterConfigsApi: ServedApi = serveApi(
  alterConfigs,
  async ({ resources, validateOnly }, { services }) => ({
    responses: await alterEach(resources, services, validateOnly, ({ configs }) => {
      const seen = new Set<string>();
      for (const { name } of configs) refuseRepeated(seen, name);
      return ({ overrides }) =>
        new Map([
          ...Array.from(overrides.keys(), (name) => [name, null] as const),
          ...configs.map(({ name, value }) => [name, value] as const),
        ]);
    }),
  }),
);
