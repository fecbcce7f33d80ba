import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

const GROUP = 0;

/**
 * FindCoordinator: this node, for groups. Coordinators of transactions and share groups are refused with an error that no client tries again.
 */
export const findCoordinatorApi: ServedApi = serveApi(
  findCoordinator,
  ({ key, keyType, coordinatorKeys }, context) => {
    if (context.apiVersion < 4) return coordinator(key, keyType, context);
    return { coordinators: coordinatorKeys.map((each) => coordinator(each, keyType, context)) };
  },
);

function coordinator(key: string, keyType: number, { services, listener }: RequestContext) {
  if (keyType === GROUP) {
    const { host, port } = listener.advertised;
    return {
      key,
      nodeId: services.cluster.nodeId,
      host,
      port,
      errorCode: ErrorCode.NONE as number,
      errorMessage: null,
    };
  }
  const what = keyType === 1 ? "transactions are" : `coordinators of type ${keyType} are`;
  const errorMessage = `${what} not served yet`;
  return {
    key,
    nodeId: -1,
    host: "",
    port: -1,
    errorCode: ErrorCode.INVALID_REQUEST as number,
    errorMessage,
  };
}
