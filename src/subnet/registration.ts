/** A port's hello: what it gets, or why it is refused. */

import { formatGuid } from "../base/hex.ts";
import {
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

/** Registers the port, settling the subnet's MTU if it is the first. */
export function register(
  subnet: Subnet,
  connection: number,
  hello: Hello | ForeignHello,
  now: Millis,
): SubnetPort | Refused {
  if (!isOurs(hello)) {
    return refused(
      RefusalCode.Version,
      `The port speaks version ${hello.version} of the subnet's messages, the manager version ${PROTOCOL_VERSION}`,
      "use the same version of ipoib for every port of the subnet",
    );
  }
  const mtu = ibMtuBytes(subnet.mtuCode)!;
  if (
    subnet.mtuIsSettled && hello.subnetMtu !== undefined &&
    hello.subnetMtu !== mtu
  ) {
    return refused(
      RefusalCode.Mtu,
      `The subnet has MTU ${mtu}, not ${hello.subnetMtu} as --subnet-mtu asks for`,
      "leave --subnet-mtu out, or use another subnet",
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
  const full = () =>
    refused(
      RefusalCode.Full,
      "The subnet has no LID left",
      "use another subnet",
    );
  if (subnet.ports.size >= MAX_PORTS) return full();
  return subnet.ports.add({
    connection,
    guid,
    name: hello.name,
    pid: hello.pid,
    pkeys: subnet.pkeysFor(guid),
    secret: hello.secret,
    ...(hello.lid === undefined ? {} : { lid: hello.lid }),
  }, now) ?? full();
}

/** A refusal for the port. */
export function refused(code: string, message: string, hint: string): Refused {
  return { type: "refused", code, message, hint };
}

function isOurs(hello: Hello | ForeignHello): hello is Hello {
  return hello.version === PROTOCOL_VERSION;
}

/** The GUID asked for, or the next free one where that will do. */
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
        ? "is the subnet manager's, or kept for a port that is expected back"
        : `is in use by ${owner.name} (pid ${owner.pid})`;
      return refused(
        RefusalCode.Guid,
        `GUID ${formatGuid(guid)} ${whose}`,
        "choose another --guid, or leave it out",
      );
    }
  }
}
