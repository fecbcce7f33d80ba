import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { alterEach, refuseRepeated } from "./config-resource.ts";
import { shownName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** AlterConfigs: what a resource is given is all that it has of its own; what is not named goes back to its default. */
export const alterConfigsApi: ServedApi = serveApi(
  alterConfigs,
  async ({ resources, validateOnly }, { services }) => ({
    responses: await alterEach(resources, services, validateOnly, ({ configs }) => {
      const seen = new Set<string>();
      for (const { name, value } of configs) {
        refuseRepeated(seen, name);
        if (value === null)
          throw new KafkaError(ErrorCode.INVALID_REQUEST, `${shownName(name)} is given no value`);
      }
      return ({ overrides }) =>
        new Map([
          ...Array.from(overrides.keys(), (name) => [name, null] as const),
          ...configs.map(({ name, value }) => [name, value] as const),
        ]);
    }),
  }),
);
