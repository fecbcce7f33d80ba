import { useSignal } from "@preact/signals";
import type { GroupDescription } from "../index.ts";
import { appended, EMPTY_SERIES } from "./activity.ts";
import { Chart } from "./chart.tsx";
import { Confirm } from "./confirm.tsx";
import { useConsole } from "./context.ts";
import { formatCount, formatRate, plural } from "./format.ts";
import { useTold } from "./use-told.ts";

/** All consumer groups, with members and lag. */
export function Groups() {
  const { rivulet, go } = useConsole();
  const [told] = useTold(async (signal) => {
    const listed = await rivulet.admin.listGroups({ signal });
    return rivulet.admin.describeGroups(
      listed.map(({ groupId }) => groupId),
      { signal },
    );
  });
  const { value, error } = told.value;
  return (
    <section class="section" aria-labelledby="groups-title">
      <div class="section-head">
        <h2 id="groups-title">Consumer groups</h2>
      </div>
      <div class="section-body">
        {error !== undefined && (
          <p class="notice" role="alert">
            {error}
          </p>
        )}
        {value === undefined && error === undefined && (
          <p class="quiet">Asked of the gateway when it is live.</p>
        )}
        {value?.length === 0 && (
          <p class="quiet">No consumer group yet. One appears with its first member, or its first offset.</p>
        )}
        {value !== undefined && value.length > 0 && (
          <table>
            <thead>
              <tr>
                <th scope="col">Group</th>
                <th scope="col">State</th>
                <th scope="col">Protocol</th>
                <th scope="col" class="number">
                  Members
                </th>
                <th scope="col" class="number">
                  Lag
                </th>
              </tr>
            </thead>
            <tbody>
              {value.map((group) => (
                <tr key={group.groupId}>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      onClick={() => go({ page: "group", group: group.groupId })}
                    >
                      {group.groupId}
                    </button>
                  </th>
                  <td>{group.state}</td>
                  <td>{group.protocol}</td>
                  <td class="number">{group.members.length}</td>
                  <td class="number">{formatCount(group.lag)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}

/** One group: its lag over time, its members, and where it stands in each partition. */
export function Group({ groupId }: { groupId: string }) {
  const { rivulet, go } = useConsole();
  const lag = useSignal(EMPTY_SERIES);
  const isAsking = useSignal(false);
  const [told] = useTold(async (signal) => {
    const group = await rivulet.admin.describeGroup(groupId, { signal });
    lag.value = appended(lag.peek(), Date.now(), Number(group.lag));
    return group;
  });
  const { value: group, error } = told.value;
  return (
    <section class="section" aria-labelledby="group-title">
      <div class="section-head">
        <h2 id="group-title">{groupId}</h2>
        {group !== undefined && (
          <p class="quiet">
            {group.state} · {group.protocol} protocol · {plural(group.members.length, "member")} ·{" "}
            {formatCount(group.lag)} behind
          </p>
        )}
        <button type="button" class="back" onClick={() => go({ page: "groups" })}>
          All groups
        </button>
      </div>
      <div class="section-body">
        {error !== undefined && (
          <p class="notice" role="alert">
            {error}
          </p>
        )}
        {group !== undefined && (
          <>
            <Chart
              title="Lag"
              summary={`${plural(group.lag, "record")} not read yet`}
              series={lag.value}
              format={formatRate}
            />
            <Members group={group} />
            <Offsets group={group} />
            <div class="danger-zone">
              <button
                type="button"
                class="danger"
                disabled={group.members.length > 0}
                title={group.members.length > 0 ? "It has members: they have to leave first" : undefined}
                onClick={() => (isAsking.value = true)}
              >
                Delete the group
              </button>
            </div>
          </>
        )}
      </div>
      {isAsking.value && (
        <Confirm
          title={`Delete the group “${groupId}”?`}
          action="Delete the group"
          onConfirm={async () => {
            await rivulet.admin.deleteGroup(groupId);
            go({ page: "groups" });
          }}
          onClose={() => (isAsking.value = false)}
        >
          <p>Its offsets are forgotten: who comes back under this name begins anew.</p>
        </Confirm>
      )}
    </section>
  );
}

function Members({ group }: { group: GroupDescription }) {
  if (group.members.length === 0) return null;
  return (
    <>
      <h3>Members</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Client</th>
            <th scope="col">Host</th>
            <th scope="col">Has</th>
            <th scope="col">Member id</th>
          </tr>
        </thead>
        <tbody>
          {group.members.map(({ memberId, instanceId, clientId, host, assignment }) => (
            <tr key={memberId}>
              <th scope="row">
                {clientId}
                {instanceId !== undefined && <span class="quiet"> (static: {instanceId})</span>}
              </th>
              <td>{host}</td>
              <td>
                {assignment.map(({ topic, partitions }) => `${topic} ${partitions.join(", ")}`).join("; ")}
              </td>
              <td>
                <code>{memberId}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Offsets({ group }: { group: GroupDescription }) {
  if (group.partitions.length === 0) return null;
  const clients = new Map(group.members.map(({ memberId, clientId }) => [memberId, clientId]));
  return (
    <>
      <h3>Offsets</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Topic</th>
            <th scope="col" class="number">
              Partition
            </th>
            <th scope="col" class="number">
              Committed
            </th>
            <th scope="col" class="number">
              End
            </th>
            <th scope="col" class="number">
              Lag
            </th>
            <th scope="col">Read by</th>
          </tr>
        </thead>
        <tbody>
          {group.partitions.map(({ topic, partition, offset, highWatermark, lag, memberId }) => (
            <tr key={`${topic}/${partition}`}>
              <th scope="row">{topic}</th>
              <td class="number">{partition}</td>
              <td class="number">{offset === undefined ? "none" : formatCount(offset)}</td>
              <td class="number">{highWatermark === undefined ? "–" : formatCount(highWatermark)}</td>
              <td class="number">{lag === undefined ? "–" : formatCount(lag)}</td>
              <td>{memberId === undefined ? "nobody" : (clients.get(memberId) ?? memberId)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
