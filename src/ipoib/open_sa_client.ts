/** Opens a subnet administration client on a port: connects it to a MAD agent, a timer and the port attributes. */

import type { Logger } from "../base/log.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { type ManagerLocation, SaClient } from "../sa/client.ts";
import type { Reactor } from "../system/reactor.ts";
import { ADMINISTRATOR_GUID, gidFrom, gidPrefix } from "../wire/gid.ts";
import { PERMISSIVE_LID } from "../wire/lrh.ts";
import { type MadGrh, MgmtClass } from "../wire/mad.ts";

/** The parts of a port that the client uses. */
export interface SaPort extends Pick<HcaPort, "openMadAgent"> {
  readonly attributes: Pick<
    PortAttributes,
    "linkLayer" | "state" | "smLid" | "smSl" | "pkeys" | "gid" | "grhRequired"
  >;
}

/** A client driven by the reactor. */
export interface OpenSaClient {
  readonly sa: SaClient;
  /** Closes the timer and the agent. Callbacks of pending requests are not called. */
  close(): void;
}

/** Opens a client with the port's agent of class SubnAdm. Throws the errors of {@linkcode HcaPort.openMadAgent}. */
export function openSaClient(
  reactor: Pick<Reactor, "clock" | "timer">,
  port: SaPort,
  log?: Logger,
): OpenSaClient {
  const agent = port.openMadAgent(MgmtClass.SubnAdm);
  const timer = reactor.timer((now) => sa.tick(now));
  const sa = new SaClient({
    agent,
    location: () => managerLocation(port.attributes),
    active: () => port.attributes.state === "active",
    wakeAt: (when) => timer.at(when),
    log,
  });
  agent.onMad = (mad, from) => sa.onMad(mad, from, reactor.clock.now());
  agent.onSendFailed = (id, errno) => sa.onSendFailed(id, errno);
  return {
    sa,
    close: () => {
      timer.close();
      agent.close();
    },
  };
}

function managerLocation(
  { linkLayer, smLid, smSl, pkeys, gid, grhRequired }: SaPort["attributes"],
): ManagerLocation {
  const ethernet = linkLayer === "ethernet";
  return {
    // An Ethernet port (RoCE) has no subnet manager: it answers requests itself.
    smLid: ethernet ? PERMISSIVE_LID : smLid,
    smSl,
    // MADs are sent with the P_Key of the default partition (IBTA vol. 1 13.5.1).
    pkeyIndex: Math.max(
      0,
      pkeys.findIndex((pkey) => (pkey & 0x7fff) === 0x7fff),
    ),
    ...(grhRequired && !ethernet ? { grh: managerGrh(gid) } : {}),
  };
}

/** Returns the GRH of requests of the port with this GID (as in Linux update_sm_ah). */
function managerGrh(gid: Uint8Array): MadGrh {
  return {
    gid: gidFrom(gidPrefix(gid), ADMINISTRATOR_GUID),
    ...{ sgidIndex: 0, flowLabel: 0, hopLimit: 0, trafficClass: 0 },
  };
}
