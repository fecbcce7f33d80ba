/** A chat that works offline: what was said is on this device, and what you say there is sent once there is a way. */
import { connect, json } from "@rivulet/client";
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

function show({ from, text }: Message, isSent: boolean): HTMLLIElement {
  const line = document.createElement("li");
  line.textContent = `${from}: ${text}`;
  line.toggleAttribute("data-waiting", !isSent);
  list.append(line);
  line.scrollIntoView();
  return line;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = { from: field("from").value, text: field("text").value };
  field("text").value = "";
  const line = show(message, false);
  // Once it is in the log the replica brings it, in its place among the others.
  room.publish({ key: message.from, value: message }).delivered.then(
    () => line.remove(),
    (error: Error) => line.setAttribute("title", error.message),
  );
});

field("offline").addEventListener("change", (event) => {
  if ((event.target as HTMLInputElement).checked) rivulet.goOffline();
  else rivulet.goOnline();
});

// What was said here before a reload, and still waits.
for (const { topic, value } of await rivulet.outbox.list()) {
  if (topic !== "chat" || value === null) continue;
  const line = show(JSON.parse(new TextDecoder().decode(value)) as Message, false);
  rivulet.outbox.addEventListener("change", () => void (rivulet.outbox.pending === 0 && line.remove()));
}

const replica = await room.replicate();
for await (const { value } of replica.follow()) if (value !== null) show(value, true);
