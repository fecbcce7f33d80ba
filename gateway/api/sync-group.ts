import { syncGroup } from "../../wire/apis/sync-group.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** SyncGroup: the leader hands in who gets what; everybody waits for that. */
export const syncGroupApi: ServedApi = serveApi(syncGroup, (request, { services }) =>
  services.groups.sync(request),
);
