import { syncGroup } from "../../wire/apis/sync-group.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on a member says which protocol it believes in, and has to (KIP-559). */
const PROTOCOLS_FROM = 5;

/** SyncGroup: the leader hands in who gets what; everybody waits for that. */
export const syncGroupApi: ServedApi = serveApi(syncGroup, async (request, { services, apiVersion }) => {
  const { protocolType, protocolName } = request;
  if (apiVersion >= PROTOCOLS_FROM && (protocolType === null || protocolName === null))
    return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment: NO_BYTES };
  return services.groups.sync(request);
});

const NO_BYTES = new Uint8Array(0);
