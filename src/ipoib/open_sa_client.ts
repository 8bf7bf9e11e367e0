/** The client of the subnet administrator on a port: its agent, its timer, and where the port has the administrator. */

import type { HcaPort, PortAttributes } from "../hca/hca.ts";
import { type ManagerLocation, SaClient } from "../sa/client.ts";
import type { Reactor } from "../system/reactor.ts";
import { PERMISSIVE_LID } from "../wire/lrh.ts";
import { MgmtClass } from "../wire/mad.ts";

/** What the client takes of a port. */
export interface SaPort extends Pick<HcaPort, "openMadAgent"> {
  readonly attributes: Pick<
    PortAttributes,
    "linkLayer" | "smLid" | "smSl" | "pkeys"
  >;
}

/** A client that the reactor drives. */
export interface OpenSaClient {
  readonly sa: SaClient;
  /** Ends the client, with what is under way, and the port's agent. */
  close(): void;
}

/** Opens the port's agent of the class SubnAdm; throws what {@linkcode HcaPort.openMadAgent} throws. */
export function openSaClient(
  reactor: Pick<Reactor, "clock" | "timer">,
  port: SaPort,
): OpenSaClient {
  const agent = port.openMadAgent(MgmtClass.SubnAdm);
  const timer = reactor.timer((now) => sa.tick(now));
  const sa = new SaClient({
    agent,
    location: () => managerLocation(port.attributes),
    wakeAt: (when) => timer.at(when),
  });
  agent.onMad = (mad, from) => sa.onMad(mad, from, reactor.clock.now());
  return {
    sa,
    close: () => {
      timer.close();
      agent.close();
    },
  };
}

function managerLocation(
  { linkLayer, smLid, smSl, pkeys }: SaPort["attributes"],
): ManagerLocation {
  return {
    // Where there is no manager (RoCE) the port itself answers.
    smLid: linkLayer === "ethernet" ? PERMISSIVE_LID : smLid,
    smSl,
    // MADs are sent with the P_Key of the default partition (IBTA vol. 1 13.5.1).
    pkeyIndex: Math.max(
      0,
      pkeys.findIndex((pkey) => (pkey & 0x7fff) === 0x7fff),
    ),
  };
}
