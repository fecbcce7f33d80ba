/** Fetches a JWKS: bounded, never redirected, and not from where only machines ask for their secrets. */
import { lookup } from "node:dns";
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

const BODY_BYTES_MAX = 1024 * 1024;

/** Link-local addresses, where clouds tell a machine its credentials, and those of that kind that lie elsewhere. */
const refused = new BlockList();
refused.addSubnet("169.254.0.0", 16, "ipv4");
refused.addSubnet("0.0.0.0", 8, "ipv4");
refused.addSubnet("224.0.0.0", 4, "ipv4");
refused.addAddress("100.100.100.200", "ipv4");
refused.addSubnet("fe80::", 10, "ipv6");
refused.addSubnet("ff00::", 8, "ipv6");
refused.addAddress("::", "ipv6");
refused.addAddress("fd00:ec2::254", "ipv6");

/** Whether keys are not fetched from this address. */
export function isRefusedAddress(address: string): boolean {
  const family = isIP(address);
  // An IPv4 address in IPv6's clothes is looked up as what it is.
  return family === 0 || refused.check(address, family === 4 ? "ipv4" : "ipv6");
}

export interface FetchKeysOptions {
  signal: AbortSignal;
  isAnyAddressAllowed: boolean;
}

/** The body as text. Rejects with an Error that says why, for the log. */
export function fetchKeys(url: URL, { signal, isAnyAddressAllowed }: FetchKeysOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    // An address that is written out is not looked up.
    if (!isAnyAddressAllowed && isIP(host) !== 0 && isRefusedAddress(host))
      return reject(new Error(`${host} is an address that keys are not fetched from`));
    const get = url.protocol === "https:" ? httpsGet : httpGet;
    const options = {
      signal,
      headers: { accept: "application/jwk-set+json, application/json" },
      ...(isAnyAddressAllowed ? {} : { lookup: lookupChecked }),
    };
    const request = get(url, options, (response) => bodyOf(response).then(resolve, reject));
    request.once("error", reject);
  });
}

/** As Node's own, and fails for a name that leads to an address that is refused. */
const lookupChecked: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const [first] = addresses;
    const odd = addresses.find(({ address }) => isRefusedAddress(address));
    if (odd !== undefined || first === undefined) {
      const why = `${hostname} leads to ${odd?.address ?? "nowhere"}, which keys are not fetched from`;
      return callback(new Error(why), "", 0);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

async function bodyOf(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`status ${response.statusCode} instead of 200`);
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes > BODY_BYTES_MAX) {
      response.destroy();
      throw new Error(`more than ${BODY_BYTES_MAX} bytes of keys`);
    }
  }
  return Buffer.concat(pieces).toString("utf8");
}
