/** Facts of interfaces with one fault. */

// deno-lint-ignore-file camelcase -- the keys are those of the records

import type { InterfaceFacts } from "../../src/doctor/facts.ts";
import type { DoctorRecord, LinkRecord } from "../../src/ipc/schema.ts";
import * as facts from "./facts.ts";

const { iface } = facts;

/** Returns the facts of an interface with another link record, and if `hca` is given with other members of its port. */
export function linked(
  change: Partial<LinkRecord>,
  hca: Partial<LinkRecord["hca"]> = {},
  base = facts.link,
): InterfaceFacts {
  const link = { ...base, ...change, hca: { ...base.hca, ...hca } };
  return { ...iface, link };
}

/** The same on the port of a device. */
export function onDevice(hca: Partial<LinkRecord["hca"]>): InterfaceFacts {
  return linked({}, hca, facts.deviceLink);
}

export function reported(change: Partial<DoctorRecord>): InterfaceFacts {
  return { ...iface, doctor: { value: { ...facts.doctorRecord, ...change } } };
}

export function grouped(change: Partial<typeof facts.group>): InterfaceFacts {
  return reported({ broadcast: { ...facts.group, ...change } });
}

export function withoutIndex(link: LinkRecord): LinkRecord {
  const { pkey_index: _, ...rest } = link;
  return rest;
}

/** The mode of an interface in connected mode. */
const { linkinfo } = facts.link;
export const connectedInfo = {
  ...linkinfo,
  info_data: { ...linkinfo.info_data, mode: "connected" as const },
};

/** An interface whose broadcast group has a larger MTU than the port. */
export const refused: InterfaceFacts = {
  ...linked({
    state:
      "broadcast group ff12:401b:ffff::ffff:ffff has MTU 4096, the port has 2048",
  }),
  groups: {
    value: [{
      ...facts.broadcast,
      complete: false,
      error: "status -22",
      reason: "the group has MTU 4096, the port has 2048",
    }],
  },
};
