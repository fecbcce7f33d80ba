import { deleteGroups } from "../../wire/apis/delete-groups.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { attempted, failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** DeleteGroups: groups without members, with their offsets. */
export const deleteGroupsApi: ServedApi = serveApi(deleteGroups, async ({ groupsNames }, { services }) => {
  const results = [];
  for (const groupId of new Set(groupsNames)) {
    const errorCode = await attempted(
      async () => {
        await services.groups.delete(groupId);
        return ErrorCode.NONE as number;
      },
      (error) => failureOf(error, services).errorCode,
    );
    results.push({ groupId, errorCode });
  }
  return { results };
});
