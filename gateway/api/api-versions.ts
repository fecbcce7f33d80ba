import { apiVersions } from "../../wire/apis/api-versions.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { encodeResponse } from "../../wire/response.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

interface ApiRange {
  apiKey: number;
  minVersion: number;
  maxVersion: number;
}

/** By Kafka's names (KIP-584): `group.version` 1 says that consumer groups are served (KIP-848). */
const FEATURES: readonly { name: string; minVersion: number; maxVersion: number }[] = [
  { name: "group.version", minVersion: 0, maxVersion: 1 },
];
/** Before this version clients cannot read a feature whose minimum is 0 (KAFKA-17011). */
const ZERO_FEATURES_FROM = 4;

/** Kafka's rule for what clients may call themselves (KIP-511). */
const SOFTWARE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** ApiVersions: what this listener serves. `served` is asked for at each request, since it holds this API too. */
export function apiVersionsApi(served: () => Iterable<ServedApi>): ServedApi {
  return serveApi(apiVersions, ({ clientSoftwareName, clientSoftwareVersion }, { apiVersion }) => {
    const named = SOFTWARE_NAME.test(clientSoftwareName) && SOFTWARE_NAME.test(clientSoftwareVersion);
    if (apiVersion >= 3 && !named) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: Array.from(served(), rangeOf),
      supportedFeatures: FEATURES.filter(
        ({ minVersion }) => minVersion > 0 || apiVersion >= ZERO_FEATURES_FROM,
      ),
      finalizedFeaturesEpoch: 0n,
      finalizedFeatures: FEATURES.map(({ name, maxVersion }) => ({
        name,
        maxVersionLevel: maxVersion,
        minVersionLevel: maxVersion,
      })),
    };
  });
}

/**
 * For a version that is not served: an answer in version 0, which every client can read, with the versions of
 * ApiVersions itself, so that the client asks again with one of those (KIP-511).
 */
export function apiVersionsFallback(self: ServedApi): ServedApi {
  return {
    ...self,
    serve: (_message, { correlationId }) =>
      encodeResponse(apiVersions, 0, correlationId, {
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        apiKeys: [rangeOf(self)],
      }),
  };
}

function rangeOf({ key, minVersion, maxVersion }: ServedApi): ApiRange {
  return { apiKey: key, minVersion, maxVersion };
}
