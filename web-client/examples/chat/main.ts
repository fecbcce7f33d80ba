/** A chat that works offline: what was said is on this device, and what you say there is sent once there is a way. */
import { connect, json, type LocalRecord } from "@rivulet/client";
import { gatewayUrl } from "../gateway-url.ts";

interface Message {
  readonly from: string;
  readonly text: string;
}

const rivulet = await connect({ url: gatewayUrl });
const room = rivulet.topic<Message>("chat", { value: json<Message>() });

const form = document.querySelector("form")!;
const list = document.querySelector("#messages")!;
const state = document.querySelector("#state")!;
const field = (name: string): HTMLInputElement => form.elements.namedItem(name) as HTMLInputElement;

const showState = (): void => void (state.textContent = rivulet.state.name);
rivulet.addEventListener("state", showState);
showState();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = { from: field("from").value, text: field("text").value };
  field("text").value = "";
  room.publish({ key: message.from, value: message });
});

field("offline").addEventListener("change", (event) => {
  if ((event.target as HTMLInputElement).checked) rivulet.goOffline();
  else rivulet.goOnline();
});

/** By the records' ids: what waits has the same one when it has come, and goes to its place before all that still waits. */
const lines = new Map<string, HTMLLIElement>();

function show(record: LocalRecord<Message>): void {
  const line = lines.get(record.id) ?? document.createElement("li");
  lines.set(record.id, line);
  line.textContent = `${record.value?.from}: ${record.value?.text}`;
  line.toggleAttribute("data-waiting", record.isPending);
  line.title = (record.isPending && record.reason) || "";
  if (record.isPending && record.state === "gone") line.remove();
  else if (!record.isPending) list.insertBefore(line, list.querySelector("[data-waiting]"));
  else if (!line.isConnected) list.append(line);
  line.scrollIntoView();
}

const replica = await room.replicate();
for await (const record of replica.follow({ pending: true })) show(record);
