/** Collects what is stored of an interface. */

import type { IpoibDevice } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { TapNetdev } from "../../netdev/open_netdev.ts";
import { linkAddressText } from "../../wire/link_address.ts";
import type { SavedInterface, SavedLink } from "./saved_interface.ts";

/** Returns the record of an interface and its children. */
export function saveInterface(device: IpoibDevice): SavedInterface {
  return {
    parent: saveLink(device.parent),
    children: device.children.map((child) => ({
      ...saveLink(child.interface),
      pkey: child.written,
      kind: child.kind,
    })),
    debug: { ...device.debugLevels },
  };
}

function saveLink(iface: IpoibInterface): SavedLink {
  const { name, connected, umcast, mtu, moderation, features } = iface;
  // All devices of a data worker are TAPs.
  const { tap, config, takesUdpFrames } = iface.netdev as TapNetdev;
  const { admin } = mtu;
  return {
    ...{ name, umcast, takesUdpFrames },
    label: tap.label,
    up: config.up,
    mode: connected.mode,
    ...(admin === undefined ? {} : { mtu: admin }),
    moderation: { ...moderation.values, adaptive: moderation.adaptive },
    features: Object.fromEntries(
      features.list().filter(({ fixed }) => !fixed)
        .map(({ name, requested }) => [name, requested]),
    ),
    recvQueueSize: iface.receiveQueueSize,
    neighbours: staticNeighbours(iface),
  };
}

function staticNeighbours({ neighbours }: IpoibInterface) {
  return neighbours.entries().flatMap(({ isStatic, address, peer }) =>
    isStatic && peer
      ? [{ dst: String(address), lladdr: linkAddressText(peer.address) }]
      : []
  );
}
