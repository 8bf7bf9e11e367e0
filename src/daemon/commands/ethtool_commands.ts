/** Commands of `ipoib ethtool`, except settings (`link.show`) and statistics (`stats`). After Linux ipoib_ethtool.c. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import {
  type CommandContext,
  type DataCommands,
  findInterface,
} from "./context.ts";
import { VERSION } from "../../ipc/version.ts";
import type { FeatureRecord } from "../../ipc/schema.ts";

export const ethtoolCommands = {
  "coalesce.get": (context, { name }) => {
    const { rxUsecs, rxFrames } =
      findInterface(context, name).moderation.values;
    return { "rx-usecs": rxUsecs, "rx-frames": rxFrames };
  },
  "coalesce.set": (context, { name, values }) => {
    const { "rx-usecs": rxUsecs, "rx-frames": rxFrames, ...others } = values;
    const [unsupported] = Object.keys(others);
    if (unsupported !== undefined) {
      throw new IpoibError(
        "E_COALESCE_PARAMETER",
        "cannot modify an unsupported parameter",
        { errno: Errno.EOPNOTSUPP, hint: "rx-usecs and rx-frames only" },
      );
    }
    findInterface(context, name).moderation.set({
      ...(rxUsecs === undefined ? {} : { rxUsecs }),
      ...(rxFrames === undefined ? {} : { rxFrames }),
    });
    return {};
  },
  "driver": (context, { name }) => {
    findInterface(context, name);
    const { firmware, busInfo } = context.port.attributes;
    return {
      "driver": "ib_ipoib",
      "version": VERSION,
      "firmware-version": firmware,
      "expansion-rom-version": "",
      "bus-info": busInfo,
      "supports-statistics": true,
      "supports-test": false,
      "supports-eeprom-access": false,
      "supports-register-dump": false,
      "supports-priv-flags": false,
    };
  },
  "features": (context, { name }) => {
    findInterface(context, name);
    return features(context);
  },
} satisfies Partial<DataCommands>;

/**
 * Returns the offload features. Features of the HCA are fixed. The others have the kernel's defaults; changes by
 * `ethtool -K` on the device are not reflected.
 */
function features({ port }: CommandContext): FeatureRecord[] {
  const { receiveChecksum, transmitChecksum, segmentation } =
    port.attributes.capabilities;
  const feature = (name: string, active: boolean, fixed: boolean) => ({
    name,
    active,
    fixed,
    requested: active,
  });
  return [
    feature("rx-checksum", receiveChecksum, true),
    feature("tx-checksum-ipv4", transmitChecksum, true),
    feature("tx-scatter-gather", true, true),
    feature("tx-tcp-segmentation", segmentation !== "none", true),
    feature("highdma", true, true),
    feature("vlan-challenged", true, true),
    feature("tx-generic-segmentation", true, false),
    feature("rx-gro", true, false),
    feature("tx-nocache-copy", false, false),
    feature("rx-gro-list", false, false),
    feature("rx-udp-gro-forwarding", false, false),
  ];
}
