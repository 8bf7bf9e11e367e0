/** Checks of the port: device, state, LID, rate, and the P_Key table. */

import { hex } from "../../base/hex.ts";
import type { LinkRecord } from "../../ipc/schema.ts";
import type { InterfaceFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";
import { isEmbedded, portDown, portName } from "../link.ts";

export const portChecks: readonly Check<InterfaceFacts>[] = [
  { name: "device", run: device },
  { name: "port", run: port },
  { name: "LID", run: lid },
  { name: "rate", run: rate },
  { name: "P_Key", run: pkey },
  { name: "membership", run: membership },
];

function device({ link: { hca } }: InterfaceFacts): Finding | undefined {
  if (isEmbedded(hca)) return undefined;
  return hca.lost === undefined ? ok(`${hca.device} is present`) : failure(
    `${hca.device} is lost: ${hca.lost}`,
    "the interface continues when the device is back under the same name; see dmesg and rdma link",
  );
}

function port({ link: { hca } }: InterfaceFacts): Finding {
  const state = `${portName(hca)} is ${hca.port_state} (${hca.phys_state})`;
  if (hca.port_state === "ACTIVE") return ok(state);
  return failure(state, portRemedy(hca));
}

function portRemedy(hca: LinkRecord["hca"]): string {
  const up = `ipoib subnet fault ${hca.subnet} port ${hca.guid} up`;
  if (isEmbedded(hca)) {
    return hca.port_state === "DOWN"
      ? `it was set down by ipoib subnet fault; set it up: ${up}`
      : `the manager of the subnet has not set the port up: ipoib subnet show ${hca.subnet}`;
  }
  if (hca.port_state !== "DOWN") {
    return "no subnet manager has activated the port: start opensm on one host, or enable the switch's manager; see sminfo";
  }
  if (hca.link_layer === "ethernet") {
    return "set the network device of the port up, and check its cable: rdma link, ethtool";
  }
  return hca.phys_state === "Disabled"
    ? "the port is disabled: ibportstate enables it"
    : "check the cable and the port at its other end: ibstat, iblinkinfo";
}

function lid({ link: { hca } }: InterfaceFacts): Finding | undefined {
  if (hca.link_layer === "ethernet") return undefined;
  if (portDown(hca)) return skipped(portDown(hca)!);
  return hca.lid !== 0 ? ok(`LID ${hex(hca.lid)}`) : failure(
    "the port has no LID",
    isEmbedded(hca)
      ? `the manager assigns LIDs: ipoib subnet show ${hca.subnet}`
      : "the subnet manager assigns LIDs: see sminfo and the log of opensm",
  );
}

/** A wide port whose cable has lost lanes trains with one lane. */
function rate({ link: { hca } }: InterfaceFacts): Finding {
  if (portDown(hca)) return skipped(portDown(hca)!);
  const text = `${hca.rate_mbps / 1000} Gb/sec, ${hca.width} ${
    hca.width === 1 ? "lane" : "lanes"
  } of ${hca.lane_mbps / 1000} Gb/sec`;
  return hca.width === 1 && hca.link_layer === "infiniband"
    ? warning(
      text,
      "most ports have four lanes: reseat or replace the cable; see iblinkinfo",
    )
    : ok(text);
}

function pkey({ link, doctor }: InterfaceFacts): Finding {
  const { hca, pkey, pkey_index: index } = link;
  const table = "value" in doctor ? doctor.value.port.pkeys : undefined;
  const details = table === undefined ? [] : [
    `table ${
      table.filter((each) => each !== 0).map((each) => hex(each)).join(", ")
    }`,
  ];
  if (index !== undefined) return ok(`${pkey} at index ${index}`, details);
  if (portDown(hca)) return skipped(portDown(hca)!);
  return failure(
    `${pkey} is not in the port's table`,
    isEmbedded(hca)
      ? `make the port a member in partitions.conf (ipoib subnet reload ${hca.subnet}), or undo a fault: ipoib subnet fault ${hca.subnet} port ${hca.guid} pkeys`
      : "make the port a member of the partition in the subnet manager's configuration (partitions.conf of opensm)",
    details,
  );
}

function membership({ link }: InterfaceFacts): Finding | undefined {
  const { membership, pkey, unreached = [] } = link;
  if (membership === undefined) return undefined;
  if (membership === "full") return ok("full member of the partition");
  const details = unreached.map(({ destination, reason }) =>
    `${destination} not reached: ${reason}`
  );
  return warning(
    `limited member of partition ${pkey}, which reaches only full members`,
    "to reach limited members too, make this port a full member of the partition",
    details,
  );
}
