/** Kafka's text form of a uuid: 16 bytes as url-safe base64 without padding, 22 characters. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function uuidText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < 16; at += 3) {
    const three = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let shift = 18; shift >= 0; shift -= 6) text += ALPHABET.charAt((three >> shift) & 63);
  }
  return text.slice(0, 22);
}

/** A new id. As in Kafka none begins with a dash, which tools would take for an option, and the reserved ones are left out. */
export function newUuid(random: () => Uint8Array): string {
  for (;;) {
    const text = uuidText(random());
    if (!text.startsWith("-") && !text.startsWith("AAAAAAAAAAAAAAAAAAAAA")) return text;
  }
}
