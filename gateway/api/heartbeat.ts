import { heartbeat } from "../../wire/apis/heartbeat.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Heartbeat: says that a member is there, and asks whether its generation still is. */
export const heartbeatApi: ServedApi = serveApi(heartbeat, (request, { services }) => ({
  errorCode: services.groups.heartbeat(request.groupId, request, request.generationId),
}));
