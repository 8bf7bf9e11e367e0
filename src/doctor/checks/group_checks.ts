/**
 * Checks of the subnet administrator and of the broadcast group: whether it is joined, and whether its parameters fit
 * the port and the interface. The parameters are those that the administrator returns, also if it refuses the join.
 */

import { shortGid } from "../../base/gid_text.ts";
import { hex } from "../../base/hex.ts";
import { formatRate, rateDataMbps } from "../../base/rates.ts";
import { pkeysMatch } from "../../base/units.ts";
import type { DoctorRecord, McgRecord } from "../../ipc/schema.ts";
import type { InterfaceFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";
import { broadcastGroup, isEmbedded, noLink, portDown } from "../link.ts";

/** Replies of an administrator take less, except on a subnet that is reconfigured. */
const SLOW_MS = 1000;
/** The Q_Key of OpenSM's broadcast groups, and that of ib_ipoib on Ethernet (RFC 4391 leaves it open). */
const USUAL_QKEY = 0x0b1b;
/** The partition of all requests to the administrator (IBTA vol. 1 13.5.1), without the membership bit. */
const DEFAULT_PKEY = 0x7fff;
const CONTROLLED_QKEY = 0x8000_0000;
/** Maximum number of other groups that are listed. */
const MAX_LISTED = 8;

type Group = NonNullable<DoctorRecord["broadcast"]>;

export const groupChecks: readonly Check<InterfaceFacts>[] = [
  { name: "SM", run: subnetManager },
  { name: "administrator", run: administrator },
  { name: "broadcast", run: broadcast },
  { name: "group MTU", run: (facts) => ofGroup(facts, mtu) },
  { name: "group rate", run: (facts) => ofGroup(facts, rate) },
  { name: "group Q_Key", run: (facts) => ofGroup(facts, qkey) },
  { name: "group P_Key", run: (facts) => ofGroup(facts, pkey) },
  { name: "group SL", run: (facts) => ofGroup(facts, sl) },
  { name: "other groups", run: otherGroups },
];

function subnetManager({ link: { hca } }: InterfaceFacts): Finding | undefined {
  if (hca.link_layer === "ethernet") return undefined;
  if (portDown(hca)) return skipped(portDown(hca)!);
  return hca.sm_lid !== 0 ? ok(`SM LID ${hex(hca.sm_lid)}`) : failure(
    "the port has no SM LID",
    "start a subnet manager, such as opensm on one host of the subnet",
  );
}

function administrator(
  { link: { hca }, doctor }: InterfaceFacts,
): Finding | undefined {
  if (hca.link_layer === "ethernet") return undefined;
  if (portDown(hca)) return skipped(portDown(hca)!);
  if (!("value" in doctor)) return skipped(doctor.why);
  const { administrator: { error, reply_ms: ms = 0 }, port } = doctor.value;
  if (error !== undefined) {
    if (!port.pkeys.some((pkey) => (pkey & 0x7fff) === DEFAULT_PKEY)) {
      return failure(
        `no answer, and the port is not in the default partition (${
          hex(DEFAULT_PKEY)
        }), in which the administrator is asked`,
        "make the port at least a limited member of the default partition",
      );
    }
    return failure(
      `the subnet administrator does not answer: ${error}`,
      isEmbedded(hca)
        ? `its process is stopped or gone, and another one takes over within seconds: ipoib subnet show ${hca.subnet}`
        : `is there a subnet manager at LID ${
          hex(hca.sm_lid)
        }? See sminfo, saquery and the log of opensm`,
    );
  }
  return ms < SLOW_MS ? ok(`answered after ${ms} ms`) : warning(
    `answered only after ${ms} ms`,
    "the subnet administrator is overloaded, or the fabric loses packets: see perfquery",
  );
}

function broadcast({ link, groups, doctor }: InterfaceFacts): Finding {
  const why = noLink(link);
  if (why !== undefined) return skipped(why);
  if (!("value" in groups)) return skipped(groups.why);
  const group = broadcastGroup(link, groups.value);
  const name = "value" in doctor ? doctor.value.broadcast_mgid : "the group";
  if (group?.complete) {
    return ok(`${name} is joined`, [`MLID ${hex(group.mlid ?? 0)}`]);
  }
  if (group === undefined) return skipped(`not joined: ${link.state}`);
  if ("value" in doctor && doctor.value.administrator.error !== undefined) {
    return failure(
      `${name} is not joined`,
      "the subnet administrator must answer first: see administrator",
    );
  }
  return failure(
    // The state has the reason, and the MGID.
    link.state,
    isEmbedded(link.hca)
      ? `change the partition of ${link.pkey} in partitions.conf, then ipoib subnet reload ${link.hca.subnet}`
      : `change the partition of ${link.pkey} in the subnet manager's configuration (partitions.conf of opensm)`,
  );
}

/** Runs a check of the broadcast group's parameters. */
function ofGroup(
  facts: InterfaceFacts,
  run: (group: Group, facts: InterfaceFacts, record: DoctorRecord) => Finding,
): Finding {
  const { doctor, link } = facts;
  const why = noLink(link);
  if (why !== undefined) return skipped(why);
  if (!("value" in doctor)) return skipped(doctor.why);
  const { administrator: { error }, broadcast: group } = doctor.value;
  if (group) return run(group, facts, doctor.value);
  return skipped(
    error === undefined
      ? "the administrator has no such group for this port"
      : "the administrator does not answer",
  );
}

function mtu(
  { mtu }: Group,
  { link }: InterfaceFacts,
  { port }: DoctorRecord,
): Finding {
  const text = `${mtu}, the port has ${port.mtu}`;
  if (mtu <= port.mtu) return ok(text);
  return failure(
    text,
    isEmbedded(link.hca)
      ? "set mtu=4 (2048) in partitions.conf, or start the subnet with --subnet-mtu 4096"
      : "set a smaller mtu= in partitions.conf, or a larger MTU of the port (driver, switch)",
  );
}

function rate(
  { rate_code: code }: Group,
  _facts: unknown,
  { port }: DoctorRecord,
) {
  const own = port.rate_code;
  const group = rateDataMbps(code);
  if (own === undefined || group === undefined) {
    return ok(`${formatRate(code)}; the rate of the port is not comparable`);
  }
  const text = `${formatRate(code)}, the port has ${formatRate(own)}`;
  return group <= rateDataMbps(own)! ? ok(text) : failure(
    text,
    "set a lower rate= in partitions.conf, or find out why the port is slow: check its cable",
  );
}

/** The joined Q_Key differs from that of the administrator if the group was created again meanwhile. */
function qkey({ qkey }: Group, facts: InterfaceFacts): Finding {
  const joined = joinedGroup(facts)?.qkey;
  if (joined !== undefined && joined !== qkey) {
    return failure(
      `${hex(qkey, 8)}, the interface uses ${hex(joined, 8)}`,
      joinAgain(facts),
    );
  }
  const notes = [
    ...qkey === USUAL_QKEY ? [] : [`most subnets use ${hex(USUAL_QKEY, 8)}`],
    ...qkey >= CONTROLLED_QKEY
      ? ["a controlled Q_Key: on a device, ipoib needs CAP_NET_RAW"]
      : [],
  ];
  return ok(hex(qkey, 8), notes);
}

/** Returns the remedy for a group that has other values than at the time of the join. */
function joinAgain({ link: { ifname } }: InterfaceFacts): string {
  const set = `ip link set ${ifname}`;
  return `the group was created again: ${set} down; ${set} up`;
}

function pkey({ pkey }: Group, { link }: InterfaceFacts): Finding {
  const text = `${hex(pkey)}, the interface has ${link.pkey}`;
  return pkeysMatch(pkey, Number(link.pkey)) ? ok(text) : failure(
    text,
    "the subnet manager has given the group another partition: correct its configuration",
  );
}

function sl({ sl }: Group, facts: InterfaceFacts): Finding {
  const joined = joinedGroup(facts)?.sl;
  return joined === undefined || joined === sl ? ok(`${sl}`) : failure(
    `${sl}, the interface uses ${joined}`,
    joinAgain(facts),
  );
}

/**
 * A group that is only sent to is joined with the next packet, so that a join without a reply is no fault of the group.
 */
function otherGroups({ link, groups }: InterfaceFacts) {
  const why = noLink(link);
  if (why !== undefined) return skipped(why);
  if (!("value" in groups)) return skipped(groups.why);
  const own = broadcastGroup(link, groups.value);
  const others = groups.value.filter((group) => group !== own);
  const failed = others.filter(({ error, reason, send_only: sendOnly }) =>
    reason !== undefined || error !== undefined && !sendOnly
  );
  if (failed.length === 0) return ok(`${others.length}, none is refused`);
  const listed = failed.slice(0, MAX_LISTED).map(failedGroup);
  const more = failed.length - listed.length;
  return more === 0 ? listed : [
    ...listed,
    warning(`${more} more groups are not joined`, "ipoib mcg show"),
  ];
}

function failedGroup({ mgid, reason, error, dev }: McgRecord): Finding {
  return reason === undefined
    ? warning(
      `${shortGid(mgid)} is not joined: ${error}`,
      `the join is repeated; see administrator, and ipoib mcg show ${dev}`,
    )
    : warning(
      `${shortGid(mgid)} is not joined: ${reason}`,
      "give the group the parameters of the broadcast group, in the subnet manager's configuration",
    );
}

/** Returns the broadcast group as it was joined. */
function joinedGroup(
  { link, groups }: InterfaceFacts,
): McgRecord | undefined {
  if (!("value" in groups)) return undefined;
  const group = broadcastGroup(link, groups.value);
  return group?.complete ? group : undefined;
}
