/** Kafka's text form of a uuid: its 16 bytes in url-safe base64 (RFC 4648, section 5) without padding, 22 characters. */

/** The uuid that stands for none. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

export const UUID_BYTES = 16;
const UUID_CHARACTERS = 22;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHARACTERS: readonly string[] = ALPHABET.split("");
/** Value by character code; -1 for what is not in the alphabet. */
const VALUES = new Int8Array(128).fill(-1);
for (const [value, character] of CHARACTERS.entries()) VALUES[character.charCodeAt(0)] = value;

/** The text of the 16 bytes at `at`, which have to be there. */
export function readUuid(view: DataView, at: number): string {
  let text = "";
  for (let i = 0; i < 15; i += 3) {
    const bits = (view.getUint16(at + i) << 8) | view.getUint8(at + i + 2);
    text += character(bits >> 18) + character(bits >> 12) + character(bits >> 6) + character(bits);
  }
  const last = view.getUint8(at + 15);
  return text + character(last >> 2) + character(last << 4);
}

/** Writes the 16 bytes of `text` at `at`. False, with nothing said about the bytes, when it is no uuid. */
export function writeUuid(text: string, view: DataView, at: number): boolean {
  if (text.length !== UUID_CHARACTERS) return false;
  let invalid = 0;
  const value = (index: number): number => {
    const found = VALUES[text.charCodeAt(index)] ?? -1;
    invalid |= found;
    return found;
  };
  for (let i = 0, from = 0; i < 15; i += 3, from += 4) {
    const bits = (value(from) << 18) | (value(from + 1) << 12) | (value(from + 2) << 6) | value(from + 3);
    view.setUint16(at + i, bits >> 8);
    view.setUint8(at + i + 2, bits);
  }
  const high = value(20);
  const low = value(21);
  view.setUint8(at + 15, (high << 2) | (low >> 4));
  // The last character carries two bits; with more, one uuid would have several texts.
  return invalid >= 0 && (low & 0x0f) === 0;
}

function character(value: number): string {
  return CHARACTERS[value & 63] ?? "";
}
