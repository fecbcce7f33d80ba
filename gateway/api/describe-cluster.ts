import { describeCluster } from "../../wire/apis/describe-cluster.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { CLUSTER_OPERATIONS, ifAsked } from "./authorized-operations.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

const BROKERS = 1;
const CONTROLLERS = 2;

/** DescribeCluster: one broker, which is also the controller, and never fenced while it can answer. */
export const describeClusterApi: ServedApi = serveApi(
  describeCluster,
  ({ endpointType, includeClusterAuthorizedOperations }, { services, listener }) => {
    const { clusterId, nodeId } = services.cluster;
    const { host, port } = listener.advertised;
    if (endpointType !== BROKERS) {
      return {
        errorCode: (endpointType === CONTROLLERS
          ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
          : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE) as number,
        errorMessage: "there are no controllers of their own here; ask for brokers (endpoint type 1)",
        clusterId: "",
        brokers: [],
      };
    }
    return {
      errorCode: ErrorCode.NONE as number,
      clusterId,
      controllerId: nodeId,
      brokers: [{ brokerId: nodeId, host, port, isFenced: false }],
      clusterAuthorizedOperations: ifAsked(includeClusterAuthorizedOperations, CLUSTER_OPERATIONS),
    };
  },
);
