import { ApiKey, defineApi } from "../api.ts";
import { array, bool, int16, int32, int64, string, struct } from "../schema.ts";

/** Versions 0 to 2 of the request are the same. */
export const apiVersions = defineApi({
  name: "ApiVersions",
  key: ApiKey.ApiVersions,
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({
    clientSoftwareName: string({ from: 3 }),
    clientSoftwareVersion: string({ from: 3 }),
  }),
  response: struct({
    errorCode: int16(),
    apiKeys: array(
      struct({
        apiKey: int16(),
        minVersion: int16(),
        maxVersion: int16(),
      }),
    ),
    throttleTimeMs: int32({ from: 1 }),
    /** Up to version 3 without the features whose minimum is 0 (KAFKA-17011). */
    supportedFeatures: array(
      struct({
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      }),
      { from: 3, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ from: 3, tag: 1, default: -1n }),
    finalizedFeatures: array(
      struct({
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      }),
      { from: 3, tag: 2 },
    ),
    zkMigrationReady: bool({ from: 3, tag: 3 }),
  }),
});
