/** Example records of interfaces. */

import type {
  SavedInterface,
  SavedLink,
} from "../../../src/daemon/restart/saved_interface.ts";

const savedLink: SavedLink = {
  name: "ib0",
  label: "ib0.7",
  takesUdpFrames: true,
  up: true,
  mode: "connected",
  umcast: false,
  mtu: 9000,
  moderation: { rxUsecs: 16, rxFrames: 8, adaptive: false },
  features: { "tx-checksum-ipv4": true },
  recvQueueSize: 256,
  neighbours: [{ dst: "10.0.0.7", lladdr: "80:00" }],
};

export const saved: SavedInterface = {
  parent: savedLink,
  children: [{
    ...savedLink,
    ...{ name: "ib0.8001", label: "ib0.8001.8", pkey: 0x8001, kind: "legacy" },
  }],
  debug: { debug: 1, multicast: 0, data: 0 },
};
