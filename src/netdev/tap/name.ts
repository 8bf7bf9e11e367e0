/** Names of network interfaces, and the kernel's restrictions on them (`dev_valid_name()`). */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { IFNAMSIZ, IFREQ_LENGTH } from "./constants.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Throws `E_NAME` if the kernel would refuse the name. The kernel replaces one `%d` with the next free number. */
export function checkName(name: string): void {
  const length = encoder.encode(name).length;
  let why: string | undefined;
  if (length === 0) why = "it is empty";
  else if (length >= IFNAMSIZ) why = `it is longer than ${IFNAMSIZ - 1} bytes`;
  else if (name === "." || name === "..") why = "it is the name of a directory";
  // deno-lint-ignore no-control-regex
  else if (/[/:\s\x00]/.test(name)) {
    why = 'it contains "/", ":", or white space';
  } else if (name.replace("%d", "").includes("%")) {
    why = 'it contains "%" other than one "%d"';
  }
  if (why) {
    throw new IpoibError(
      "E_NAME",
      `Cannot name a network interface "${name}": ${why}`,
      { errno: Errno.EINVAL, hint: "choose a name such as ib0" },
    );
  }
}

/** Returns a struct ifreq with a name. */
export function interfaceRequest(name: string): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ_LENGTH);
  request.set(encoder.encode(name).subarray(0, IFNAMSIZ - 1));
  return request;
}

/** Returns the name in a struct ifreq. */
export function requestName(request: Uint8Array): string {
  const end = request.indexOf(0);
  return decoder.decode(request.subarray(0, Math.min(end, IFNAMSIZ)));
}
