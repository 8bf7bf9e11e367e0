/** Registers a port on its hello, or refuses it. */

import { formatGuid } from "../base/hex.ts";
import {
  formatPid,
  ibMtuBytes,
  type IbMtuCode,
  ibMtuCode,
  type Millis,
} from "../base/units.ts";
import {
  type ForeignHello,
  type Hello,
  PROTOCOL_VERSION,
  RefusalCode,
  type Refused,
} from "./messages.ts";
import type { SubnetPort } from "./ports.ts";
import { DEFAULT_MTU_CODE, MAX_PORTS } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/**
 * Registers a port and returns it, or returns the refusal. The first port sets the subnet's MTU, unless it was set
 * before.
 */
export function register(
  subnet: Subnet,
  connection: number,
  hello: Hello | ForeignHello,
  now: Millis,
): SubnetPort | Refused {
  if (!isOurs(hello)) {
    return refused(
      RefusalCode.Version,
      `The port uses version ${hello.version} of the subnet protocol, the manager uses version ${PROTOCOL_VERSION}`,
      "use the same version of ipoib for all interfaces of the subnet",
    );
  }
  const mtu = ibMtuBytes(subnet.mtuCode)!;
  if (
    subnet.mtuIsSettled && hello.subnetMtu !== undefined &&
    hello.subnetMtu !== mtu
  ) {
    return refused(
      RefusalCode.Mtu,
      `The subnet has MTU ${mtu}, --subnet-mtu requires ${hello.subnetMtu}`,
      "omit --subnet-mtu, or use another subnet",
    );
  }
  const guid = grantGuid(subnet, hello, now);
  if (typeof guid !== "bigint") return guid;
  if (!subnet.mtuIsSettled) {
    subnet.settleMtu(
      hello.subnetMtu === undefined
        ? DEFAULT_MTU_CODE
        : ibMtuCode(hello.subnetMtu) as IbMtuCode,
    );
  }
  const full = (message: string) =>
    refused(RefusalCode.Full, message, "use another subnet");
  if (subnet.ports.size >= MAX_PORTS) {
    return full(`The subnet has the maximum of ${MAX_PORTS} ports`);
  }
  return subnet.ports.add({
    connection,
    guid,
    name: hello.name,
    pid: hello.pid,
    pkeys: subnet.pkeysFor(guid),
    secret: hello.secret,
    ...(hello.lid === undefined ? {} : { lid: hello.lid }),
  }, now) ?? full("The subnet has no free LID");
}

/** Returns the refusal message. */
export function refused(code: string, message: string, hint: string): Refused {
  return { type: "refused", code, message, hint };
}

function isOurs(hello: Hello | ForeignHello): hello is Hello {
  return hello.version === PROTOCOL_VERSION;
}

/** Returns the requested GUID, or the next free GUID unless the hello requires the requested one, or a refusal. */
function grantGuid(
  subnet: Subnet,
  hello: Hello,
  now: Millis,
): bigint | Refused {
  const asked = BigInt(hello.guid);
  const returning = hello.lid !== undefined;
  for (let guid = asked;; guid = BigInt.asUintN(64, guid + 1n)) {
    if (
      guid !== 0n && guid !== subnet.managerGuid &&
      subnet.ports.guidIsFree(guid, returning, now)
    ) return guid;
    if (hello.guidFixed === true) {
      const owner = subnet.ports.byGuid(guid);
      const whose = guid === 0n
        ? "is not a GUID"
        : owner === undefined
        ? "is the subnet manager's, or reserved for a port of the previous manager"
        : `is in use by ${owner.name} (${formatPid(owner.pid)})`;
      return refused(
        RefusalCode.Guid,
        `GUID ${formatGuid(guid)} ${whose}`,
        "choose another --guid, or omit it",
      );
    }
  }
}
