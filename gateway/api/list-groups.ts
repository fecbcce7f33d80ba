import { listGroups } from "../../wire/apis/list-groups.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** ListGroups: all, or those in one of the states and of one of the types that are named, in any case. */
export const listGroupsApi: ServedApi = serveApi(
  listGroups,
  ({ statesFilter, typesFilter }, { services }) => {
    const isAskedFor = (filter: readonly string[], value: string): boolean =>
      filter.length === 0 || filter.some((each) => each.toLowerCase() === value.toLowerCase());
    try {
      const groups = services.groups
        .list()
        .filter(({ state, kind }) => isAskedFor(statesFilter, state) && isAskedFor(typesFilter, kind))
        .map(({ groupId, protocolType, state, kind }) => ({
          groupId,
          protocolType: protocolType ?? "",
          groupState: state,
          groupType: kind,
        }));
      return { errorCode: ErrorCode.NONE, groups };
    } catch (error) {
      return { errorCode: failureOf(error, services).errorCode, groups: [] };
    }
  },
);
